//! The program itself, from its configuration file to its end.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::api_server::ApiServer;
use crate::full_pipe::FullPipe;
use crate::running::{BOUND, page};
use crate::{certificates, checks};

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Who we are to the API server; nothing of it is used to trust a plain address.
pub(crate) fn kubeconfig(api: &ApiServer) -> Value {
    let authority = std::fs::read(certificates::file("ca.pem")).expect("a file");
    let authority = base64::engine::general_purpose::STANDARD.encode(authority);
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": api.url(), "certificate-authority-data": authority } }],
        "users": [{ "name": "u", "user": { "token": "canary-token" } }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    })
}

#[tokio::test]
async fn it_says_what_it_waits_for_and_ends_at_the_second_signal() {
    let (api, folder) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
    );
    let (config, known) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    std::fs::write(&config, checks::text(free_port(), health.port())).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let child = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"))
        .arg("run")
        .arg(format!("--config={}", config.display()))
        .env("KUBECONFIG", known)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let signal = || {
        let id = child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().expect("a process id")))
            .expect("it runs");
        kill_process(id, Signal::TERM).expect("it is ours");
    };
    let reads = async {
        loop {
            // The Secret does not exist here, so there is no certificate; an absent ServiceAccount was read.
            match page(health, "/readyz?verbose").await {
                Ok(page) if page.text.contains("[+]reads ok") => return page,
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let waiting = timeout(BOUND, reads).await.expect("it reads");
    assert_eq!(waiting.status, 503);
    assert!(
        waiting.text.contains("[-]certificate: "),
        "{}",
        waiting.text
    );
    assert_eq!(page(health, "/livez").await.expect("an answer").status, 200);
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    assert!(
        metrics.contains(
            "stsidecar_injector_certificate_expiration_timestamp_seconds{kind=\"leaf\"} 0"
        )
    );
    assert!(
        metrics.contains("\nstsidecar_injector_ready 0\n"),
        "{metrics}"
    );
    signal();
    let draining = async {
        while !page(health, "/readyz?verbose")
            .await
            .expect("an answer")
            .text
            .contains("[-]draining: ")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, draining).await.expect("it drains");
    signal();
    let ended = timeout(BOUND, child.wait_with_output())
        .await
        .expect("it ends")
        .expect("its output");
    let log = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(
        (ended.status.code(), ended.stdout.len()),
        (Some(0), 0),
        "{log}"
    );
    assert!(
        log.contains("stsidecar-injector is starting") && log.contains("ending at once"),
        "{log}"
    );
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn ports_that_are_taken_are_waited_for() {
    let (api, folder) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
    );
    let (config, known) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    let hold = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let holders = [hold(), hold()];
    let [webhook, health] =
        [&holders[0], &holders[1]].map(|holder| holder.local_addr().expect("bound"));
    std::fs::write(&config, checks::text(webhook.port(), health.port())).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"))
        .arg("run")
        .arg(format!("--config={}", config.display()))
        .env("KUBECONFIG", known)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let warned = async {
        let mut said = String::new();
        for port in [webhook.port(), health.port()] {
            while !(said.contains("cannot listen, trying again each second")
                && said.contains(&format!(":{port}")))
            {
                said = lines
                    .next_line()
                    .await
                    .expect("text")
                    .expect("it still runs");
            }
        }
    };
    timeout(BOUND, warned).await.expect("both are reported");
    drop(holders);
    let answered = async {
        while page(health, "/livez").await.map_or(0, |page| page.status) != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        while TcpStream::connect(webhook).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, answered).await.expect("tried again");
}

/// A Deployment in the host's network meets other webhooks on 9443. The kubelet must hear why it is not ready, and
/// not that nothing answers, for which it would kill the container.
#[tokio::test]
async fn health_says_that_the_webhooks_port_is_taken() {
    let (api, folder) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
    );
    let (config, known) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let webhook = holder.local_addr().expect("bound");
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    std::fs::write(&config, checks::text(webhook.port(), health.port())).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let _child = silent(&config, &known);
    says(health, "[-]port: ").await;
    assert_eq!(page(health, "/livez").await.expect("an answer").status, 200);
    assert_eq!(
        page(health, "/readyz").await.expect("an answer").status,
        503
    );
    drop(holder);
    says(health, "[+]port ok").await;
    TcpStream::connect(webhook).await.expect("it listens");
}

/// The program, whose log does not matter; it ends with the value.
fn silent(config: &Path, known: &Path) -> tokio::process::Child {
    let mut injector = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"));
    injector
        .arg("run")
        .arg(format!("--config={}", config.display()))
        .env("KUBECONFIG", known);
    injector
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts")
}

/// Waits until a line is in what health says.
async fn says(health: SocketAddr, line: &str) {
    let said = async {
        while !page(health, "/readyz?verbose")
            .await
            .is_ok_and(|page| page.text.contains(line))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, said)
        .await
        .unwrap_or_else(|_| panic!("health never says {line}"));
}

/// Without it no client could be let in, so it must not count as ready.
#[tokio::test]
async fn health_says_that_the_clients_authority_is_not_there_yet() {
    let (api, folder) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
    );
    let [config, known, authority] =
        ["config.yaml", "kubeconfig", "client-ca.crt"].map(|name| folder.path().join(name));
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let own = format!("  clientCaFile: {}\n", authority.display());
    std::fs::write(&config, checks::text(free_port(), health.port()) + &own).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let _child = silent(&config, &known);
    says(health, "[-]client-ca: ").await;
    std::fs::write(&authority, "no certificate").expect("a file");
    says(health, "[-]client-ca: ").await;
    std::fs::copy(certificates::file("ca.pem"), &authority).expect("a file");
    says(health, "[+]client-ca ok").await;
}

/// A certificate and its key, in PEM and base64, as a Secret holds them.
fn encoded(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> [String; 2] {
    [certificate.pem(), key.serialize_pem()]
        .map(|text| base64::engine::general_purpose::STANDARD.encode(text))
}

/// A Secret with a CA of 30 days and a leaf of it, of seven days and made a day ago, both for our Service; the webhook
/// configuration with that CA; and when the leaf ends.
fn stored(now: i64) -> (Value, Value, i64) {
    const DAY: i64 = 86_400;
    let at = |seconds: i64| {
        let since = u64::try_from(seconds).expect("after 1970");
        rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(since)
    };
    let key = || rcgen::KeyPair::generate().expect("a key");
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    (params.not_before, params.not_after) = (at(now - DAY), at(now + 29 * DAY));
    let (of_ca, of_leaf) = (key(), key());
    let ca = params.self_signed(&of_ca).expect("a CA");
    let name = "stsidecar-injector.stsidecar-system";
    let names = [
        name.to_owned(),
        format!("{name}.svc"),
        format!("{name}.svc.cluster.local"),
    ];
    let mut leaf = rcgen::CertificateParams::new(names).expect("names");
    (leaf.not_before, leaf.not_after) = (at(now - DAY), at(now + 6 * DAY));
    let signed = leaf
        .signed_by(&of_leaf, &rcgen::Issuer::from_params(&params, &of_ca))
        .expect("a leaf");
    let ([ca, ca_key], [leaf, leaf_key]) = (encoded(&ca, &of_ca), encoded(&signed, &of_leaf));
    let service = json!({ "name": "stsidecar-injector", "namespace": "stsidecar-system" });
    let webhook = json!({ "name": "pods.stsidecar.dev", "clientConfig": { "caBundle": ca, "service": service } });
    let data = json!({ "ca.crt": ca, "ca.key": ca_key, "tls.crt": leaf, "tls.key": leaf_key });
    (
        json!({ "data": data }),
        json!({ "webhooks": [webhook] }),
        now + 6 * DAY,
    )
}

/// An operator asks when the certificate ends, an alert when it should have been renewed.
#[tokio::test]
async fn health_says_when_the_certificate_ends_and_metrics_when_it_is_due() {
    let (api, folder) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
    );
    let (config, known) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    std::fs::write(&config, checks::text(free_port(), health.port())).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let (secret, webhooks, ends) = stored(stsidecar::clock::wall().unix_seconds());
    api.set(
        "GET /api/v1/namespaces/stsidecar-system/secrets/stsidecar-injector-tls",
        200,
        secret,
    );
    let target =
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";
    api.set(&format!("GET {target}"), 200, webhooks);
    let _child = silent(&config, &known);
    let day = stsidecar::time::Wall::from_unix_seconds(ends).rfc3339();
    says(health, &format!("[+]certificate ok: ends {day}\n")).await;
    says(health, "readyz check passed\n").await;
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    // The leaf with a third of seven days left at the latest, the CA with a third of thirty.
    let family = "stsidecar_injector_certificate_renewal_timestamp_seconds";
    let due = [
        ("leaf", ends - 7 * 86_400 / 3),
        ("ca", ends + 23 * 86_400 - 10 * 86_400),
    ];
    for (kind, due) in due {
        assert!(
            metrics.contains(&format!("{family}{{kind=\"{kind}\"}} {due}\n")),
            "{kind} {due}: {metrics}"
        );
    }
    assert!(
        metrics.contains("\nstsidecar_injector_ready 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn without_a_cluster_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, checks::text(free_port(), free_port())).expect("a file");
    let ended = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"))
        .arg("run")
        .arg(format!("--config={}", config.display()))
        .env_clear()
        .env("HOME", folder.path())
        .kill_on_drop(true)
        .output();
    let ended = timeout(BOUND, ended)
        .await
        .expect("it ends")
        .expect("its output");
    let said = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(ended.status.code(), Some(78), "{said}");
    assert!(
        said.lines()
            .last()
            .is_some_and(|line| line.contains("cannot reach an API server")),
        "{said}"
    );
}

#[tokio::test]
async fn a_log_that_is_not_read_stops_nothing() {
    let (api, folder, log) = (
        ApiServer::start().await,
        tempfile::tempdir().expect("a folder"),
        FullPipe::new(),
    );
    let (config, known) = (
        folder.path().join("config.yaml"),
        folder.path().join("kubeconfig"),
    );
    let health = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    std::fs::write(&config, checks::text(free_port(), health.port())).expect("a file");
    std::fs::write(&known, kubeconfig(&api).to_string()).expect("a file");
    let start = |config: &std::path::Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stsidecar-injector"));
        command
            .arg("run")
            .arg(format!("--config={}", config.display()))
            .env("KUBECONFIG", &known);
        command
            .stdin(Stdio::null())
            .stderr(log.stderr())
            .kill_on_drop(true)
            .spawn()
            .expect("it starts")
    };
    let mut child = start(&config);
    let reads = async {
        while !page(health, "/readyz?verbose")
            .await
            .is_ok_and(|page| page.text.contains("[+]reads ok"))
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, reads).await.expect("it reads");
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    assert!(
        metrics.contains("stsidecar_log_lines_dropped_total 0"),
        "{metrics}"
    );
    for _ in 0..2 {
        let id = child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().expect("a process id")))
            .expect("it runs");
        kill_process(id, Signal::TERM).expect("it is ours");
    }
    let ended = timeout(BOUND, child.wait())
        .await
        .expect("it ends")
        .expect("our child");
    assert_eq!(ended.code(), Some(0));
    let mut child = start(&folder.path().join("nothing.yaml"));
    let ended = timeout(BOUND, child.wait())
        .await
        .expect("it ends")
        .expect("our child");
    assert_eq!(ended.code(), Some(78));
}
