//! The command line: commands, flags and exit codes. The only place of clap.
//!
//! Owns parsing and what goes to stdout and stderr. The process around it (environment, files,
//! streams) is an [`Env`]: the real one is made by [`in_process`], which both programs call,
//! others by tests. The decisions are `config`'s and the running is `agent`'s.

mod check;
mod credential_process;
mod exchange;
mod findings;
mod flags;
#[cfg(feature = "injector")]
mod inject;
#[cfg(feature = "injector")]
pub mod injector;
mod longest;
mod request;
mod run;
mod span;
mod status;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::config::{Config, Error, Flags, Loaded, Sources, mistyped};
use crate::telemetry::{self, Lines};
use crate::time::Wall;
use crate::{clock, redact, version};
use flags::{All, SettingFlags};

/// Exit codes, most of them from sysexits.h (<https://man.freebsd.org/cgi/man.cgi?query=sysexits>).
pub mod exit {
    /// Done, or ready.
    pub const OK: u8 = 0;
    /// Not ready, refused, or a check that failed.
    pub const NOT_READY: u8 = 1;
    /// Wrong arguments.
    pub const USAGE: u8 = 64;
    /// No agent or server answers.
    pub const UNAVAILABLE: u8 = 69;
    /// A fault of the program, or of the streams it writes to.
    pub const INTERNAL: u8 = 70;
    /// Bad configuration.
    pub const CONFIG: u8 = crate::config::Error::EXIT_CODE;
}

/// What a command touches besides the network.
pub struct Env<'a> {
    /// Looks an environment variable up.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all environment variables; text that is not UTF-8 comes with U+FFFD in it.
    pub names: &'a dyn Fn() -> Vec<String>,
    /// Reads a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Results only.
    pub stdout: &'a mut dyn Write,
    /// What went wrong.
    pub stderr: &'a mut dyn Write,
    /// Where `run` logs; the same stream.
    pub log: &'a Lines,
    /// Whether people read stdout.
    pub stdout_is_terminal: bool,
    /// Whether people read stderr.
    pub stderr_is_terminal: bool,
    /// Where the kubelet looks for the reason of an exit (`terminationMessagePath`).
    pub termination_log: &'a Path,
    /// Reads the wall clock.
    pub wall: fn() -> Wall,
}

/// How long the end of the process waits for the reader of stderr.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Writes what is still to be written, when it is dropped.
struct LastWords<'a>(&'a Lines);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        self.0.flush(LAST_WORDS);
    }
}

/// Runs a program's command line with the real process around it.
#[must_use]
pub fn in_process(run: impl FnOnce(&mut Env<'_>) -> u8) -> ExitCode {
    let mut stdout = io::stdout();
    let (stdout_is_terminal, stderr_is_terminal) =
        (stdout.is_terminal(), io::stderr().is_terminal());
    let log = match Lines::start(io::stderr(), telemetry::say_lost) {
        Ok(log) => log,
        Err(error) => {
            drop(writeln!(io::stderr(), "cannot start a thread: {error}"));
            return exit::INTERNAL.into();
        }
    };
    log.take_panics();
    // After a panic too.
    let _last_words = LastWords(&log);
    let mut env = Env {
        variable: &|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()),
        names: &|| {
            std::env::vars_os()
                .map(|(name, _)| name.to_string_lossy().into_owned())
                .collect()
        },
        read: &|path| std::fs::read(path),
        stdout: &mut stdout,
        stderr: &mut &log,
        log: &log,
        stdout_is_terminal,
        stderr_is_terminal,
        termination_log: Path::new("/dev/termination-log"),
        wall: clock::wall,
    };
    run(&mut env).into()
}

/// Short-lived AWS credentials for the application beside it in its Kubernetes pod.
#[derive(Parser)]
#[command(name = "stsidecar", version = version::LONG)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Hold credentials and answer the SDKs
    Run(SettingFlags<All>),
    /// Ask the running agent: exit 0 ready, 1 not ready, 69 no agent
    Status(status::Args),
    /// Find out what is wrong: configuration, token, clock, and one real call for each hop
    Check(check::Args),
    /// Print credentials as AWS's `credential_process` wants them, the running agent's or one's own
    CredentialProcess(credential_process::Args),
    /// Add the sidecar to manifests: a YAML stream in, the injected stream out
    #[cfg(feature = "injector")]
    Inject(inject::Args),
    /// Print the JSON schema of the configuration file
    Schema,
}

/// The command line's definition, from which the documentation is checked.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command; `arguments` begins with the program's name. The answer is the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, env: &mut Env<'_>) -> u8 {
    match Cli::try_parse_from(arguments) {
        Ok(Cli { command }) => match command {
            Command::Run(flags) => run::run(&flags.given, env),
            Command::Status(arguments) => status::run(&arguments, env),
            Command::Check(arguments) => check::run(&arguments, env),
            Command::CredentialProcess(arguments) => credential_process::run(&arguments, env),
            #[cfg(feature = "injector")]
            Command::Inject(arguments) => inject::run(&arguments, env),
            Command::Schema => env.result(crate::config::SCHEMA, exit::OK),
        },
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            env.result(&error.render().to_string(), exit::OK)
        }
        Err(error) => env.complaint(&redact::message(&error.render().to_string()), exit::USAGE),
    }
}

impl Env<'_> {
    fn sources<'s>(&'s self, flags: &'s Flags) -> Sources<'s> {
        Sources {
            flags,
            variable: self.variable,
            read: self.read,
        }
    }

    /// The configuration by these flags, with a warning for each variable that looks like one of
    /// ours.
    fn load(&self, flags: &Flags) -> Result<Loaded, Error> {
        let mut loaded = Config::load(&self.sources(flags))?;
        loaded.warnings.extend(mistyped::warnings((self.names)()));
        Ok(loaded)
    }

    /// Prints a result and answers `code`; a reader that went away has all it wanted.
    fn result(&mut self, text: &str, code: u8) -> u8 {
        match self
            .stdout
            .write_all(text.as_bytes())
            .and_then(|()| self.stdout.flush())
        {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.complaint(
                &format!("cannot write the result: {error}\n"),
                exit::INTERNAL,
            ),
            _ => code,
        }
    }

    /// Prints what went wrong and answers `code`; where stderr is closed, only the code is left.
    fn complaint(&mut self, text: &str, code: u8) -> u8 {
        drop(
            self.stderr
                .write_all(text.as_bytes())
                .and_then(|()| self.stderr.flush()),
        );
        code
    }
}

#[cfg(test)]
mod tests;
