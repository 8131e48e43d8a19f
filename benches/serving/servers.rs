//! The two servers as processes, each on one core, and what `/proc` says about them.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CpuSet, sched_setaffinity};
use tempfile::TempDir;

use crate::load::{Target, now};

/// A process that is ended when dropped.
pub struct Process(Child);

impl Process {
    /// Runs `command` on `core`.
    pub fn start(command: &mut Command, core: usize) -> std::io::Result<Self> {
        pin(core)?;
        let started = command.spawn();
        pin(LOAD_CORE)?;
        started.map(Self)
    }

    /// Ends it as the kubelet does, and waits.
    pub fn stop(mut self) -> std::io::Result<()> {
        if let Some(pid) = Pid::from_raw(self.0.id().cast_signed()) {
            kill_process(pid, Signal::TERM)?;
        }
        self.0.wait().map(drop)
    }

    fn tasks(&self) -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(format!("/proc/{}/task", self.0.id()))?
            .map(|task| task.map(|task| task.path()))
            .collect()
    }

    /// Processor time of all threads. `schedstat` counts nanoseconds
    /// (<https://docs.kernel.org/scheduler/sched-stats.html>), `stat` would
    /// count hundredths of a second.
    pub fn cpu(&self) -> std::io::Result<Duration> {
        let mut sum = 0;
        for task in self.tasks()? {
            let text = std::fs::read_to_string(task.join("schedstat"))?;
            sum += text
                .split_whitespace()
                .next()
                .and_then(|text| text.parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(Duration::from_nanos(sum))
    }

    /// A figure of `/proc/PID/status`, in its own unit.
    pub fn status(&self, key: &str) -> std::io::Result<u64> {
        figure(Path::new(&format!("/proc/{}", self.0.id())), key)
    }

    /// Voluntary context switches of all threads.
    pub fn switches(&self) -> std::io::Result<u64> {
        self.tasks()?
            .iter()
            .map(|task| figure(task, "voluntary_ctxt_switches"))
            .sum()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill().and_then(|()| self.0.wait()));
    }
}

fn figure(directory: &Path, key: &str) -> std::io::Result<u64> {
    let text = std::fs::read_to_string(directory.join("status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let value = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    value.ok_or_else(|| std::io::Error::other(format!("no {key} in /proc")))
}

/// Where servers run.
pub const SERVER_CORE: usize = 0;
/// Where the load comes from.
pub const LOAD_CORE: usize = 1;

/// Moves this thread, and what it starts from now on, to `core`.
pub fn pin(core: usize) -> std::io::Result<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// The agent with one profile and one client, as the injector configures it.
pub struct Agent {
    binary: PathBuf,
    directory: TempDir,
    sts: SocketAddr,
    /// Where it will listen.
    pub address: SocketAddr,
}

impl Agent {
    /// Prepares its files: a token of the kubelet's shape, in memory as in a pod.
    pub fn new(binary: &Path, sts: SocketAddr) -> std::io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let directory = if memory.is_dir() {
            TempDir::new_in(memory)?
        } else {
            TempDir::new()?
        };
        std::fs::write(directory.path().join("token"), web_identity_token())?;
        // Free now; another program could take it in the moment before the agent does.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let agent = Self {
            binary: binary.to_owned(),
            directory,
            sts,
            address,
        };
        agent.forget().map(|()| agent)
    }

    /// The command, to be run once.
    pub fn command(&self, wrapper: &[&str]) -> Command {
        let directory = self.directory.path();
        let mut command = wrapped(wrapper, &self.binary);
        command
            .arg("run")
            .env_clear()
            .env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/bench")
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ENDPOINT_URL_STS", format!("http://{}", self.sts))
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", directory.join("token"))
            .env(
                "STSIDECAR_AUTHORIZATION_TOKEN_FILE",
                directory.join("authorization"),
            )
            .env("STSIDECAR_STATE_DIR", directory.join("state"))
            .env("STSIDECAR_LISTEN", self.address.to_string())
            .env("STSIDECAR_ADMIN_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(
                std::fs::File::create(directory.join("log"))
                    .map_or_else(|_| Stdio::null(), Stdio::from),
            );
        command
    }

    /// Waits for the first 200, asking without a pause; the answer.
    pub fn first_answer(&self) -> std::io::Result<Vec<u8>> {
        let start = now();
        loop {
            let token = self.token();
            let answer = token.and_then(|token| crate::load::ask(self.address, &token));
            match answer {
                Ok(answer) => return Ok(answer),
                Err(error) if start.elapsed() > Duration::from_mins(1) => {
                    let log = std::fs::read_to_string(self.directory.path().join("log"))
                        .unwrap_or_default();
                    return Err(std::io::Error::other(format!(
                        "no credentials within a minute: {error}\n{log}"
                    )));
                }
                Err(_) => {}
            }
        }
    }

    /// What to ask it with.
    pub fn target(&self) -> std::io::Result<Target> {
        Target::new(self.address, self.token()?)
    }

    fn token(&self) -> std::io::Result<String> {
        std::fs::read_to_string(self.directory.path().join("authorization"))
    }

    /// Makes the next start a first one: nothing kept from the one before.
    pub fn forget(&self) -> std::io::Result<()> {
        for name in ["state", "authorization"] {
            let path = self.directory.path().join(name);
            let gone = if path.is_dir() {
                std::fs::remove_dir_all(path)
            } else {
                std::fs::remove_file(path)
            };
            gone.or_else(|error| {
                if error.kind() == std::io::ErrorKind::NotFound {
                    Ok(())
                } else {
                    Err(error)
                }
            })?;
        }
        // A memory-backed volume is there before the container.
        std::fs::create_dir(self.directory.path().join("state"))
    }
}

/// `binary` below another program, such as valgrind, or by itself.
fn wrapped(wrapper: &[&str], binary: &Path) -> Command {
    let [program, arguments @ ..] = wrapper else {
        return Command::new(binary);
    };
    let mut command = Command::new(program);
    command.args(arguments).arg(binary);
    command
}

/// Starts this program as the bare server of `body`; the process and its address.
pub fn bare(body: &str, wrapper: &[&str]) -> std::io::Result<(Process, SocketAddr)> {
    let own = std::env::current_exe()?;
    let mut process = Process::start(
        wrapped(wrapper, &own)
            .arg("bare")
            .arg(body)
            .stdout(Stdio::piped()),
        SERVER_CORE,
    )?;
    let mut line = String::new();
    if let Some(stdout) = process.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    let port: u16 = line.trim().parse().map_err(std::io::Error::other)?;
    Ok((process, SocketAddr::from(([127, 0, 0, 1], port))))
}

/// A projected token until 2100 with the kubelet's claims; no server here checks its signature.
fn web_identity_token() -> String {
    let claims = r#"{"aud":["sts.amazonaws.com"],"exp":4102444800,"iat":1767225600,"nbf":1767225600,"iss":"https://kubernetes.default.svc.cluster.local","jti":"00000000-0000-4000-8000-000000000001","kubernetes.io":{"namespace":"shop","node":{"name":"node-1","uid":"00000000-0000-4000-8000-000000000004"},"pod":{"name":"checkout-7d4b9c-x2x4q","uid":"00000000-0000-4000-8000-000000000002"},"serviceaccount":{"name":"checkout","uid":"00000000-0000-4000-8000-000000000003"}},"sub":"system:serviceaccount:shop:checkout"}"#;
    let signature = [b'x'; 256];
    [
        br#"{"alg":"RS256","kid":"bench"}"#,
        claims.as_bytes(),
        &signature,
    ]
    .map(|part| URL_SAFE_NO_PAD.encode(part))
    .join(".")
}
