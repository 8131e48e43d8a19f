//! The real binary against the fake STS on the wire, from its first line to its end.
//!
//! Everything waits by polling with a limit, nothing by sleeping and hoping. Tests that need the
//! machine for themselves (`kill`, `load`, `flood`) run [`Scene::alone`]; the others run beside
//! each other. Those three are load tests at a size for every day; `KILLS`, `REQUESTS` (1,000,000),
//! `FLOOD_SECONDS` (30) and `STSIDECAR_BIN` (a release binary) in the environment make it the full
//! one.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]
#![allow(
    clippy::disallowed_methods,
    reason = "these tests and their processes live in real time"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the shared support is compiled whole and used in parts"
)]

#[path = "../support"]
mod support {
    pub mod agent;
    pub mod certificates;
    pub mod client;
    pub mod fake_sts;
    pub mod full_pipe;
    pub mod other_user;
    pub mod secrets;
    pub mod tls_front;
    pub mod token_volume;
    pub mod tokens;
}

mod ca_bundle;
mod clients;
mod ending;
mod flood;
mod identity;
mod kill;
mod load;
mod log_lines;
mod outages;
mod retry;
mod secrecy;
mod sources;
mod start;
mod state_dir;
mod stuck_log;
mod surfaces;
mod threads;
mod trouble;
mod watchdog;
mod watching;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use support::agent::{Agent, Launch};
use support::fake_sts::FakeSts;
use support::token_volume::TokenVolume;
use support::tokens::ServiceAccountToken;
use tempfile::TempDir;

/// Says so when it is dropped, by a panic too: threads that run beside a test end with it.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

static MACHINE: RwLock<()> = RwLock::new(());

/// Held for as long as a scene lives.
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// An STS, a mounted token volume and a directory for everything else, in memory as in a pod.
struct Scene {
    sts: FakeSts,
    volume: TokenVolume,
    directory: TempDir,
    _turn: Turn,
}

impl Scene {
    /// With a token.
    fn new() -> Self {
        let mut scene = Self::without_token();
        scene.rotate();
        scene
    }

    fn without_token() -> Self {
        Self::with(Turn::Shared(
            MACHINE.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// With a token, while no other scene is there.
    fn alone() -> Self {
        let mut scene = Self::with(Turn::Alone(
            MACHINE.write().unwrap_or_else(PoisonError::into_inner),
        ));
        scene.rotate();
        scene
    }

    fn with(turn: Turn) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("stsidecar-agent-")
            .tempdir_in("/dev/shm")
            .expect("memory");
        let volume = TokenVolume::at(directory.path().join("volume"));
        Self {
            sts: FakeSts::start(),
            volume,
            directory,
            _turn: turn,
        }
    }

    /// The kubelet's next token; it is also answered.
    fn rotate(&mut self) -> String {
        self.rotate_to(&ServiceAccountToken::default())
    }

    fn rotate_to(&mut self, token: &ServiceAccountToken) -> String {
        let jwt = token.jwt();
        self.volume.rotate(jwt.as_bytes());
        jwt
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn launch(&self) -> Launch {
        Launch::new(self.directory.path(), &self.sts.url())
    }

    /// An agent that refreshes each second, which is as often as its call budget lets it.
    fn launch_restless(&self) -> Launch {
        self.sts.set_session_lifetime(Some(Duration::from_mins(1)));
        self.launch().flag("refresh-at", "1s")
    }

    /// A file of the state directory.
    fn state(&self, name: &str) -> PathBuf {
        self.path("state/stsidecar").join(name)
    }

    fn launch_with_state(&self) -> Launch {
        self.launch()
            .flag("state-dir", &self.path("state").display().to_string())
    }
}

/// What `stsidecar status` says of this agent.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// `stsidecar status` with these arguments.
fn status(agent: &Agent, arguments: &[&str]) -> Said {
    let listen = format!("--admin-listen=127.0.0.1:{}", agent.admin_port());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stsidecar"));
    command
        .arg("status")
        .arg(listen)
        .args(arguments)
        .env_clear()
        .env("AWS_REGION", "eu-central-1");
    let output = command.output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Said {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
