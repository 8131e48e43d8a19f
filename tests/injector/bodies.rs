//! Bodies that never come, come in part or ask for much: what they may not
//! cost the reviews of others.

use std::time::Duration;

use serde_json::json;
use stsidecar::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::api_server::ApiServer;
use crate::reviews::{ROLE, review};
use crate::running::{Answer, BOUND, Running, start, start_within};
use stsidecar::injector::server::Drain;

type Stream = TlsStream<TcpStream>;

/// Longer than a test: what ends within it was made to.
const NEVER: Duration = Duration::from_mins(10);

async fn patient(connections: usize) -> Running {
    let limits = Limits {
        head: NEVER,
        answering: NEVER,
        idle: NEVER,
        connections,
    };
    start_within(
        limits,
        ApiServer::start().await,
        Drain {
            grace: BOUND,
            idle: BOUND,
        },
    )
}

/// A review with so much in one variable.
fn padded(bytes: usize) -> Vec<u8> {
    let asks = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE });
    review(
        &asks,
        &json!([{ "name": "PADDING", "value": "x".repeat(bytes) }]),
    )
    .to_string()
    .into_bytes()
}

/// A request that announces `length` bytes and has sent these.
async fn begun(running: &Running, length: usize, more: &str, sent: &[u8]) -> Stream {
    let mut stream = running.connect().await.expect("a handshake");
    let head =
        format!("POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{more}\r\n");
    stream
        .write_all(&[head.as_bytes(), sent].concat())
        .await
        .expect("open");
    stream
}

async fn is_injected(running: &Running, bytes: usize) {
    let answer = running.post(&padded(bytes)).await;
    assert!(
        answer.status == 200 && answer.text.contains("JSONPatch"),
        "{} {}",
        answer.status,
        answer.text
    );
}

async fn asks_again(kept: &mut Stream) {
    let body = padded(10);
    let head = format!(
        "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    kept.write_all(&[head.as_bytes(), &body].concat())
        .await
        .expect("open");
    assert_eq!(Answer::read(kept).await.expect("an answer").status, 200);
}

#[tokio::test]
async fn newcomers_are_answered_although_bodies_that_never_come_have_all_places() {
    for length in [10, 4 << 20] {
        let running = patient(8).await;
        let mut kept = running.connect().await.expect("a handshake");
        asks_again(&mut kept).await;
        let mut silent = Vec::new();
        for _ in 0..7 {
            silent.push(begun(&running, length, "", b"").await);
        }
        let mut newcomers = Vec::new();
        for _ in 0..4 {
            let mut newcomer = tokio::time::timeout(BOUND, running.connect())
                .await
                .expect("a place")
                .expect("TLS");
            asks_again(&mut newcomer).await;
            newcomers.push(newcomer);
        }
        asks_again(&mut kept).await;
    }
}

#[tokio::test]
async fn what_is_announced_takes_nothing_of_what_large_reviews_need() {
    for (more, sent) in [
        ("", 0),
        ("expect: 100-continue\r\n", 0),
        ("", 1),
        ("", 40 << 10),
    ] {
        let running = patient(16).await;
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(begun(&running, 4 << 20, more, &vec![b' '; sent]).await);
        }
        for bytes in [100 << 10, 1 << 20, 4_000_000] {
            tokio::time::timeout(BOUND, is_injected(&running, bytes))
                .await
                .unwrap_or_else(|_| panic!("{more} {sent}"));
        }
    }
}

/// They have the room between them, and let it wait.
#[tokio::test]
async fn who_has_sent_most_of_a_large_review_and_no_more_gives_its_memory_up() {
    let running = patient(16).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        stalled.push(begun(&running, 4 << 20, "", &vec![b' '; 3 << 20]).await);
    }
    tokio::time::timeout(BOUND, is_injected(&running, 4_000_000))
        .await
        .expect("room");
    let mut first = stalled.remove(0);
    let answer = Answer::read(&mut first).await.expect("an answer");
    assert!(
        answer.status == 503 && answer.head.contains("connection: close"),
        "{} {}",
        answer.status,
        answer.head
    );
    assert!(answer.text.contains("send it again"), "{}", answer.text);
    assert!(matches!(first.read(&mut [0; 8]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn large_reviews_that_come_together_are_all_answered() {
    let running = std::sync::Arc::new(start().await);
    let ask = |bytes| {
        let running = std::sync::Arc::clone(&running);
        tokio::spawn(async move { is_injected(&running, bytes).await })
    };
    let all: Vec<_> = (0..12).map(|at| ask(1_000_000 + at)).collect();
    for one in all {
        one.await.expect("injected");
    }
}

/// A text of many values takes a hundred times its length once it is read, and what it takes is
/// kept while the API server is asked.
#[tokio::test]
async fn small_reviews_do_not_wait_for_large_ones_that_are_being_decided() {
    let running = std::sync::Arc::new(patient(64).await);
    running.api.slow("/namespaces/stuck", NEVER);
    let mut forged = review(&json!({}), &json!("HERE"));
    forged["request"]["namespace"] = "stuck".into();
    let forged = forged
        .to_string()
        .replace("\"HERE\"", &format!("[{}0]", r#"{"":0},"#.repeat(45_000)));
    let ask = |body: String| {
        let running = std::sync::Arc::clone(&running);
        tokio::spawn(async move { running.post(body.as_bytes()).await.status })
    };
    let stuck: Vec<_> = (0..4).map(|_| ask(forged.clone())).collect();
    running.api.called("GET", "/namespaces/stuck", 1).await;
    tokio::time::timeout(BOUND, is_injected(&running, 10))
        .await
        .expect("an answer");
    assert!(
        !stuck.iter().any(tokio::task::JoinHandle::is_finished),
        "it waited for one of them"
    );
}
