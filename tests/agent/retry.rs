//! `stsidecar status --retry`: after a repair no backoff is waited for, and no calls are spent that
//! way.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::support::agent::{Agent, until};
use super::support::fake_sts::Behaviour;
use super::{Scene, status};

/// Retried after a minute at the earliest, held credentials or not: the agent takes it for a wrong
/// setting.
fn wrong_setting() -> Behaviour {
    Behaviour::error(
        400,
        "ValidationError",
        "1 validation error detected: Value at 'roleSessionName'",
    )
}

/// An agent whose refreshes fail, with minutes until the next try.
fn failing(scene: &Scene) -> Agent {
    let agent = scene.launch().flag("refresh-at", "1s").start();
    agent.first_credentials();
    scene.sts.set_default(wrong_setting());
    until("a failure", || {
        agent.status()["profiles"][0]["lastError"]
            .is_object()
            .then_some(())
    });
    let failed = agent.event("refresh failed");
    assert!(failed["retry_in_ms"].as_u64() > Some(100_000), "{failed}");
    agent
}

/// The whole answer to this request head.
fn send(agent: &Agent, head: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", agent.admin_port())).expect("a listener");
    stream
        .set_read_timeout(Some(super::support::agent::BOUND))
        .expect("a socket");
    write!(stream, "{head}connection: close\r\n\r\n").expect("open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer.to_ascii_lowercase()
}

#[test]
fn a_refresh_that_fails_is_tried_at_once_and_its_outcome_is_shown() {
    let scene = Scene::new();
    let agent = failing(&scene);
    let before = scene.sts.calls().len();
    scene.sts.set_default(Behaviour::Ok);
    // From here on nothing is due for a while.
    scene
        .sts
        .set_session_lifetime(Some(std::time::Duration::from_hours(1)));
    let said = status(&agent, &["--retry"]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (Some(0), ""),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout.contains(": ready\n") && !said.stdout.contains("last error"),
        "{}",
        said.stdout
    );
    assert!(
        said.stdout
            .contains("\n  retry         default: done, credentials are fresh\n"),
        "{}",
        said.stdout
    );
    assert!(scene.sts.calls().len() > before);
    assert!(agent.status()["profiles"][0]["lastError"].is_null());
    assert_eq!(agent.event("a retry was asked for")["failing"], 1);
}

#[test]
fn what_still_fails_is_said_with_its_code_and_a_second_retry_has_to_wait() {
    let scene = Scene::new();
    let agent = failing(&scene);
    let before = scene.sts.calls().len();
    let said = status(&agent, &["--retry"]);
    assert_eq!(
        said.code,
        Some(1),
        "credentials are held, but what was asked for failed: {}",
        said.stdout
    );
    assert!(
        said.stdout
            .contains("\n  retry         default: failed again: ValidationError\n"),
        "{}",
        said.stdout
    );
    assert_eq!(scene.sts.calls().len(), before + 1, "one call for one hop");

    let said = status(&agent, &["--retry"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""));
    assert!(
        said.stderr
            .starts_with("stsidecar: one retry in 10 s is taken"),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("; ask again in "), "{}", said.stderr);
    let answer = send(&agent, "POST /retry HTTP/1.1\r\nhost: localhost\r\n");
    assert!(
        answer.starts_with("http/1.1 429 ") && answer.contains("\r\nretry-after: "),
        "{answer}"
    );
    assert_eq!(scene.sts.calls().len(), before + 1);
}

#[test]
fn what_is_well_is_left_alone() {
    let scene = Scene::new();
    let agent = scene.launch().start();
    agent.first_credentials();
    let before = scene.sts.calls().len();
    let said = status(&agent, &["--retry", "-o", "json"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let document: serde_json::Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(
        document["retries"],
        json!([{"profile": "default", "outcome": "nothingToRetry", "waitedForBudget": false}])
    );
    assert_eq!(document["ready"], true);
    assert_eq!(scene.sts.calls().len(), before);
}

#[test]
fn an_agent_without_its_first_credentials_is_retried_too_and_reads_its_token_file_anew() {
    let scene = Scene::new();
    scene.sts.set_default(wrong_setting());
    let agent = scene.launch().start();
    until("a failure", || {
        agent.status()["profiles"][0]["lastError"]
            .is_object()
            .then_some(())
    });
    scene.sts.set_default(Behaviour::Ok);
    let said = status(&agent, &["--retry"]);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(agent.admin("/readyz").status, 200);
}

#[test]
fn only_who_may_read_the_status_asks_for_a_retry_and_only_by_post() {
    let scene = Scene::new();
    let agent = failing(&scene);
    let before = scene.sts.calls().len();
    let answer = send(&agent, "GET /retry HTTP/1.1\r\nhost: localhost\r\n");
    assert!(
        answer.starts_with("http/1.1 405 ") && answer.contains("\r\nallow: post\r\n"),
        "{answer}"
    );
    // A page that its user's browser shows may send a POST to a forwarded port, but not without
    // these headers.
    for line in [
        "host: evil.example\r\n",
        "host: localhost\r\nx-forwarded-for: 10.0.0.7\r\n",
        "host: localhost\r\norigin: https://evil.example\r\n",
        "host: localhost\r\nsec-fetch-site: cross-site\r\n",
        "host: localhost\r\ncookie: a=b\r\n",
    ] {
        let answer = send(&agent, &format!("POST /retry HTTP/1.1\r\n{line}"));
        assert!(answer.starts_with("http/1.1 403 "), "{line}: {answer}");
    }
    let answer = send(
        &agent,
        "POST /retry?profile=other HTTP/1.1\r\nhost: localhost\r\n",
    );
    assert!(
        answer.starts_with("http/1.1 404 ") && answer.contains("there are: default"),
        "{answer}"
    );
    assert_eq!(scene.sts.calls().len(), before);
    let answer = send(&agent, "POST /retry HTTP/1.1\r\nhost: localhost\r\n");
    assert!(
        answer.starts_with("http/1.1 200 "),
        "what was refused spends no turn: {answer}"
    );
}

#[test]
fn a_named_client_retries_its_own_profile_alone() {
    let scene = Scene::new();
    scene.sts.set_default(wrong_setting());
    let agent = super::identity::launch_two(&scene).start();
    let failures = || {
        let status = agent.status();
        [0, 1].map(|at: usize| status["profiles"][at]["lastError"]["attempts"].as_u64())
    };
    until("both fail", || {
        (failures() == [Some(1), Some(1)]).then_some(())
    });
    let config = scene.path("config.yaml").display().to_string();
    let said = status(
        &agent,
        &["--retry", "--client=exporter", "--config", &config],
    );
    assert_eq!(said.code, Some(1), "{}{}", said.stdout, said.stderr);
    assert!(
        said.stdout
            .contains("\n  retry         partner: failed again: ValidationError\n"),
        "{}",
        said.stdout
    );
    assert_eq!(failures(), [Some(1), Some(2)]);
}
