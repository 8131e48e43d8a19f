//! The program itself, from its configuration file to its end.

mod certificate;

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::api_server::ApiServer;
use crate::certificates;
use crate::full_pipe::FullPipe;
use crate::running::{BOUND, page};
use crate::started::{Files, configuration, free_port, local, says, terminate};

#[tokio::test]
async fn it_says_what_it_waits_for_and_ends_at_the_second_signal() {
    let (api, health) = (ApiServer::start().await, local(free_port()));
    let files = Files::new(&api, &configuration(free_port(), health.port()));
    let mut command = files.command("config.yaml");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("it starts");
    // The Secret does not exist here, so there is no certificate; an absent
    // ServiceAccount was read.
    let waiting = says(health, "[+]reads ok").await;
    assert!(waiting.contains("[-]certificate: "), "{waiting}");
    assert_eq!(
        page(health, "/readyz").await.expect("an answer").status,
        503
    );
    assert_eq!(page(health, "/livez").await.expect("an answer").status, 200);
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    let expiration = "stsidecar_injector_certificate_expiration_timestamp_seconds";
    assert!(metrics.contains(&format!("{expiration}{{kind=\"leaf\"}} 0")));
    assert!(
        metrics.contains("\nstsidecar_injector_ready 0\n"),
        "{metrics}"
    );
    terminate(&child);
    says(health, "[-]draining: ").await;
    terminate(&child);
    let ended = timeout(BOUND, child.wait_with_output())
        .await
        .expect("it ends");
    let ended = ended.expect("its output");
    let log = String::from_utf8(ended.stderr).expect("text");
    assert_eq!(
        (ended.status.code(), ended.stdout.len()),
        (Some(0), 0),
        "{log}"
    );
    for line in ["stsidecar-injector is starting", "ending at once"] {
        assert!(log.contains(line), "{log}");
    }
    assert!(!log.contains("canary"), "{log}");
}

#[tokio::test]
async fn ports_that_are_taken_are_waited_for() {
    let api = ApiServer::start().await;
    let hold = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let holders = [hold(), hold()];
    let [webhook, health] =
        [&holders[0], &holders[1]].map(|holder| holder.local_addr().expect("bound"));
    let files = Files::new(&api, &configuration(webhook.port(), health.port()));
    let mut command = files.command("config.yaml");
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
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

/// A Deployment in the host's network meets other webhooks on 9443. The kubelet must hear why it is
/// not ready, and not that nothing answers, for which it would kill the container.
#[tokio::test]
async fn health_says_that_the_webhooks_port_is_taken() {
    let api = ApiServer::start().await;
    let holder = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let webhook = holder.local_addr().expect("bound");
    let health = local(free_port());
    let files = Files::new(&api, &configuration(webhook.port(), health.port()));
    let _child = files.start();
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

/// Without it no client could be let in, so it must not count as ready.
#[tokio::test]
async fn health_says_that_the_clients_authority_is_not_there_yet() {
    let (api, health) = (ApiServer::start().await, local(free_port()));
    let config = configuration(free_port(), health.port());
    let files = Files::new(&api, &config);
    let authority = files.path("client-ca.crt");
    let own = format!("  clientCaFile: {}\n", authority.display());
    files.write("config.yaml", &(config + &own));
    let _child = files.start();
    says(health, "[-]client-ca: ").await;
    files.write("client-ca.crt", "no certificate");
    says(health, "[-]client-ca: ").await;
    std::fs::copy(certificates::file("ca.pem"), &authority).expect("a file");
    says(health, "[+]client-ca ok").await;
}

#[tokio::test]
async fn without_a_cluster_it_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, configuration(free_port(), free_port())).expect("a file");
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
    let (api, health, log) = (
        ApiServer::start().await,
        local(free_port()),
        FullPipe::new(),
    );
    let files = Files::new(&api, &configuration(free_port(), health.port()));
    let start = |config: &str| {
        let mut command = files.command(config);
        command.stderr(log.stderr()).spawn().expect("it starts")
    };
    let mut child = start("config.yaml");
    says(health, "[+]reads ok").await;
    let metrics = page(health, "/metrics").await.expect("an answer").text;
    assert!(
        metrics.contains("stsidecar_log_lines_dropped_total 0"),
        "{metrics}"
    );
    terminate(&child);
    terminate(&child);
    let ended = timeout(BOUND, child.wait()).await.expect("it ends");
    assert_eq!(ended.expect("our child").code(), Some(0));
    let mut child = start("nothing.yaml");
    let ended = timeout(BOUND, child.wait()).await.expect("it ends");
    assert_eq!(ended.expect("our child").code(), Some(78));
}
