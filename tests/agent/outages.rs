//! STS is down, wrong or slow: what was held stays, and what comes back is used.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::support::agent::{Agent, until};
use super::support::fake_sts::{Behaviour, FakeSts, Issued};
use super::support::tokens::unix_now;
use super::{Over, Scene};

/// Runs `during` while a client asks 100 times a second; how often, and the serials it was given,
/// in order.
fn asked_meanwhile(agent: &Agent, during: impl FnOnce()) -> (usize, Vec<u64>) {
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let asking = threads.spawn(|| {
            let (mut client, mut asked, mut serials) = (agent.client(), 0, Vec::new());
            while !over.load(Relaxed) {
                let issued = client
                    .credentials()
                    .expect("an answer")
                    .issued()
                    .expect("credentials");
                asked += 1;
                serials.push(issued.serial);
                serials.dedup();
                std::thread::sleep(Duration::from_millis(10));
            }
            (asked, serials)
        });
        let ends = Over(&over);
        during();
        drop(ends);
        asking.join().expect("every answer is a 200")
    })
}

fn errors(agent: &Agent) -> u64 {
    agent.metric("stsidecar_credentials_refreshes_total{outcome=\"error\",profile=\"default\"}")
}

fn serial(agent: &Agent) -> u64 {
    agent
        .first_credentials()
        .issued()
        .expect("credentials")
        .serial
}

#[test]
fn credentials_are_replaced_while_they_are_served() {
    let scene = Scene::new();
    let agent = scene.launch_restless().start();
    serial(&agent);
    let (asked, serials) = asked_meanwhile(&agent, || {
        until("four more", || (scene.sts.calls().len() >= 5).then_some(()));
    });
    assert!(asked > 50 && serials.len() >= 4, "{asked} {serials:?}");
    assert!(serials.is_sorted(), "{serials:?}");
}

#[test]
fn whatever_sts_answers_instead_the_credentials_stay() {
    let garbage = |body: &str| Behaviour::Raw {
        status: 200,
        content_type: "text/xml",
        body: body.to_owned(),
    };
    // Each with the code that only it leads to, so that no retry of the fault before is taken for
    // it.
    let outage = [
        (Behaviour::Throttle, "Throttling"),
        (Behaviour::Empty500, "HttpStatus500"),
        (Behaviour::MissingFields, "InvalidReply"),
        (Behaviour::Hang, "RequestTimeout"),
        (
            Behaviour::error(403, "AccessDenied", "Not authorized"),
            "AccessDenied",
        ),
        (Behaviour::ResetMidBody, "ConnectionReset"),
        (garbage("<html>welcome to the hotel</html>"), "InvalidReply"),
        (Behaviour::Html502, "HttpStatus502"),
        (Behaviour::Oversized, "ReplyTooLarge"),
        (Behaviour::SlowBody, "RequestTimeout"),
        (
            Behaviour::AssumedRole("arn:aws:sts::999999999999:assumed-role/other/x".to_owned()),
            "RoleMismatch",
        ),
    ];
    let mut scene = Scene::new();
    let agent = scene.launch_restless().start();
    let first = serial(&agent);
    let (asked, serials) = asked_meanwhile(&agent, || {
        for (fault, code) in outage {
            scene.sts.set_default(fault);
            // While refreshing fails, a new token is tried at once: no delay is waited for.
            scene.rotate();
            until(code, || {
                (agent.status()["profiles"][0]["lastError"]["code"] == code).then_some(())
            });
        }
    });
    assert!(
        serials.iter().all(|serial| *serial <= first + 1),
        "one may have come before the outage: {serials:?}"
    );
    assert!(asked > 100, "{asked}");
    assert_eq!(
        agent.admin("/readyz").status,
        200,
        "ready, because it can answer"
    );
}

#[test]
fn an_sts_that_is_gone_and_comes_back_on_its_port_is_used_again() {
    let mut scene = Scene::new();
    let agent = scene.launch_restless().start();
    serial(&agent);
    let port = scene.sts.port();
    let mut gone = 0;
    let (_, serials) = asked_meanwhile(&agent, || {
        let elsewhere = FakeSts::start();
        drop(std::mem::replace(&mut scene.sts, elsewhere));
        until("failures", || (errors(&agent) >= 3).then_some(()));
        gone = errors(&agent);
        scene.sts = FakeSts::start_at(port);
        until("a call", || (!scene.sts.calls().is_empty()).then_some(()));
        until("a success", || {
            (agent.status()["profiles"][0]["lastError"].is_null()).then_some(())
        });
    });
    assert!(gone >= 3 && !serials.is_empty());
    assert_eq!(
        agent.events("refresh failed").len(),
        1,
        "one line for one class within a minute"
    );
}

#[test]
fn a_role_that_is_granted_late_starts_the_agent_late() {
    let scene = Scene::new();
    scene
        .sts
        .set_default(Behaviour::error(403, "AccessDenied", "Not authorized"));
    let mut agent = scene.launch().start();
    let mut client = agent.client();
    until("the reason", || {
        let answer = client.credentials().expect("an answer");
        assert_eq!(answer.status, 503, "a denial is not final for ten minutes");
        (answer.json()["Code"] == "AccessDenied").then_some(())
    });
    assert!(
        agent
            .admin("/readyz?verbose")
            .text()
            .contains("AccessDenied: check the role ARN")
    );
    scene.sts.set_default(Behaviour::Ok);
    serial(&agent);
    assert!(agent.is_running());
    assert_eq!(agent.status()["started"], true);
}

#[test]
fn credentials_are_vended_until_ten_seconds_before_their_end_and_never_later() {
    let scene = Scene::new();
    scene
        .sts
        .set_session_lifetime(Some(Duration::from_secs(20)));
    let agent = scene.launch().flag("refresh-at", "1s").start();
    let first: Issued = agent.first_credentials().issued().expect("credentials");
    scene.sts.set_default(Behaviour::Empty500);
    let start = Instant::now();
    let ended = refused(&agent);
    assert!(
        start.elapsed() > Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(ended["Code"], "HttpStatus500");
    assert_eq!(agent.admin("/readyz").status, 503);
    scene.sts.set_session_lifetime(None);
    scene.sts.set_default(Behaviour::Ok);
    assert!(serial(&agent) > first.serial);
}

/// Asks until the first answer that is no 200; every 200 before has more than nine seconds left by
/// the clock.
fn refused(agent: &Agent) -> serde_json::Value {
    let mut client = agent.client();
    until("the end of the credentials", || {
        let answer = client.credentials().expect("an answer");
        if answer.status == 503 {
            return Some(answer.json());
        }
        let issued = answer.issued().expect("a 200 or a 503");
        assert!(issued.expiration - unix_now() >= 9, "{issued:?}");
        None
    })
}

#[test]
fn requests_are_answered_from_memory_and_never_reach_sts() {
    let scene = Scene::new();
    let agent = scene.launch().start();
    serial(&agent);
    let mut client = agent.client();
    for _ in 0..200 {
        client
            .credentials()
            .expect("an answer")
            .issued()
            .expect("credentials");
    }
    assert_eq!(
        (scene.sts.calls().len(), scene.sts.accepted_connections()),
        (1, 1)
    );
    assert!(agent.metric::<u64>("stsidecar_http_requests_total{code=\"200\"}") >= 200);
}
