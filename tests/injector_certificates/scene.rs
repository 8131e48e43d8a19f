//! Replicas of the injector beside a fake API server, and API servers that call them.
//!
//! Time is virtual, for the wall clock of the replicas and for the verifying clients too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prometheus::Registry;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use stsidecar::injector::certificates::{Clock, Metrics, ServingCertificate, inspect, keep};
use stsidecar::injector::client_of;
use stsidecar::injector::config::{Config, Durations, Mode};
use stsidecar::time::Wall;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::api::{Api, WEBHOOKS};

/// 2026-11-22T06:00:00Z.
const BASE: i64 = 1_795_327_200;
pub const NAME: &str = "stsidecar-injector.stsidecar-system.svc";

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_hours(1);
pub const DAY: Duration = Duration::from_hours(24);
pub const SELF: Mode = Mode::SelfSigned(Durations {
    authority: Duration::from_hours(8760),
    leaf: Duration::from_hours(168),
});

#[derive(Clone, Copy, Debug)]
pub struct Time(Instant, i64);

impl Time {
    pub fn start() -> Self {
        Self(Instant::now(), BASE)
    }

    /// That of a node whose clock is wrong by so many seconds.
    pub fn wrong_by(self, seconds: i64) -> Self {
        Self(self.0, self.1 + seconds)
    }

    pub fn wall(self) -> Wall {
        Wall::from_unix_seconds(self.1).plus(self.0.elapsed())
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(
            self.wall().since(Wall::default()),
        ))
    }
}

pub struct Replica {
    pub serving: Arc<ServingCertificate>,
    pub metrics: Metrics,
    pub registry: Registry,
    shutdown: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Replica {
    pub fn start(api: &Api, time: Time, mode: Mode, jitter: f64) -> Self {
        Self::mounted(api, time, mode, jitter, "/nonexistent".into())
    }

    pub fn mounted(
        api: &Api,
        time: Time,
        mode: Mode,
        jitter: f64,
        folder: std::path::PathBuf,
    ) -> Self {
        let client = kube::Config::new(api.url.parse().expect("a URL"));
        let client = client_of(client).expect("a client");
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        let serving = Arc::<ServingCertificate>::default();
        let clock = Clock {
            wall: Arc::new(move || time.wall()),
            jitter,
        };
        let (shutdown, stopped) = watch::channel(false);
        let (config, served, counted) = (config(mode), serving.clone(), metrics.clone());
        let kept = keep(&config, folder, client, served, counted, clock, stopped);
        let task = tokio::spawn(kept);
        Self {
            serving,
            metrics,
            registry,
            shutdown,
            task,
        }
    }

    /// Waits until it is ready, at most `limit`.
    pub async fn ready_within(&self, limit: Duration) {
        let start = Instant::now();
        while !self.serving.is_ready() {
            assert!(
                start.elapsed() <= limit,
                "not ready after {limit:?}: {:?}",
                self.serving.readiness()
            );
            sleep(SECOND / 10).await;
        }
    }

    pub fn leaf(&self) -> CertificateDer<'static> {
        self.serving.current().expect("a certificate").cert[0].clone()
    }

    pub fn leaf_ends(&self) -> Wall {
        inspect::life(&self.leaf())
            .expect("a certificate")
            .not_after
    }

    pub fn gauge(&self, kind: &str) -> f64 {
        self.of_family("expiration", kind)
    }

    /// When the renewal is due at the latest.
    pub fn due(&self, kind: &str) -> f64 {
        self.of_family("renewal_timestamp", kind)
    }

    fn of_family(&self, part: &str, kind: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name().contains(part))
            .expect("the family");
        let metric = family
            .get_metric()
            .iter()
            .find(|metric| metric.get_label()[0].value() == kind);
        metric.expect("the kind").get_gauge().get_value()
    }

    /// It ends when it has to, and only then.
    pub async fn stop(self) {
        assert!(!self.task.is_finished(), "it ended by itself");
        self.shutdown.send(true).expect("it still listens");
        self.task.await.expect("no panic");
    }
}

/// The chart's names; tests have shorter lives than it takes.
fn config(mode: Mode) -> Config {
    let text = "
injector:
  namespace: stsidecar-system
  serviceName: stsidecar-injector
  webhookConfiguration: stsidecar-injector
  port: 9443
  metricsPort: 9912
  certs: {mode: self, secretName: stsidecar-injector-tls}
";
    let config = Config::read("/config.yaml".as_ref(), text.as_bytes()).expect("the chart's");
    Config {
        certificates: mode,
        ..config
    }
}

pub fn authorities(bundle: &str) -> Vec<CertificateDer<'static>> {
    inspect::read_pem(&STANDARD.decode(bundle).expect("base64")).unwrap_or_default()
}

/// Another client writes caBundle, in base64.
pub fn set_bundle(api: &Api, bundle: &str) {
    api.edit(WEBHOOKS, |configuration| {
        for webhook in configuration["webhooks"].as_array_mut().expect("webhooks") {
            webhook["clientConfig"]["caBundle"] = bundle.into();
        }
    });
}

/// One TLS handshake of an API server whose view of caBundle is behind by `lag`.
pub async fn call(api: &Api, time: Time, replica: &Replica, lag: Duration) -> Result<(), String> {
    handshake(&api.bundle(lag).ok_or("no caBundle yet")?, time, replica).await
}

async fn handshake(bundle: &str, time: Time, replica: &Replica) -> Result<(), String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(bundle));
    let client = ClientConfig::builder_with_details(provider.clone(), Arc::new(time))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(replica.serving.clone());
    let (near, far) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from(NAME).expect("a name");
    let connector = TlsConnector::from(Arc::new(client));
    let accepted = TlsAcceptor::from(Arc::new(server)).accept(far);
    let (connected, _) = tokio::join!(connector.connect(name, near), accepted);
    connected
        .map(drop)
        .map_err(|error| format!("{error} at {}", time.wall().rfc3339()))
}

/// Calls all replicas each `pause` for `lasts`, with API servers that are behind by 0, 10 and 25 s.
/// Those that see the same caBundle count once.
pub async fn call_all(
    api: &Api,
    time: Time,
    replicas: &[&Replica],
    pause: Duration,
    lasts: Duration,
) -> usize {
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < lasts {
        let views: BTreeSet<String> = [0, 10, 25]
            .iter()
            .filter_map(|lag| api.bundle(*lag * SECOND))
            .collect();
        for (bundle, replica) in views
            .iter()
            .flat_map(|bundle| replicas.iter().map(move |replica| (bundle, replica)))
        {
            handshake(bundle, time, replica)
                .await
                .unwrap_or_else(|error| panic!("{error}, caBundle {bundle}"));
            calls += 1;
        }
        sleep(pause).await;
    }
    calls
}
