//! The program in something like a pod: a token volume, a place for clients' tokens, variables and
//! nothing else.

#![allow(dead_code, reason = "each test crate uses its part")]

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::other_user;
use super::token_volume::TokenVolume;

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// One pod; its directory goes with it.
pub(crate) struct Pod {
    directory: TempDir,
    sts: String,
}

/// What a command came to.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Pod {
    /// With this token in its volume, and the STS at this URL.
    pub(crate) fn new(sts: &str, token: Option<&str>) -> Self {
        let directory = other_user::directory();
        let pod = Self {
            directory,
            sts: sts.to_owned(),
        };
        let mut volume = TokenVolume::at(pod.path("volume"));
        if let Some(token) = token {
            volume.rotate(token.as_bytes());
        }
        pod
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file of the pod's directory.
    pub(crate) fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.path(name), content).expect("room for a file");
        self.text(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path of text").to_owned()
    }

    /// The program with its settings in variables, as the injector hands them over.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.started_by(Command::new(env!("CARGO_BIN_EXE_stsidecar")), arguments)
    }

    fn started_by(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .env_clear()
            .env("AWS_ROLE_ARN", ROLE)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ENDPOINT_URL_STS", &self.sts)
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", self.path("volume/token"))
            .env(
                "STSIDECAR_AUTHORIZATION_TOKEN_FILE",
                self.path("endpoints/app/token"),
            )
            .stdin(Stdio::null());
        command
    }

    /// The program as uid 65534, with a token file that is closed to it; nothing where that takes
    /// more rights than there are.
    pub(crate) fn locked_out(&self, arguments: &[&str]) -> Option<Command> {
        let program = Path::new(env!("CARGO_BIN_EXE_stsidecar"));
        let other = other_user::command(program, self.directory.path(), 65_534)?;
        let token = self.path("volume/token").canonicalize().expect("the token");
        chown(&token, Some(1000), Some(1000)).expect("root can");
        fs::set_permissions(&token, Permissions::from_mode(0o600)).expect("root can");
        fs::set_permissions(self.path("."), Permissions::from_mode(0o777)).expect("root can");
        Some(self.started_by(other, arguments))
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.outcome(&mut self.command(arguments))
    }

    /// Runs a prepared command; places that differ from run to run are named `$POD` and `$STS`.
    pub(crate) fn outcome(&self, command: &mut Command) -> Outcome {
        let output = command.output().expect("the program runs");
        let text = |bytes| self.named(&String::from_utf8(bytes).expect("text"));
        Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn named(&self, text: &str) -> String {
        let text = text.replace(
            self.directory.path().to_str().expect("a path of text"),
            "$POD",
        );
        text.replace(self.sts.trim_start_matches("http://"), "$STS")
    }
}

/// A loopback address without a listener: it is this test's own, so no other takes its port
/// meanwhile.
pub(crate) fn free_address(host: &str) -> String {
    let listener = TcpListener::bind((host, 0)).expect("a free port");
    listener
        .local_addr()
        .expect("a bound listener has an address")
        .to_string()
}
