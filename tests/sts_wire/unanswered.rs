//! What a missing answer becomes, and in what time; how long connections live.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stsidecar::failure::Class;
use stsidecar::sts::Client;
use tokio::task::JoinSet;

use super::outcomes::outcome;
use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, configured, enter, hop, now};

#[allow(
    clippy::disallowed_methods,
    reason = "time-outs on a real socket are measured in real time"
)]
pub(super) fn begin() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn silence_and_a_dripping_body_end_after_three_seconds() {
    let (silent, dripping) = tokio::join!(outcome(Behaviour::Hang), outcome(Behaviour::SlowBody));
    for (failure, took) in [silent, dripping] {
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Transient, "RequestTimeout")
        );
        assert!(took >= Duration::from_millis(2900), "{took:?}");
        for part in ["127.0.0.1:", "within 3s", "sts-timeout"] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn the_time_of_an_attempt_is_a_setting_that_its_end_names() {
    let sts = FakeSts::start();
    let url = sts.url();
    let patient = configured(&[
        ("AWS_ENDPOINT_URL_STS", &url),
        ("STSIDECAR_STS_TIMEOUT", "8s"),
    ]);
    sts.script([Behaviour::Latency(Duration::from_millis(3500))]);
    enter(&Client::new(&patient, now).expect("a client"))
        .await
        .expect("slower than 3 s is no failure any more");
    let impatient = configured(&[
        ("AWS_ENDPOINT_URL_STS", &url),
        ("STSIDECAR_STS_TIMEOUT", "1s"),
    ]);
    let impatient = Client::new(&impatient, now).expect("a client");
    for behaviour in [Behaviour::Hang, Behaviour::SlowBody] {
        sts.script([behaviour]);
        let failure = enter(&impatient).await.expect_err("too slow");
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Transient, "RequestTimeout")
        );
        assert!(
            failure.message.contains("within 1s") && failure.message.contains("sts-timeout"),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_slow_answer_within_the_limit_is_taken() {
    let sts = FakeSts::start();
    sts.script([Behaviour::Latency(Duration::from_millis(1200))]);
    assert!(enter(&client(&sts.url())).await.is_ok());
}

#[tokio::test]
async fn a_full_backlog_is_a_connect_time_out_after_one_second() {
    let listener = full_backlog();
    let url = format!("http://{}", listener.0.local_addr().expect("an address"));
    let client = client(&url);
    let begun = begin();
    let failure = enter(&client).await.expect_err("no connection");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "ConnectTimeout"),
        "{failure:?}"
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        failure.message.contains("within 1s"),
        "an address has a second: {}",
        failure.message
    );
}

/// A port on which the kernel answers no SYN any more, filled by connections that are not accepted.
fn full_backlog() -> (tokio::net::TcpListener, Vec<std::net::TcpStream>) {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let listener = socket.listen(0).expect("a bound socket listens");
    let address = listener.local_addr().expect("an address");
    let mut connections = Vec::new();
    while let Ok(stream) =
        std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))
    {
        connections.push(stream);
        assert!(connections.len() < 64, "the backlog never fills");
    }
    (listener, connections)
}

#[tokio::test]
async fn a_closed_port_and_a_name_without_address_have_codes_of_their_own() {
    let sts = FakeSts::start();
    let url = sts.url();
    drop(sts);
    let refused = enter(&client(&url)).await.expect_err("a closed port");
    assert_eq!(
        (refused.class, &*refused.code.text()),
        (Class::Transient, "ConnectionRefused")
    );
    assert!(
        refused.message.contains(&url["http://".len()..]),
        "{}",
        refused.message
    );
    // A label of more than 63 characters fails in the resolver itself: no name server is asked.
    let unresolved = enter(&client(&format!("http://{}.invalid", "a".repeat(64))))
        .await
        .expect_err("no such name");
    assert_eq!(
        (unresolved.class, &*unresolved.code.text()),
        (Class::Transient, "NameNotResolved"),
        "{unresolved:?}"
    );
}

#[tokio::test]
async fn no_connection_outlives_its_call_for_long() {
    let sts = FakeSts::start();
    let bad = [
        Behaviour::Hang,
        Behaviour::SlowBody,
        Behaviour::ResetMidBody,
        Behaviour::Oversized,
    ];
    sts.script(
        bad.iter()
            .flat_map(|behaviour| std::iter::repeat_n(behaviour.clone(), 10)),
    );
    let client = client(&sts.url());
    let client = Arc::new(client);
    let mut attempts = JoinSet::new();
    for _ in 0..40 {
        let client = Arc::clone(&client);
        attempts.spawn(async move { enter(&client).await });
    }
    assert!(attempts.join_all().await.iter().all(Result::is_err));
    assert_eq!(sts.calls().len(), 40);
    let begun = begin();
    while sts.open_connections() > 0 {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "a connection stays open"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_chain_uses_one_connection_which_is_closed_soon_after() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let entry = enter(&client).await.expect("a reply").credentials;
    let next = hop(&client, entry).await.expect("a reply").credentials;
    hop(&client, next).await.expect("a reply");
    assert_eq!((sts.accepted_connections(), sts.open_connections()), (1, 1));
    let begun = begin();
    while sts.open_connections() > 0 {
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "the connection waits for the next refresh"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_same_port_works_again_after_an_outage() {
    let sts = FakeSts::start();
    let (url, port) = (sts.url(), sts.port());
    let client = client(&url);
    enter(&client).await.expect("up");
    drop(sts);
    enter(&client).await.expect_err("down");
    let sts = FakeSts::start_at(port);
    enter(&client).await.expect("up again");
    assert_eq!(sts.calls().len(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_has_closed_costs_no_failure() {
    let sts = FakeSts::start();
    let (client, port) = (client(&sts.url()), sts.port());
    enter(&client).await.expect("a reply");
    drop(sts);
    let sts = FakeSts::start_at(port);
    enter(&client).await.expect("a reply over a new connection");
    assert_eq!(sts.accepted_connections(), 1);
}
