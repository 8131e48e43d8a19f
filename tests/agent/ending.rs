//! Signals, the drain, and the exit codes of `run`; 70 is in `watchdog`.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Scene;
use super::support::agent::{BOUND, until};
use super::support::fake_sts::Behaviour;

#[test]
fn after_sigterm_every_request_is_answered_until_no_client_asks_any_more() {
    let scene = Scene::new();
    let mut agent = scene.launch().start();
    agent.first_credentials();
    let mut client = agent.client();
    agent.signal(Signal::TERM);
    agent.event("draining");
    assert_eq!(agent.admin("/readyz").status, 503);
    assert_eq!(
        (agent.admin("/livez").status, &agent.status()["draining"]),
        (200, &true.into())
    );
    let start = Instant::now();
    let mut asked = 0;
    while start.elapsed() < Duration::from_millis(1500) {
        client
            .credentials()
            .expect("kept connections are answered")
            .issued()
            .expect("credentials");
        agent
            .client()
            .credentials()
            .expect("new ones too")
            .issued()
            .expect("credentials");
        asked += 2;
    }
    let last = Instant::now();
    assert_eq!(agent.wait(), Some(0));
    assert!(
        asked > 2 && last.elapsed() >= Duration::from_millis(450),
        "{asked} {:?}",
        last.elapsed()
    );
    assert!(
        last.elapsed() < Duration::from_secs(20),
        "{:?}: that is the grace",
        last.elapsed()
    );
    agent.event("drained");
}

#[test]
fn the_grace_ends_a_drain_that_would_not() {
    let scene = Scene::new();
    let mut agent = scene.launch().flag("shutdown-grace", "1s").start();
    agent.first_credentials();
    let mut client = agent.client();
    agent.signal(Signal::TERM);
    agent.event("draining");
    let start = Instant::now();
    // Requests without a pause; the last one may find the door shut.
    while client
        .credentials()
        .is_ok_and(|answer| answer.status == 200)
    {
        assert!(start.elapsed() < BOUND, "the grace does not end");
    }
    assert!(
        start.elapsed() > Duration::from_millis(800),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(agent.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let scene = Scene::new();
        let mut agent = scene.launch().flag("shutdown-idle", "25s").start();
        agent.first_credentials();
        agent.signal(first);
        agent.event("draining");
        agent
            .client()
            .credentials()
            .expect("an answer")
            .issued()
            .expect("credentials");
        let start = Instant::now();
        agent.signal(second);
        assert_eq!(agent.wait(), Some(0));
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{:?}: that is the idle time",
            start.elapsed()
        );
        agent.event("ending at once");
    }
}

#[test]
fn a_call_that_hangs_does_not_delay_the_end() {
    // An attempt takes three seconds; a busy machine may need them for the rest, so there is more
    // than one try.
    let ends_before_its_call = || {
        let scene = Scene::new();
        scene.sts.set_default(Behaviour::Hang);
        let mut agent = scene.launch().start();
        until("the call", || (!scene.sts.calls().is_empty()).then_some(()));
        agent.signal(Signal::TERM);
        assert_eq!(agent.wait(), Some(0));
        agent.events("refresh failed").is_empty()
    };
    assert!((0..10).any(|_| ends_before_its_call()));
}

#[test]
fn bad_configuration_ends_with_78_and_one_line_that_names_it() {
    let scene = Scene::new();
    let state = scene.launch();
    for (launch, named) in [
        (
            state.clone().without("region").without("sts-endpoint"),
            "region",
        ),
        (state.clone().flag("role-arn", "role/app"), "role/app"),
        (state.clone().flag("listen", "0.0.0.0:0"), "loopback"),
        (state.clone().flag("refresh-at", "100%"), "refresh"),
        (state.clone().flag("session-duration", "13h"), "13h"),
        (
            state.clone().flag("sts-endpoint", "http://sts.example.com"),
            "http://sts.example.com",
        ),
        (state.clone().flag("log-level", "loud"), "loud"),
        (
            state.clone().flag("config", "/nonexistent/config.yaml"),
            "/nonexistent/config.yaml",
        ),
        (
            state
                .clone()
                .variable("STSIDECAR_CONFIG_INLINE", "{\"regoin\": \"eu-central-1\"}"),
            "regoin",
        ),
    ] {
        let (code, said) = launch.run_to_end();
        assert_eq!(code, Some(78), "{said}");
        assert!(
            said.contains(named) && said.starts_with("stsidecar: "),
            "{named} not in {said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let (code, said) = state.flag("no-such-flag", "1").run_to_end();
    assert_eq!(code, Some(64), "{said}");
    assert!(scene.sts.calls().is_empty());
}

#[test]
fn a_file_that_cannot_be_written_ends_with_77_and_names_it() {
    let scene = Scene::new();
    std::fs::write(scene.path("file"), "").expect("room");
    let below_a_file = scene.path("file/token").display().to_string();
    for flag in ["authorization-token-file", "state-dir"] {
        let (code, said) = scene.launch().flag(flag, &below_a_file).run_to_end();
        assert_eq!(code, Some(77), "{said}");
        let line = said.lines().last().expect("a line");
        assert!(
            line.starts_with("stsidecar: cannot") && line.contains("file"),
            "{said}"
        );
    }
    assert!(scene.sts.calls().is_empty());
}
