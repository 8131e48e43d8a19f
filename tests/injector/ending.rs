//! From the first read to the last answer: readiness, and an end that no client notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use serde_json::json;
use stsidecar::injector::server::Drain;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::api_server::{ApiServer, status};
use crate::reviews::{ROLE, review};
use crate::running::{Answer, BOUND, Running, start, start_with};

#[tokio::test]
async fn it_is_ready_once_a_service_account_and_a_namespace_could_be_read() {
    let api = ApiServer::start().await;
    let target = "GET /api/v1/namespaces/stsidecar-system";
    api.set(target, 403, status(403, "namespaces is forbidden"));
    let running = start_with(
        api,
        Drain {
            grace: BOUND,
            idle: BOUND,
        },
    );
    running
        .api
        .called("GET", "/serviceaccounts/default", 1)
        .await;
    let page = running.page("/readyz?verbose").await;
    assert_eq!(page.status, 503);
    assert!(
        page.text.contains("[-]reads: no ServiceAccount") && page.text.contains("[+]draining ok"),
        "{}",
        page.text
    );
    assert_eq!(running.page("/livez").await.status, 200);
    assert!(
        running
            .page("/metrics")
            .await
            .text
            .contains("\nstsidecar_injector_ready 0\n")
    );
    running.api.set(target, 200, json!({}));
    running.ready().await;
    assert!(
        running
            .page("/metrics")
            .await
            .text
            .contains("\nstsidecar_injector_ready 1\n")
    );
    assert!(
        running
            .page("/readyz?verbose")
            .await
            .text
            .ends_with("readyz check passed\n")
    );
    assert_eq!(running.page("/other").await.status, 404);
}

#[tokio::test]
async fn the_metrics_are_there_before_the_first_review() {
    let running = start().await;
    let page = running.page("/metrics").await;
    assert!(
        page.head
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        page.head
    );
    for family in [
        "stsidecar_build_info{",
        "admission_duration_seconds_count 0",
        "process_resident_memory_bytes",
        "reason=\"port\"} 0",
    ] {
        assert!(page.text.contains(family), "{family} in {}", page.text);
    }
    assert!(
        !page.text.contains("stsidecar_ready"),
        "that one is the agent's, and its alerts would fire"
    );
}

/// Asks again and again, on a kept connection while it is kept, until it has to stop.
async fn load(running: Arc<Running>, stop: Arc<AtomicBool>, answered: Arc<AtomicU32>) {
    let body = review(
        &json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE }),
        &json!([]),
    )
    .to_string();
    let request = format!(
        "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut kept = None;
    while !stop.load(Relaxed) {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => running
                .connect()
                .await
                .expect("new connections are taken during the drain"),
        };
        stream.write_all(request.as_bytes()).await.expect("open");
        let answer = Answer::read(&mut stream).await.expect("a whole answer");
        assert!(
            answer.status == 200 && answer.text.contains("JSONPatch"),
            "{}",
            answer.text
        );
        answered.fetch_add(1, Relaxed);
        if !answer.head.contains("connection: close") {
            kept = Some(stream);
        }
    }
}

#[tokio::test]
async fn stopping_under_load_loses_no_review() {
    let running = Arc::new(start().await);
    running.ready().await;
    let (stop, answered) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let clients: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(load(
                Arc::clone(&running),
                Arc::clone(&stop),
                Arc::clone(&answered),
            ))
        })
        .collect();
    let count = async |more: u32| {
        let wanted = answered.load(Relaxed) + more;
        while answered.load(Relaxed) < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BOUND, count(20)).await.expect("answers");
    running.stop.send("SIGTERM").await.expect("it runs");
    timeout(BOUND, count(20))
        .await
        .expect("answers during the drain");
    assert_eq!(running.page("/readyz").await.status, 503);
    assert!(
        running
            .page("/metrics")
            .await
            .text
            .contains("\nstsidecar_injector_ready 0\n")
    );
    assert!(!running.ended.is_finished());
    // The endpoints have spread.
    stop.store(true, Relaxed);
    for client in clients {
        timeout(BOUND, client)
            .await
            .expect("in time")
            .expect("no review was lost");
    }
    let running = Arc::into_inner(running).expect("the clients are gone");
    timeout(BOUND, running.ended)
        .await
        .expect("it ends by itself")
        .expect("no panic")
        .expect("no error");
}

/// The API server keeps connections that it has no use for, asks on one of them whenever many pods
/// are made at once, and does not repeat a review that meets the end of its connection.
#[tokio::test]
async fn a_kept_connection_is_answered_for_as_long_as_its_client_keeps_it() {
    let running = start_with(
        ApiServer::start().await,
        Drain {
            grace: BOUND,
            idle: Duration::ZERO,
        },
    );
    running.ready().await;
    let mut kept = running.connect().await.expect("a handshake");
    let body = review(&json!({}), &json!([])).to_string();
    let request = format!(
        "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for is_draining in [false, true] {
        if is_draining {
            running.stop.send("SIGTERM").await.expect("it runs");
            let drains = async {
                while !running
                    .page("/readyz?verbose")
                    .await
                    .text
                    .contains("[-]draining")
                {}
            };
            timeout(BOUND, drains).await.expect("it drains");
        }
        kept.write_all(request.as_bytes()).await.expect("open");
        let answer = Answer::read(&mut kept).await.expect("an answer");
        assert_eq!(
            (answer.status, answer.head.contains("connection: close")),
            (200, is_draining),
            "{}",
            answer.head
        );
    }
    drop(kept);
    timeout(BOUND / 2, running.ended)
        .await
        .expect("no client is left")
        .expect("no panic")
        .expect("no error");
}

#[tokio::test]
async fn a_client_that_stays_cannot_outlast_the_grace() {
    let drain = Drain {
        grace: Duration::from_millis(300),
        idle: Duration::ZERO,
    };
    let running = start_with(ApiServer::start().await, drain);
    running.ready().await;
    let _kept = running.connect().await.expect("a handshake");
    running.stop.send("SIGTERM").await.expect("it runs");
    timeout(BOUND, running.ended)
        .await
        .expect("it ends")
        .expect("no panic")
        .expect("no error");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let api = ApiServer::start().await;
    let running = start_with(
        api,
        Drain {
            grace: Duration::from_mins(5),
            idle: Duration::from_mins(5),
        },
    );
    running.stop.send("SIGTERM").await.expect("it runs");
    running.stop.send("SIGINT").await.expect("it runs");
    timeout(BOUND, running.ended)
        .await
        .expect("it ends")
        .expect("no panic")
        .expect("no error");
}
