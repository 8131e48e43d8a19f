//! The end of an agent whose main thread is blocked: exit code 70, whatever blocks it.
//!
//! Nothing in the agent blocks that thread for long, so these tests run the agent in a process of
//! their own, with a log whose writer never returns: it holds a lock of the log for ever, as a full
//! pipe once did.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stsidecar::agent::{self, Pace};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::telemetry::Dropped;

use super::Scene;
use super::support::agent::{ROLE, until};

/// Set in the process of the agent: the file that says its log is stuck.
const STUCK: &str = "STSIDECAR_TEST_STUCK";
const DEAD_AFTER: Duration = Duration::from_secs(6);
/// The agent outlives its watchdog's limit by this before anything blocks it.
const LIVES_FOR: Duration = Duration::from_secs(13);

/// A log that takes everything until its time is over, and then the thread that writes to it.
struct StuckLog {
    since: Instant,
    says: PathBuf,
}

impl io::Write for &StuckLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.since.elapsed() < LIVES_FOR {
            return Ok(line.len());
        }
        std::fs::write(&self.says, "").expect("room");
        loop {
            std::thread::park();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The agent with the configuration of its environment, and a quick watchdog.
fn be_the_agent(says: PathBuf) -> u8 {
    let log: &'static StuckLog = Box::leak(Box::new(StuckLog {
        since: Instant::now(),
        says,
    }));
    tracing_subscriber::fmt()
        .with_writer(std::sync::Mutex::new(log))
        .init();
    let variable = |name: &str| std::env::var(name).ok();
    let read = |path: &Path| std::fs::read(path);
    let sources = Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    };
    let loaded = Config::load(&sources).expect("a configuration");
    let [tick, look_every, look_again] = [50, 200, 500].map(Duration::from_millis);
    match agent::run(
        loaded,
        &Dropped::default(),
        Pace {
            tick,
            dead_after: DEAD_AFTER,
            look_every,
            look_again,
        },
    ) {
        Ok(()) => 0,
        Err(error) => error.exit_code(),
    }
}

fn start(scene: &Scene) -> Child {
    scene.sts.set_session_lifetime(Some(Duration::from_mins(1)));
    let path = |name: &str| scene.path(name).display().to_string();
    let document = json!({
        "region": "eu-central-1", "stsEndpoint": scene.sts.url(), "refreshAt": "1s",
        "listen": "127.0.0.1:0", "adminListen": "127.0.0.1:0",
        "profiles": {"default": {"webIdentity": {"roleArn": ROLE, "tokenFile": path("volume/token")}}},
        "clients": [{"name": "app", "profile": "default", "tokenFile": path("endpoint/token")}],
    });
    Command::new(std::env::current_exe().expect("this test"))
        .args([
            "--exact",
            "watchdog::a_blocked_main_thread_ends_the_process_with_70",
            "--nocapture",
        ])
        .env_clear()
        .env(STUCK, scene.path("stuck"))
        .env("STSIDECAR_CONFIG_INLINE", document.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

#[test]
fn a_blocked_main_thread_ends_the_process_with_70() {
    if let Some(says) = std::env::var_os(STUCK) {
        let code = be_the_agent(says.into());
        panic!("the agent ended by itself with {code}");
    }
    let scene = Scene::new();
    let mut child = Kill(start(&scene));
    until("that it is blocked", || {
        assert_eq!(
            child.0.try_wait().expect("our child"),
            None,
            "it ended while all was well"
        );
        scene.path("stuck").exists().then_some(())
    });
    // Not even a signal ends it now: only the watchdog does.
    kill_process(Pid::from_child(&child.0), Signal::TERM).expect("our child");
    let ended = until("its end", || child.0.try_wait().expect("our child"));
    assert_eq!(ended.code(), Some(70), "{ended}");
}

/// Killed when a test gives up.
struct Kill(Child);

impl Drop for Kill {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
