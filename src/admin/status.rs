//! `/status` and the readiness lines: what the profiles say, put together at request time.
//!
//! Owns the JSON document of `/status` and the lines of `/readyz?verbose`. It keeps no state of its own and
//! shows no secret: a [`Report`] holds none. `admin` serves it, `stsidecar status` reads it.

use serde::Serialize;
use tokio::sync::watch;

use super::Admin;
use super::clients;
use super::retry::Retried;
use crate::cache::Reader;
use crate::report::Report;
use crate::version;

/// One profile, as the refresher publishes it.
pub struct Profile {
    /// Its name.
    pub name: String,
    /// Its answers: whether one is available decides readiness.
    pub answers: Reader,
    /// Its newest report.
    pub report: watch::Receiver<Report>,
    /// Counts the retries that were asked for; its refresher listens.
    pub retries: watch::Sender<u64>,
}

impl Profile {
    /// `[+]profile default ok`, or why not. `detailed` adds the role, which only this pod should read.
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

/// What holds for the whole agent.
#[derive(Serialize)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "four facts that hold or not, each shown under its name"
)]
pub(super) struct Flags {
    pub(super) started: bool,
    pub(super) ready: bool,
    /// Whether the credentials endpoint has its port.
    pub(super) listening: bool,
    pub(super) draining: bool,
}

/// The document of `/status`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    version: &'static str,
    settings_hash: Option<&'a str>,
    /// When the agent started.
    since: String,
    #[serde(flatten)]
    flags: Flags,
    profiles: Vec<Report>,
    clients: Vec<clients::Shown<'a>>,
    /// What became of the retry that is answered with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    retries: Option<Vec<Retried>>,
}

/// `/status` as JSON.
pub(super) fn document(admin: &Admin, flags: Flags, retries: Option<Vec<Retried>>) -> Vec<u8> {
    let now = (admin.clock)();
    let status = Status {
        version: version::VERSION,
        settings_hash: admin.settings_hash.as_deref(),
        since: now.on_the_wall(admin.since).rfc3339(),
        flags,
        profiles: admin
            .profiles
            .iter()
            .map(|profile| profile.report.borrow().clone())
            .collect(),
        clients: clients::shown(&admin.clients, now),
        retries,
    };
    serde_json::to_vec(&status).expect("strings, numbers and instants serialize")
}
