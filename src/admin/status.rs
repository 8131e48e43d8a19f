//! `/status` and the readiness lines: what the profiles say, put together at request time.
//!
//! Owns the JSON document of `/status`, for who writes and who reads it, and the lines of
//! `/readyz?verbose`. It keeps no state of its own and shows no secret: a [`ProfileReport`] holds
//! none. `admin` serves it, `stsidecar status` reads it.

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Admin;
use super::clients::ClientStatus;
use super::retry::Retried;
use crate::cache::Reader;
use crate::report::ProfileReport;
use crate::time::Wall;
use crate::version;

/// One profile, as the refresher publishes it.
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its answers: whether one is available decides readiness.
    pub answers: Reader,
    /// Its newest report.
    pub report: watch::Receiver<ProfileReport>,
    /// Counts the retries that were asked for; its refresher listens.
    pub retries: watch::Sender<u64>,
}

impl Profile {
    fn report(&self) -> ProfileReport {
        ProfileReport {
            ready: Some(self.answers.is_available()),
            ..self.report.borrow().clone()
        }
    }

    /// `[+]profile default ok`, or why not. `detailed` adds the role, which only this pod should
    /// read.
    pub(super) fn line(&self, detailed: bool) -> String {
        if self.answers.is_available() {
            return format!("[+]profile {} ok\n", self.name);
        }
        let report = self.report.borrow();
        let role = match report.role_in_question() {
            Some(arn) if detailed => format!("role {arn}: "),
            _ => String::new(),
        };
        let reason = match &report.last_error {
            Some(error) => format!("{}: {}", error.code, error.hint),
            None => "no credentials yet".into(),
        };
        format!("[-]profile {}: {role}{}\n", self.name, one_line(&reason))
    }
}

/// STS chooses the code, so it is kept from breaking the line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// The document of `/status`. Of another version's, what is unknown here is skipped and what is
/// missing is empty.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is shown under its name"
)]
pub struct Status {
    /// The agent's.
    pub version: String,
    /// What the injector decided by, as a hash; none where no injector made this agent.
    pub settings_hash: Option<String>,
    /// When the agent started.
    pub since: Option<Wall>,
    /// True for good once all profiles held credentials at the same time.
    pub started: bool,
    /// Whether a request for any profile's credentials would be answered with them.
    pub ready: bool,
    /// Whether the credentials endpoint has its port.
    #[serde(default = "unless_said")]
    pub listening: bool,
    /// True from SIGTERM on.
    pub draining: bool,
    /// In the order of the configuration.
    pub profiles: Vec<ProfileReport>,
    /// In the order of the configuration.
    pub clients: Vec<ClientStatus>,
    /// What became of the retry that is answered with this; empty where none was asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retries: Vec<Retried>,
}

/// Agents that did not say whether they listen always did.
fn unless_said() -> bool {
    true
}

impl Status {
    /// The document now.
    pub(super) fn of(admin: &Admin, retries: Vec<Retried>) -> Self {
        let now = (admin.clock)();
        Self {
            version: version::VERSION.to_owned(),
            settings_hash: admin.settings_hash.clone(),
            since: Some(now.on_the_wall(admin.since)),
            started: *admin.started.borrow(),
            ready: admin.is_ready(),
            listening: *admin.listening.borrow(),
            draining: *admin.draining.borrow(),
            profiles: admin.profiles.iter().map(Profile::report).collect(),
            clients: admin
                .clients
                .iter()
                .map(|client| client.status(now))
                .collect(),
            retries,
        }
    }
}
