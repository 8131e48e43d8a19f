//! A running pod in trouble: what is said while refreshes keep failing and credentials are still
//! vended, and at their end.
//!
//! Sessions live for 40 s, of which 30 s are vended: the moments are then seconds apart, and a
//! machine that stalls for less misses none. What the kubelet's probe asks is asked here as often
//! as can be.

use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::Scene;
use super::support::agent::{Agent, ROLE, until};
use super::support::fake_sts::Behaviour;

const REFUSAL: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
const MOMENTS: [&str; 3] = [
    "refreshes keep failing: half of the time that was left is gone",
    "refreshes keep failing: credentials end soon",
    "refreshes keep failing: no credentials are vended",
];

fn revoked() -> Behaviour {
    Behaviour::error(403, "AccessDenied", REFUSAL)
}

fn short_sessions() -> Scene {
    let scene = Scene::new();
    scene
        .sts
        .set_session_lifetime(Some(Duration::from_secs(40)));
    scene
}

fn command(scene: &Scene, agent: &Agent, arguments: &[&str]) -> Command {
    let mut command = scene.launch().command("status");
    command
        .args(arguments)
        .arg(format!("--admin-listen=127.0.0.1:{}", agent.admin_port()));
    command
}

fn asked(scene: &Scene, agent: &Agent, arguments: &[&str]) -> Output {
    command(scene, agent, arguments)
        .output()
        .expect("the program runs")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// One call of the kubelet's probe: what becomes an event.
fn probed(scene: &Scene, agent: &Agent) -> Option<String> {
    let output = asked(scene, agent, &["--incident-probe", "--period=1"]);
    let line = text(&output);
    assert_eq!(
        output.status.code(),
        Some(i32::from(!line.is_empty())),
        "{line}"
    );
    (!line.is_empty()).then_some(line)
}

#[test]
fn a_revoked_trust_is_said_at_error_before_credentials_end_and_at_their_end() {
    let scene = short_sessions();
    let agent = scene.launch().start();
    agent.first_credentials();
    scene.sts.set_default(revoked());
    for message in MOMENTS {
        let event = agent.event(message);
        assert_eq!(
            (&event["level"], &event["code"]),
            (&"ERROR".into(), &"AccessDenied".into()),
            "{event}"
        );
        assert_eq!(
            (&event["role"], &event["error"]),
            (&ROLE.into(), &REFUSAL.into()),
            "{event}"
        );
        assert!(
            event["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("trust policy")),
            "{event}"
        );
        assert!(
            event["failing_seconds"].is_u64() && event["ends"].is_string(),
            "{event}"
        );
    }
    scene.sts.set_default(Behaviour::Ok);
    agent.event("refreshes succeed again");
    assert_eq!(agent.events("refreshes succeed again")[0]["level"], "INFO");
    assert_eq!(
        MOMENTS.map(|message| agent.events(message).len()),
        [1, 1, 1],
        "each once"
    );
}

#[test]
fn the_headline_of_a_ready_agent_says_that_refreshes_fail_and_when_credentials_end() {
    let scene = Scene::new();
    let agent = scene.launch_restless().start();
    agent.first_credentials();
    let healthy = asked(&scene, &agent, &[]);
    assert!(text(&healthy).contains(": ready\n"), "{}", text(&healthy));
    scene.sts.set_default(revoked());
    let page = until("the headline", || {
        let page = asked(&scene, &agent, &[]);
        assert_eq!(page.status.code(), Some(0), "ready is ready");
        Some(text(&page)).filter(|page| page.contains(": ready, refreshes failing for "))
    });
    let headline = page.lines().next().expect("a headline");
    assert!(headline.contains(", credentials end in "), "{headline}");
    let document: Value =
        serde_json::from_str(&text(&asked(&scene, &agent, &["-o", "json"]))).expect("JSON");
    let incident = &document["profiles"][0]["incident"];
    assert!(
        incident["failingSince"].is_string() && incident["credentialsEnd"].is_string(),
        "{incident}"
    );
}

#[test]
fn the_kubelets_probe_fails_once_for_each_moment_and_never_for_anything_else() {
    let scene = short_sessions();
    let agent = scene.launch().start();
    agent.first_credentials();
    assert_eq!(probed(&scene, &agent), None);
    scene.sts.set_default(revoked());
    let mut lines = Vec::new();
    until("the end", || {
        // A person who looks takes nothing away from the kubelet.
        asked(&scene, &agent, &[]);
        asked(&scene, &agent, &["--probe"]);
        lines.extend(probed(&scene, &agent));
        lines
            .last()
            .is_some_and(|line| line.contains("ended"))
            .then_some(())
    });
    assert!(lines.len() <= 3, "{lines:#?}");
    for line in &lines {
        assert!(
            line.starts_with("default: role arn:aws:iam::") && line.contains(": AccessDenied: "),
            "{line}"
        );
        assert!(
            line.contains("trust policy") && line.chars().count() < 200,
            "{line}"
        );
    }
    assert_eq!(probed(&scene, &agent), None, "once");
    scene.sts.set_default(Behaviour::Ok);
    agent.event("refreshes succeed again");
    assert_eq!(probed(&scene, &agent), None);
}

/// A probe that fails by itself would be noise in the pod's events.
#[test]
fn without_an_agent_the_incident_probe_is_silent() {
    let scene = Scene::new();
    let mut agent = scene.launch().start();
    let mut probe = command(&scene, &agent, &["--incident-probe"]);
    agent.kill();
    let output = probe.output().expect("the program runs");
    assert_eq!(
        (output.status.code(), text(&output).as_str()),
        (Some(0), "")
    );
}

/// An application that started without credentials, or was restarted beside an agent without any,
/// is in trouble too.
#[test]
fn an_agent_that_never_held_any_says_so_once_its_application_has_started() {
    let scene = Scene::new();
    scene.sts.set_default(revoked());
    let agent = scene.launch().flag("wait-for-credentials", "false").start();
    let line = until("the line", || probed(&scene, &agent));
    assert!(
        line.contains(": AccessDenied: ") && line.ends_with("; no credentials"),
        "{line}"
    );
    assert_eq!(probed(&scene, &agent), None, "once");
}

/// The kubelet shows each failure of a startup probe as an event; a pod that is deleted while it
/// waits has no fault.
#[test]
fn the_startup_probe_of_an_agent_that_is_ended_is_silent() {
    let scene = Scene::new();
    scene.sts.set_default(revoked());
    let mut agent = scene.launch().start();
    agent.event("refresh failed");
    let mut probe = command(&scene, &agent, &["--probe"]);
    let probe = probe
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the program runs");
    let waiting = format!("127.0.0.1:{}", agent.admin_port());
    until("the probe's connection", || {
        has_connection_to(&waiting).then_some(())
    });
    agent.signal(Signal::TERM);
    let output = probe.wait_with_output().expect("our child");
    assert_eq!(
        (output.status.code(), text(&output).as_str()),
        (Some(0), "")
    );
    assert_eq!(agent.wait(), Some(0));
}

/// Whether a client is connected to this address of this machine (state 01 in `/proc/net/tcp`).
fn has_connection_to(address: &str) -> bool {
    let port: u16 = address
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let wanted = format!("0100007F:{port:04X}");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("Linux");
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .any(|row| {
            row.get(1).is_some_and(|local| *local == wanted)
                && row.get(3).is_some_and(|state| *state == "01")
        })
}
