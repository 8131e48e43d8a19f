//! The webhook's program: from a configuration file to answered admission reviews.
//!
//! Owns how its parts are put together, the client of the API server and the process around
//! them. What happens to a pod is decided by `inject`; nothing here knows it. Called by the
//! injector's command line.

mod body;
pub mod certificates;
pub mod check;
pub mod clients;
pub mod config;
pub mod events;
pub mod health;
pub mod metrics;
pub mod objects;
pub mod registration;
pub mod review;
pub mod server;
pub mod tls;
mod turns;
pub mod webhook;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use kube::Client;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::failure::root_cause;
use crate::http::{Listeners, take};
use crate::metrics::Registry;
use crate::shutdown::Signals;
use crate::telemetry::Dropped;
use crate::{clock, process, version};
use certificates::{Clock, ServingCertificate};
use clients::Clients;
use config::Config;
use health::Condition;
use registration::{Current, Registration};
use server::{DRAIN, Parts};

/// Where the chart mounts the Secret of the modes in which others make the certificate.
const MOUNTED: &str = "/etc/stsidecar-injector/tls";
/// Threads for what takes milliseconds: one, so that large reviews take their memory one after the
/// other and leave it where the next one finds it.
const BLOCKING_THREADS: usize = 1;

/// Why the injector did not run, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing says where the API server is, or who we are to it.
    #[error(
        "cannot reach an API server: {0}; run it in a pod with a ServiceAccount's token, or set \
         KUBECONFIG"
    )]
    Cluster(String),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system refused something that cannot be done without.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// Two stages registered one name: a fault of the program.
    #[error("cannot register a metric: {0}")]
    Metrics(#[from] crate::metrics::RegistrationError),
    /// A task ended that runs for ever.
    #[error("the {0} ended unexpectedly")]
    Ended(&'static str),
}

impl Error {
    /// The exit code of `run`: 78 the configuration, else 70.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if matches!(self, Self::Cluster(_)) {
            78
        } else {
            70
        }
    }
}

/// Runs until a signal has been followed and the drain is over. `dropped` counts the
/// lines that the log loses.
///
/// # Errors
/// When the injector cannot start, or one of its tasks ends by itself.
pub fn run(config: Config, dropped: &Dropped) -> Result<(), Error> {
    for warning in process::harden() {
        tracing::warn!(warning, "the process is less protected than it should be");
    }
    let runtime = runtime()?;
    let ended = runtime.block_on(live(config, dropped));
    // A plain drop would wait for a name look-up that is under way
    // (<https://docs.rs/tokio/latest/tokio/runtime/struct.Runtime.html#method.shutdown_background>).
    runtime.shutdown_background();
    ended
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    // Whichever provider other crates would choose: this is the one that is linked and tested.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
}

async fn live(config: Config, dropped: &Dropped) -> Result<(), Error> {
    let mut signals = Signals::catch()?;
    let _ = process::raise_nofile();
    tracing::info!(
        version = version::VERSION,
        commit = version::COMMIT,
        namespace = config.namespace,
        image = config.template.image(),
        certificates = ?config.certificates,
        "stsidecar-injector is starting"
    );
    let client = client().await?;
    let registry = crate::metrics::registry()?;
    dropped.register(&registry)?;
    let mut tasks = JoinSet::new();
    // Kept until the very end: a handshake of the drain needs a certificate too.
    let keeping = watch::Sender::new(false);
    let parts = parts(config, client, registry, keeping.subscribe(), &mut tasks)?;
    server::run(parts, tasks, DRAIN, async || signals.next().await).await
}

/// Begins what runs beside the surfaces, and gathers what they are made of.
fn parts(
    config: Config,
    client: Client,
    registry: Registry,
    ending: watch::Receiver<bool>,
    tasks: &mut JoinSet<&'static str>,
) -> Result<Parts, Error> {
    let (bound, is_bound) = watch::channel(false);
    let webhook = listen(config.port, bound);
    let health = listen(config.metrics_port, watch::Sender::new(false));
    let certificate = certificate(&config, &client, &registry, ending, tasks)?;
    let current = registration(&config, &client, &registry, tasks)?;
    let conditions = vec![
        of_certificate(&certificate),
        of_port(config.port, is_bound),
        of_registration(&config.webhook_configuration, &current),
    ];
    let clients = config.client_ca_file.as_deref().map(Clients::of);
    Ok(Parts {
        current,
        client,
        namespace: config.namespace,
        certificate,
        clients: clients.map(Arc::new),
        conditions,
        webhook,
        limits: webhook::LIMITS,
        health,
        registry,
    })
}

/// Begins to follow the object by which the API server knows this injector.
fn registration(
    config: &Config,
    client: &Client,
    registry: &Registry,
    tasks: &mut JoinSet<&'static str>,
) -> Result<Arc<Current>, Error> {
    let current = Arc::new(Current::new(config.template.clone()));
    let metrics = registration::metrics::Metrics::register(registry)?;
    let followed = Registration::new(
        config.clone(),
        client.clone(),
        Arc::clone(&current),
        metrics,
    );
    tasks.spawn(async move {
        followed.run().await;
        "registration"
    });
    Ok(current)
}

fn of_certificate(serving: &Arc<ServingCertificate>) -> Condition {
    let serving = Arc::clone(serving);
    Condition::new("certificate", move || {
        let readiness = serving.readiness();
        let end = readiness.ends.map(|end| format!("ends {}", end.rfc3339()));
        if readiness.ready {
            Ok(end)
        } else {
            Err(readiness.reason.clone())
        }
    })
}

fn of_port(port: u16, is_bound: watch::Receiver<bool>) -> Condition {
    Condition::unless("port", move || {
        let problem = format!("{port} cannot be taken; is another process using it?");
        (!*is_bound.borrow()).then_some(problem)
    })
}

/// Before the first look, a review could be decided by a file that an upgrade has overtaken.
fn of_registration(name: &str, current: &Arc<Current>) -> Condition {
    let problem = format!("MutatingWebhookConfiguration {name} could not be read yet");
    let current = Arc::clone(current);
    Condition::unless("registration", move || {
        (!current.has_looked()).then(|| problem.clone())
    })
}

/// Begins to make or read the certificate, and to keep it trusted until `ending` is true.
fn certificate(
    config: &Config,
    client: &Client,
    registry: &Registry,
    ending: watch::Receiver<bool>,
    tasks: &mut JoinSet<&'static str>,
) -> Result<Arc<ServingCertificate>, Error> {
    let serving = Arc::<ServingCertificate>::default();
    let metrics = certificates::Metrics::register(registry)?;
    let clock = Clock {
        wall: Arc::new(clock::wall),
        jitter: clock::now().jitter,
    };
    let (client, served) = (client.clone(), Arc::clone(&serving));
    let kept = certificates::keep(config, MOUNTED, client, served, metrics, clock, ending);
    let kept = Box::pin(kept);
    tasks.spawn(async move {
        kept.await;
        "certificates"
    });
    Ok(serving)
}

/// The API server by the pod's ServiceAccount, or by a kubeconfig where there is one.
async fn client() -> Result<Client, Error> {
    let cluster = |error: &(dyn std::error::Error + 'static)| Error::Cluster(root_cause(error));
    let config = kube::Config::infer()
        .await
        .map_err(|error| cluster(&error))?;
    client_of(config).map_err(|error| cluster(&error))
}

/// A client that answers a failure at once: its caller decides when to try again. kube's own
/// retries of 429, 503 and 504 would outlast the time of a read, and hide what the API server said.
///
/// # Errors
/// When what `config` names, such as a certificate, cannot be used.
pub fn client_of(mut config: kube::Config) -> Result<Client, kube::Error> {
    config.default_retry = false;
    Client::try_from(config)
}

/// A port on every address; without IPv6 on the others. It is waited for while everything else
/// runs: health has to say why nothing is answered, and the kubelet would kill what says nothing.
fn listen(port: u16, bound: watch::Sender<bool>) -> Listeners {
    let [all, without] = [
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)),
        (Ipv4Addr::UNSPECIFIED, port).into(),
    ];
    let taking = async move {
        let listener = take(all, Some(without)).await;
        tracing::info!(port, "listening");
        bound.send_replace(true);
        Some(listener)
    };
    Listeners::and_later(Vec::new(), taking)
}

/// 256 random bits as text: letters and digits.
fn draw() -> String {
    let mut bytes = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the kernel's random source does not fail after boot");
    let digit = |bits: u8| char::from_digit(bits.into(), 16).expect("four bits");
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
