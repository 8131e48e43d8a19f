//! How long `/status?wait` waits.

use super::*;
use crate::admin::waiting::WAITERS;

#[tokio::test(start_paused = true)]
async fn a_waiting_status_ends_when_started_and_else_at_its_time() {
    let agent = agent(&["default"], true);
    for (target, seconds) in [
        ("/status", 0),
        ("/status?wait=0", 0),
        ("/status?wait=3", 3),
        ("/status?wait=9999", 25),
    ] {
        let start = tokio::time::Instant::now();
        let (status, text) = agent.ask(target).await;
        assert_eq!(status, 200);
        assert!(text.contains(r#""started":false"#), "{text}");
        let took = start.elapsed();
        assert!(
            took.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(10),
            "{target}: {took:?}"
        );
    }
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn(read(agent.reply(&Method::GET, "/status?wait=25", "::1")));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!waiting.is_finished());
    agent.started.send_replace(true);
    let (_, text) = waiting.await.expect("no panic");
    assert!(text.contains(r#""started":true"#), "{text}");
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(agent.ask("/status?wait=soon").await.0, 400);
}

/// The first event of a waiting pod comes while the person who deployed it still looks; the
/// kubelet's budget allows one in 25 s after that.
#[tokio::test(start_paused = true)]
async fn the_first_wait_ends_soon_once_a_failure_is_known_and_later_ones_do_not() {
    let agent = agent(&["default", "partner"], true);
    let took = async |target: &str| {
        let start = tokio::time::Instant::now();
        assert_eq!(agent.ask(target).await.0, 200);
        start.elapsed().as_secs()
    };
    assert_eq!(took("/status?wait=2").await, 2, "no failure yet");
    agent.reports[1].send_modify(|report| report.last_error = Some(denied()));
    assert_eq!(took("/status?wait=25").await, 3, "5 s after the start");
    assert_eq!(took("/status?wait=25").await, 25);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_comes_later_ends_the_first_wait_at_once() {
    let agent = agent(&["default"], true);
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn(read(agent.reply(&Method::GET, "/status?wait=25", "::1")));
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(!waiting.is_finished());
    agent.reports[0].send_modify(|report| report.last_error = Some(denied()));
    assert_eq!(waiting.await.expect("no panic").0, 200);
    assert_eq!(start.elapsed().as_secs(), 9);
}

#[tokio::test(start_paused = true)]
async fn eight_may_wait_and_the_ninth_is_answered_at_once() {
    let agent = agent(&["default"], true);
    let waiting: Vec<ResponseFuture> = (0..WAITERS)
        .map(|_| agent.reply(&Method::GET, "/status?wait=25", "::1"))
        .collect();
    let start = tokio::time::Instant::now();
    assert_eq!(agent.ask("/status?wait=25").await.0, 200);
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(waiting);
    agent.ask("/status?wait=25").await;
    assert!(
        start.elapsed() >= Duration::from_secs(25),
        "the places are free again"
    );
}

/// What waits for the start of an agent that ends waits for nothing.
#[tokio::test(start_paused = true)]
async fn a_waiting_status_ends_with_the_agent() {
    let agent = agent(&["default"], true);
    let start = tokio::time::Instant::now();
    let waiting = tokio::spawn(read(agent.reply(&Method::GET, "/status?wait=25", "::1")));
    tokio::time::sleep(Duration::from_secs(2)).await;
    agent.draining.send_replace(true);
    assert!(
        waiting
            .await
            .expect("no panic")
            .1
            .contains(r#""draining":true"#)
    );
    assert_eq!(start.elapsed().as_secs(), 2);
}
