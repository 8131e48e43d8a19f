//! The real binary as a child process: started on free loopback ports, watched through its log,
//! always reaped.
//!
//! Every agent runs with `RUST_LOG=trace`, and whatever it wrote is searched for secrets when it
//! ends. The environment variable `STSIDECAR_BIN` names another binary than the one built with the
//! tests.

mod log;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::client::{self, Answer, Client};
use super::secrets;
use log::{Log, parsed};

/// Longer than anything takes on a busy machine; only a failing test waits for it.
pub const BOUND: Duration = Duration::from_mins(1);

/// The role of most tests.
pub const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";

/// Polls until there is something; the only way in which these tests wait.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < BOUND, "not seen in time: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The arguments and the environment of an agent.
#[derive(Clone)]
pub struct Launch {
    binary: OsString,
    flags: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
}

impl Launch {
    /// An agent of [`ROLE`] with its token at `directory/volume/token`.
    pub fn new(directory: &Path, sts: &str) -> Self {
        let file = |name: &str| directory.join(name).display().to_string();
        let launch = Self {
            binary: std::env::var_os("STSIDECAR_BIN")
                .unwrap_or_else(|| env!("CARGO_BIN_EXE_stsidecar").into()),
            flags: BTreeMap::new(),
            variables: BTreeMap::new(),
        };
        launch
            .variable("RUST_LOG", "trace")
            .flag("sts-endpoint", sts)
            .flag("region", "eu-central-1")
            .flag("listen", "127.0.0.1:0")
            .flag("admin-listen", "127.0.0.1:0")
            .flag("role-arn", ROLE)
            .flag("web-identity-token-file", &file("volume/token"))
            .flag("authorization-token-file", &file("endpoint/token"))
    }

    /// Gives a flag this value.
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Leaves a flag out.
    pub fn without(mut self, name: &str) -> Self {
        self.flags.remove(name);
        self
    }

    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The program under test.
    pub fn binary(&self) -> &Path {
        Path::new(&self.binary)
    }

    /// The program with another subcommand, in the same environment.
    pub fn command(&self, subcommand: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .arg(subcommand)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    fn run_command(&self) -> Command {
        self.running(Command::new(&self.binary))
    }

    fn running(&self, mut command: Command) -> Command {
        command
            .arg("run")
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null());
        command.args(
            self.flags
                .iter()
                .map(|(name, value)| format!("--{name}={value}")),
        );
        command
    }

    /// Starts the process and returns at once.
    pub fn spawn(&self) -> Agent {
        let mut command = self.run_command();
        self.spawned(command.stderr(Stdio::piped()))
    }

    /// Starts the process with its log going there. Its ports must be flags: no log says them.
    pub fn spawn_logging_to(&self, log: impl Into<Stdio>) -> Agent {
        self.spawned(self.run_command().stderr(log))
    }

    /// Starts it by this command, which takes the program's arguments behind its own, and waits
    /// until both ports are open.
    pub fn start_by(&self, command: Command) -> Agent {
        self.spawn_by(command).opened()
    }

    /// The same without waiting.
    pub fn spawn_by(&self, command: Command) -> Agent {
        self.spawned(self.running(command).stderr(Stdio::piped()))
    }

    fn spawned(&self, command: &mut Command) -> Agent {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = Log::default();
        let mut readers = vec![log.collect(child.stdout.take().expect("piped"))];
        readers.extend(child.stderr.take().map(|stderr| log.collect(stderr)));
        let token_file = self
            .flags
            .get("authorization-token-file")
            .map(PathBuf::from);
        Agent {
            child,
            log,
            readers,
            token_file,
            reaped: false,
        }
    }

    /// Starts it and waits until both ports are open.
    pub fn start(&self) -> Agent {
        self.spawn().opened()
    }

    /// Starts it and waits for its end.
    pub fn run_to_end(&self) -> (Option<i32>, String) {
        let mut agent = self.spawn();
        let code = agent.wait();
        (code, agent.log().join("\n"))
    }
}

/// A running agent; killed and reaped when dropped.
pub struct Agent {
    child: Child,
    log: Log,
    readers: Vec<JoinHandle<()>>,
    token_file: Option<PathBuf>,
    reaped: bool,
}

impl Agent {
    fn opened(self) -> Self {
        self.port();
        self.admin_port();
        self
    }

    /// The credentials endpoint's address.
    pub fn address(&self) -> SocketAddr {
        self.logged_address("credentials endpoint is listening")
    }

    pub fn port(&self) -> u16 {
        self.address().port()
    }

    pub fn admin_port(&self) -> u16 {
        self.logged_address("admin surface is listening").port()
    }

    fn logged_address(&self, message: &str) -> SocketAddr {
        let address = |line: &str| {
            Some(
                parsed(line, message)?["address"]
                    .as_str()?
                    .parse()
                    .expect("an address"),
            )
        };
        self.log.find(message, address)
    }

    /// Everything logged so far, line by line.
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The events with this message so far.
    pub fn events(&self, message: &str) -> Vec<Value> {
        self.log()
            .iter()
            .filter_map(|line| parsed(line, message))
            .collect()
    }

    /// Waits for an event with this message.
    pub fn event(&self, message: &str) -> Value {
        self.log.find(message, |line| parsed(line, message))
    }

    /// The file with the token of its one client.
    pub fn token_file(&self) -> &Path {
        self.token_file
            .as_deref()
            .expect("an agent with one client")
    }

    /// A client with the content of the agent's own token file.
    pub fn client(&self) -> Client {
        self.client_with(self.token_file())
    }

    pub fn client_with(&self, token_file: &Path) -> Client {
        let token = std::fs::read_to_string(token_file).expect("written before the port is open");
        Client::new(self.address(), &token)
    }

    /// Waits for the first 200; what came before must be a 503.
    pub fn first_credentials(&self) -> Answer {
        let mut client = self.client();
        until("a 200", || {
            let answer = client.credentials().expect("an answer to every request");
            assert!(
                matches!(answer.status, 200 | 503),
                "{} {}",
                answer.status,
                answer.text()
            );
            (answer.status == 200).then_some(answer)
        })
    }

    /// `GET` at the admin surface.
    pub fn admin(&self, path: &str) -> Answer {
        client::get(self.admin_port(), path).expect("the admin surface answers")
    }

    pub fn status(&self) -> Value {
        self.admin("/status").json()
    }

    /// The value of the series `name{labels}`; counts have no fraction.
    pub fn metric<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, series: &str) -> T {
        let scrape = self.admin("/metrics");
        let line = scrape
            .text()
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {}", scrape.text()))
            .parse()
            .expect("a number of that kind")
    }

    /// A field of `/proc/PID/status` in kB, such as `RssAnon`.
    pub fn memory(&self, field: &str) -> u64 {
        let text = self.proc("status").expect("readable for the same uid");
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line
            .and_then(|line| line.split_whitespace().next())
            .expect("a field of the kernel");
        number.parse().expect("kB")
    }

    /// A file in its `/proc` folder.
    pub fn proc(&self, file: &str) -> std::io::Result<String> {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()))
    }

    /// The names of its threads.
    pub fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let names =
            tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// The uid that owns a file in its `/proc` folder.
    pub fn owner(&self, file: &str) -> u32 {
        std::fs::metadata(format!("/proc/{}/{file}", self.child.id()))
            .expect("it runs")
            .uid()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a child that was not reaped takes signals");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Waits for its end and says its exit code; none when a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        let child = &mut self.child;
        let code = until("the end of the agent", || {
            child.try_wait().expect("our child")
        })
        .code();
        self.reaped(code)
    }

    /// SIGKILL, and its end.
    pub fn kill(&mut self) {
        self.child.kill().expect("our child");
        let code = self.child.wait().expect("our child").code();
        self.reaped(code);
    }

    fn reaped(&mut self, code: Option<i32>) -> Option<i32> {
        if !std::mem::replace(&mut self.reaped, true) {
            for reader in self.readers.drain(..) {
                reader.join().expect("no reader panics");
            }
            let mut token = self
                .token_file
                .as_deref()
                .and_then(|file| std::fs::read_to_string(file).ok());
            let token = token.take_if(|token| token.len() >= secrets::WINDOW);
            let written = self.log().join("\n");
            if !std::thread::panicking() {
                assert!(!written.contains("panicked at"), "{written}");
                secrets::assert_unmarked(&written, "the agent's output");
                secrets::assert_hidden(&written, token.as_deref(), "the agent's output");
            }
        }
        code
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
        }
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log().join("\n"));
        }
    }
}

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("bound").port()
}
