//! The admin surface as kubelet, Prometheus and the command line see it.

mod incidents;
mod readiness;
mod retried;
mod waiting;
mod wire;

use std::net::IpAddr;
use std::time::Duration;

use http::header::ALLOW;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;

use super::*;
use crate::cache::{self, Published, Publisher, Refused, Served};
use crate::failure::Class;
use crate::http::{Connection, ResponseFuture};
use crate::report::{ErrorReport, HopReport, ProfileReport};
use crate::time::Wall;

const ARN: &str = "arn:aws:iam::111122223333:role/app";

/// The surface with what a refresher and the composition would hold.
struct Agent {
    surface: Surface,
    publishers: Vec<Publisher>,
    reports: Vec<watch::Sender<ProfileReport>>,
    started: watch::Sender<bool>,
    draining: watch::Sender<bool>,
    listening: watch::Sender<bool>,
}

fn frozen() -> Boot {
    Boot::from_duration(Duration::from_secs(1_000))
}

fn now() -> Now {
    Now {
        boot: frozen(),
        wall: Wall::from_unix_seconds(1_800_000_000),
        jitter: 0.0,
    }
}

fn client(name: &str) -> Client {
    Client {
        name: name.into(),
        profile: "default".into(),
        last_request: Arc::default(),
    }
}

fn credentials(seconds_left: u64) -> Published {
    let deadline = frozen().plus(Duration::from_secs(seconds_left));
    Published::Served(Served {
        body: Bytes::from_static(b"canary-credentials"),
        deadline,
    })
}

fn agent(names: &[&str], live: bool) -> Agent {
    let (mut profiles, mut publishers, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let refused = Refused {
            status: 503,
            body: Bytes::from_static(b"{}"),
        };
        let (publisher, answers) = cache::channel(Published::Refused(refused), frozen);
        let report = ProfileReport {
            profile: (*name).into(),
            role_arn: Some(ARN.into()),
            ..ProfileReport::default()
        };
        let (sender, report) = watch::channel(report);
        profiles.push(Profile {
            name: (*name).into(),
            answers,
            report,
            retries: watch::Sender::new(0),
        });
        publishers.push(publisher);
        reports.push(sender);
    }
    let ((started, started_seen), (draining, draining_seen)) =
        (watch::channel(false), watch::channel(false));
    let (listening, listening_seen) = watch::channel(true);
    let admin = Admin {
        profiles,
        clients: vec![client("app"), client("worker")],
        clock: now,
        since: frozen().minus(Duration::from_hours(1)),
        settings_hash: Some("1-0123456789abcdef".to_owned()),
        live: Box::new(move || live),
        started: started_seen,
        listening: listening_seen,
        draining: draining_seen,
        metrics: Metrics::alone(),
    };
    let surface = Surface::of(admin);
    Agent {
        surface,
        publishers,
        reports,
        started,
        draining,
        listening,
    }
}

impl Agent {
    fn reply(&self, method: &Method, target: &str, peer: &str) -> ResponseFuture {
        let peer: IpAddr = peer.parse().expect("an address");
        let headers =
            HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("localhost"))]);
        self.surface.route(
            method,
            &target.parse().expect("a target"),
            &headers,
            &Connection::from_peer(peer),
        )
    }

    async fn ask(&self, target: &str) -> (u16, String) {
        self.ask_as(target, "127.0.0.1").await
    }

    async fn ask_as(&self, target: &str, peer: &str) -> (u16, String) {
        read(self.reply(&Method::GET, target, peer)).await
    }
}

async fn read(reply: ResponseFuture) -> (u16, String) {
    let response = reply.await.expect("infallible");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("in memory")
        .to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

fn denied() -> ErrorReport {
    ErrorReport {
        code: "AccessDenied\r\n[+]profile fake ok".into(),
        message: "Not authorized".into(),
        class: Some(Class::Denied),
        hint: "check the trust policy".into(),
        request_id: None,
        hop: 0,
        at: None,
        failing_since: None,
        attempts: 1,
    }
}

#[tokio::test]
async fn liveness_is_what_the_composition_says_and_no_profile_matters() {
    assert_eq!(
        agent(&["default"], true).ask("/livez").await,
        (200, "ok\n".into())
    );
    assert_eq!(
        agent(&[], false).ask("/livez").await,
        (503, "not live\n".into())
    );
}

#[tokio::test]
async fn status_is_json_for_this_pod_only_and_holds_no_credentials() {
    let agent = agent(&["default"], true);
    agent.publishers[0].publish(credentials(3_600));
    agent.started.send_replace(true);
    for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let (status, text) = agent.ask_as("/status", peer).await;
        let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(status, 200);
        assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["settingsHash"], "1-0123456789abcdef");
        assert_eq!(
            (&document["started"], &document["ready"]),
            (&true.into(), &true.into())
        );
        assert_eq!(document["draining"], false);
        assert_eq!(document["profiles"][0]["profile"], "default");
        assert_eq!(document["profiles"][0]["roleArn"], ARN);
        assert!(!text.contains("canary"), "{text}");
        let read: Status = serde_json::from_str(&text).expect("what `stsidecar status` reads");
        assert_eq!(serde_json::to_value(read).expect("JSON"), document);
    }
    for peer in [
        "10.0.0.7",
        "::ffff:10.0.0.7",
        "fd00::7",
        "169.254.1.1",
        "127.0.0.6",
        "::ffff:127.0.0.6",
    ] {
        for target in ["/status", "/status?wait=25"] {
            let (status, text) = agent.ask_as(target, peer).await;
            assert_eq!(status, 403);
            assert!(!text.contains(ARN), "{text}");
        }
    }
}

#[tokio::test]
async fn metrics_have_the_exact_type_and_say_ready_at_the_scrape() {
    let agent = agent(&["default"], true);
    assert!(
        agent
            .ask("/metrics")
            .await
            .1
            .contains("\nstsidecar_ready 0\n")
    );
    agent.publishers[0].publish(credentials(3_600));
    let response = agent
        .reply(&Method::GET, "/metrics", "10.0.0.7")
        .await
        .expect("infallible");
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(
        read(ResponseFuture::now(response))
            .await
            .1
            .contains("\nstsidecar_ready 1\n")
    );
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let agent = agent(&["default"], true);
    for target in [
        "/",
        "/v1/credentials",
        "/livez/",
        "/Livez",
        "//livez",
        "/readyz/default",
        "/debug/pprof",
    ] {
        assert_eq!(agent.ask(target).await.0, 404, "{target}");
    }
    for target in ["/livez", "/readyz", "/metrics", "/status"] {
        assert_eq!(
            read(agent.reply(&Method::POST, target, "::1")).await.0,
            405,
            "{target}"
        );
        let response = agent
            .reply(&Method::DELETE, target, "::1")
            .await
            .expect("infallible");
        assert_eq!(response.headers()[ALLOW], "GET, HEAD");
    }
    agent.publishers[0].publish(credentials(3_600));
    assert_eq!(
        read(agent.reply(&Method::HEAD, "/readyz", "::1")).await.0,
        200
    );
}
