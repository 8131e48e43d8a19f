//! A log that is not read: credentials are refreshed and served, probes are answered, signals are
//! followed.

use std::process::Command;
use std::sync::mpsc;
use std::thread;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::Scene;
use super::support::agent::{Agent, BOUND, Launch, ROLE, free_port, until};
use super::support::client::{self, Answer};
use super::support::full_pipe::FullPipe;

const DROPPED: &str = "stsidecar_log_lines_dropped_total";

/// An agent that is asked by its ports, because its log says nothing.
struct Silent {
    agent: Agent,
    admin: u16,
}

impl Silent {
    fn start(launch: &Launch, log: &FullPipe) -> Self {
        Self::started(launch, |launch| launch.spawn_logging_to(log.stderr()))
    }

    fn started(launch: &Launch, spawn: impl FnOnce(&Launch) -> Agent) -> Self {
        let (endpoint, admin) = (free_port(), free_port());
        let [listen, admin_listen] = [endpoint, admin].map(|port| format!("127.0.0.1:{port}"));
        let launch = launch
            .clone()
            .flag("listen", &listen)
            .flag("admin-listen", &admin_listen);
        let silent = Self {
            agent: spawn(&launch),
            admin,
        };
        until("that it is ready", || {
            (silent.admin("/readyz")?.status == 200).then_some(())
        });
        silent
    }

    fn admin(&self, path: &str) -> Option<Answer> {
        client::get(self.admin, path).ok()
    }

    fn dropped(&self) -> u64 {
        let page = self.admin("/metrics").expect("an answer");
        let value = page
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(DROPPED)?.strip_prefix(' '));
        value
            .unwrap_or_else(|| panic!("no {DROPPED} in {}", page.text()))
            .parse()
            .expect("a number")
    }
}

/// Eight profiles of one token file: each rotation is eight lines of the log.
fn noisy(scene: &Scene) -> Launch {
    let path = |name: &str| scene.path(name).display().to_string();
    let profile = |number| {
        (
            format!("p{number}"),
            json!({"webIdentity": {"roleArn": ROLE, "tokenFile": path("volume/token")}}),
        )
    };
    let profiles: serde_json::Map<String, Value> = (0..8).map(profile).collect();
    let clients = json!([{"name": "app", "profile": "p0", "tokenFile": path("endpoint/token")}]);
    let document = json!({"profiles": profiles, "clients": clients});
    let flags = [
        "role-arn",
        "web-identity-token-file",
        "authorization-token-file",
    ];
    let launch = flags
        .iter()
        .fold(scene.launch_restless(), |launch, flag| launch.without(flag));
    launch.variable("STSIDECAR_CONFIG_INLINE", &document.to_string())
}

#[test]
fn a_log_that_is_not_read_stops_nothing_and_what_was_lost_is_counted_and_said() {
    let mut scene = Scene::new();
    let log = FullPipe::new();
    let mut silent = Silent::start(&noisy(&scene), &log);
    let before = scene.sts.calls().len();
    until("refreshes", || {
        (scene.sts.calls().len() >= before + 16).then_some(())
    });
    until("that lines are dropped", || {
        scene.rotate();
        (silent.dropped() > 0).then_some(())
    });
    assert_eq!(silent.admin("/livez").expect("an answer").status, 200);
    assert!(
        !log.is_nonblocking(),
        "the stderr is shared with other processes"
    );

    let (lines, read) = mpsc::channel();
    let reader = thread::spawn(move || log.drain().for_each(|line| drop(lines.send(line))));
    let mut seen = Vec::new();
    let mut said = 0;
    while said == 0 {
        let line = read.recv_timeout(BOUND).expect("what was lost is said");
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if event["message"] == "log lines were dropped: stderr did not take them" {
            said = event["lines"].as_u64().expect("a number");
        }
        seen.push(line);
    }
    assert!(
        seen[0].contains("stsidecar is starting"),
        "what came first was kept: {}",
        seen[0]
    );
    assert!(said <= silent.dropped(), "{said}");
    silent.agent.signal(Signal::TERM);
    assert_eq!(silent.agent.wait(), Some(0));
    reader.join().expect("no panic");
    let end: Vec<String> = read.iter().collect();
    assert!(
        end.last().is_some_and(|line| line.contains("drained")),
        "the last line is written: {end:#?}"
    );
}

#[test]
fn a_log_that_is_not_read_delays_no_end() {
    let scene = Scene::new();
    let log = FullPipe::new();
    let mut silent = Silent::start(&scene.launch(), &log);
    silent.agent.signal(Signal::TERM);
    assert_eq!(silent.agent.wait(), Some(0));

    // Errors at the start and usage errors too.
    for (launch, code) in [
        (scene.launch().flag("refresh-at", "100%"), 78),
        (scene.launch().flag("no-such-flag", "1"), 64),
    ] {
        assert_eq!(launch.spawn_logging_to(log.stderr()).wait(), Some(code));
    }
}

#[test]
fn a_shared_stderr_that_was_made_nonblocking_loses_no_line_while_there_is_room_to_wait() {
    let scene = Scene::new();
    let log = FullPipe::new();
    log.set_nonblocking();
    let mut silent = Silent::start(&scene.launch(), &log);
    assert_eq!(silent.dropped(), 0);
    let reader = thread::spawn(move || log.drain().collect::<Vec<_>>());
    silent.agent.signal(Signal::TERM);
    assert_eq!(silent.agent.wait(), Some(0));
    let lines = reader.join().expect("no panic");
    for message in ["stsidecar is starting", "credentials refreshed", "drained"] {
        assert!(
            lines.iter().any(|line| line.contains(message)),
            "{message} not in {lines:#?}"
        );
    }
}

#[test]
fn a_closed_log_stops_nothing() {
    let scene = Scene::new();
    let log = FullPipe::new();
    let stderr = log.stderr();
    drop(log);
    let ports = [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
    let launch = scene
        .launch()
        .flag("listen", &ports[0])
        .flag("admin-listen", &ports[1]);
    let mut agent = launch.spawn_logging_to(stderr);
    until("the exchange", || {
        (!scene.sts.calls().is_empty()).then_some(())
    });
    agent.signal(Signal::TERM);
    assert_eq!(agent.wait(), Some(0));
}

/// A write beyond `RLIMIT_FSIZE` is a signal too, which ends a process that does not expect it
/// (setrlimit(2)).
#[test]
fn a_log_file_that_may_not_grow_stops_nothing() {
    let mut scene = Scene::new();
    let log = scene.path("log");
    let limited = format!("ulimit -f 8 && exec \"$0\" \"$@\" 2>'{}'", log.display());
    let mut silent = Silent::started(&noisy(&scene), |launch| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &limited]).arg(launch.binary());
        launch.spawn_by(shell)
    });
    until("that lines are dropped", || {
        scene.rotate();
        (silent.dropped() > 0).then_some(())
    });
    assert_eq!(silent.admin("/livez").expect("an answer").status, 200);
    assert!(
        std::fs::read_to_string(&log)
            .expect("text")
            .contains("stsidecar is starting")
    );
    silent.agent.signal(Signal::TERM);
    assert_eq!(silent.agent.wait(), Some(0));
}
