//! Who may call the webhook, where a certificate is asked for.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use serde_json::json;
use stsidecar::injector::clients::Clients;
use stsidecar::injector::server::Drain;
use stsidecar::injector::webhook::LIMITS;

use crate::api_server::ApiServer;
use crate::certificates;
use crate::reviews::{ROLE, review};
use crate::running::{Answer, BOUND, Running, connect_as, start_for};

/// Whether a client with this certificate gets an answer. With TLS 1.3 a refusal comes
/// after the client's handshake.
async fn is_answered(running: &Running, own: Option<&str>) -> bool {
    let Ok(mut stream) = connect_as(own, running.webhook, "ca.pem", "localhost").await else {
        return false;
    };
    let body = review(
        &json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE }),
        &json!([]),
    )
    .to_string();
    let head = format!(
        "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream
        .write_all(&[head.as_bytes(), body.as_bytes()].concat())
        .await;
    Answer::read(&mut stream)
        .await
        .is_ok_and(|answer| answer.status == 200)
}

#[tokio::test]
async fn only_who_has_a_certificate_of_the_authority_is_answered_and_the_file_may_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.crt");
    let replace = |with: &str| std::fs::copy(certificates::file(with), &file).expect("a file");
    let drain = Drain {
        grace: BOUND,
        idle: BOUND,
    };
    let running = start_for(
        Some(Clients::of(&file)),
        LIMITS,
        ApiServer::start().await,
        drain,
    );
    assert!(
        !is_answered(&running, Some("client-only.pem")).await,
        "the authority is not known yet"
    );
    replace("ca.pem");
    for (own, lets_in) in [
        (Some("client-only.pem"), true),
        (Some("other-server.pem"), false),
        (Some("expired.pem"), false),
        (Some("self-signed-leaf.pem"), false),
        (None, false),
    ] {
        assert_eq!(is_answered(&running, own).await, lets_in, "{own:?}");
    }
    replace("other-ca.pem");
    assert!(
        !is_answered(&running, Some("client-only.pem")).await,
        "its authority is gone"
    );
    std::fs::write(&file, "half a ").expect("a file");
    assert!(!is_answered(&running, Some("client-only.pem")).await);
    replace("ca.pem");
    assert!(is_answered(&running, Some("client-only.pem")).await);
}

/// Who is refused by TLS has no place for longer than any other stranger.
#[tokio::test]
async fn who_is_refused_is_closed() {
    let drain = Drain {
        grace: BOUND,
        idle: BOUND,
    };
    let clients = Clients::of(&certificates::file("ca.pem"));
    let running = start_for(Some(clients), LIMITS, ApiServer::start().await, drain);
    let mut stream = connect_as(None, running.webhook, "ca.pem", "localhost")
        .await
        .expect("TLS 1.3 refuses later");
    let read = tokio::time::timeout(BOUND, stream.read(&mut [0; 8]))
        .await
        .expect("closed");
    assert!(
        read.expect_err("refused")
            .to_string()
            .to_lowercase()
            .contains("certificate")
    );
}

/// The API server of Go reports a request that it could not write, and not the reason
/// that it has not read yet.
#[tokio::test]
async fn who_is_refused_can_send_its_request_and_reads_the_reason() {
    let drain = Drain {
        grace: BOUND,
        idle: BOUND,
    };
    let clients = Clients::of(&certificates::file("ca.pem"));
    let running = start_for(Some(clients), LIMITS, ApiServer::start().await, drain);
    loop {
        let begun = tokio::time::Instant::now();
        let mut stream = connect_as(None, running.webhook, "ca.pem", "localhost")
            .await
            .expect("TLS 1.3 refuses later");
        let mut sent = Ok(());
        for _ in 0..3 {
            sent = sent.and(stream.write_all(&[b'x'; 1024]).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // A machine that stalls is longer at it than any client may send.
        if begun.elapsed() > Duration::from_millis(300) {
            continue;
        }
        sent.expect("sent");
        let read = tokio::time::timeout(BOUND, stream.read(&mut [0; 8]))
            .await
            .expect("closed");
        return assert!(
            read.expect_err("refused")
                .to_string()
                .to_lowercase()
                .contains("certificate")
        );
    }
}
