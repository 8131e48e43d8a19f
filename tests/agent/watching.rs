//! What watching for rotations takes from the node: 128 inotify instances are all that a uid has
//! there by default.
//!
//! The agent runs in a process of its own that looks at itself: its memory is closed to others.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Map, Value, json};
use stsidecar::agent::{self, Pace};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::telemetry::Dropped;

use super::Scene;
use super::support::agent::{ROLE, free_port, until};
use super::support::client;
use super::support::token_volume::TokenVolume;
use super::support::tokens::ServiceAccountToken;

/// Set in the process of the agent.
const ALONE: &str = "STSIDECAR_TEST_WATCHING";
const NAME: &str =
    "watching::eight_profiles_and_three_directories_take_one_inotify_instance_and_no_thread";

/// Five profiles of one file, two of another, one of a plain file.
fn configuration(scene: &Scene, admin: u16) -> String {
    let files = ["volume/token"; 5]
        .into_iter()
        .chain(["other/token"; 2])
        .chain(["plain/token"]);
    let profile = |(number, file): (usize, &str)| {
        let source = json!({"roleArn": ROLE, "tokenFile": scene.path(file).display().to_string()});
        (format!("p{number}"), json!({"webIdentity": source}))
    };
    let profiles: Map<String, Value> = files.enumerate().map(profile).collect();
    let client = json!({"name": "app", "profile": "p0", "tokenFile": scene.path("endpoint/token").display().to_string()});
    json!({
        "region": "eu-central-1", "stsEndpoint": scene.sts.url(), "listen": "127.0.0.1:0",
        "adminListen": format!("127.0.0.1:{admin}"), "profiles": profiles, "clients": [client],
    })
    .to_string()
}

/// Descriptors of inotify instances in this process.
fn instances() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd")
        .expect("our own")
        .map(|entry| entry.expect("an entry").path());
    let is_inotify = |path: &PathBuf| {
        fs::read_link(path).is_ok_and(|target| target.ends_with("anon_inode:inotify"))
    };
    entries
        .filter(is_inotify)
        .map(|path| {
            path.file_name()
                .expect("a number")
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

/// Directories that they watch.
fn watches() -> usize {
    let of = |fd: String| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    instances()
        .into_iter()
        .map(of)
        .map(|info| info.matches("inotify wd:").count())
        .sum()
}

/// The names of this process's threads, but for the tests' own, which are named like this one.
fn threads() -> Vec<String> {
    let own = fs::read_to_string("/proc/thread-self/comm").expect("our own");
    let main = fs::read_to_string("/proc/self/comm").expect("our own");
    let tasks = fs::read_dir("/proc/self/task")
        .expect("our own")
        .map(|entry| entry.expect("an entry").path());
    let names = tasks.filter_map(|task| fs::read_to_string(task.join("comm")).ok());
    let mut names: Vec<_> = names
        .filter(|name| *name != own && *name != main)
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}

/// Runs the agent of this configuration in this process, for as long as that lives.
fn run_here(inline: &str) {
    let variable = |name: &str| (name == "STSIDECAR_CONFIG_INLINE").then(|| inline.to_owned());
    let read = |path: &std::path::Path| fs::read(path);
    let sources = Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    };
    let loaded = Config::load(&sources).expect("a configuration");
    // No tick: only a watch notices a rotation.
    let pace = Pace {
        tick: Duration::from_hours(1),
        dead_after: Duration::from_hours(9),
        ..Pace::default()
    };
    let run = move || agent::run(loaded, &Dropped::default(), pace);
    let agent = thread::Builder::new().name("agent".to_owned()).spawn(run);
    drop(agent.expect("a thread"));
}

/// How often the token of profile `number` was read anew.
fn reloads(admin: u16, number: usize) -> u64 {
    let metrics = client::get(admin, "/metrics").expect("an answer");
    let series =
        format!("stsidecar_token_reloads_total{{outcome=\"success\",profile=\"p{number}\"}} ");
    let value = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix(&series))
        .expect("a series");
    value.parse().expect("a number")
}

fn watch_eight_profiles() {
    let mut scene = Scene::new();
    let token = || ServiceAccountToken::default().jwt();
    let mut other = TokenVolume::at(scene.path("other"));
    other.rotate(token().as_bytes());
    fs::create_dir(scene.path("plain")).expect("room");
    fs::write(scene.path("plain/token"), token()).expect("room");
    let admin = free_port();
    run_here(&configuration(&scene, admin));
    until("that all are ready", || {
        client::get(admin, "/readyz")
            .ok()
            .filter(|answer| answer.status == 200)
    });
    until("three watched directories", || {
        (watches() >= 3).then_some(())
    });
    for number in 0..8 {
        // Watching begins a little after the first credentials: rotate until it is seen.
        let before = reloads(admin, number);
        until("a rotation", || {
            scene.rotate();
            other.rotate(token().as_bytes());
            fs::write(scene.path("plain/token"), token()).expect("room");
            thread::sleep(Duration::from_millis(50));
            (reloads(admin, number) > before).then_some(())
        });
    }
    assert_eq!((instances().len(), watches()), (1, 3));
    assert_eq!(threads(), ["agent", "endpoint", "watchdog"]);
}

#[test]
fn eight_profiles_and_three_directories_take_one_inotify_instance_and_no_thread() {
    if std::env::var_os(ALONE).is_some() {
        return watch_eight_profiles();
    }
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", NAME, "--nocapture"])
        .env(ALONE, "1")
        .stdin(Stdio::null())
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}
