//! `stsidecar credential-process`: credentials in the form of AWS's `credential_process`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
//!
//! Owns what is asked: the running agent where its port answers and the client's token can be read,
//! and its answer counts, errors too; otherwise, or with `--direct`, STS itself, once. It holds the
//! secret only on its way to stdout.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::flags::{All, SettingFlags};
use super::request::{self, Request, Response};
use super::{World, exchange, exit};
use crate::assume::Reply;
use crate::config::{Access, Alone};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::refresher::SentCodes;
use crate::sts::Client;
use crate::{clock, process, text};

/// The endpoint answers within 950 ms; the rest is for a busy node.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Make one exchange with STS instead of asking the running agent
    #[arg(long)]
    direct: bool,
    /// For which client, when the configuration has several
    #[arg(long, value_name = "NAME", conflicts_with = "authorization-token-file")]
    client: Option<String>,
    #[command(flatten)]
    settings: SettingFlags<All>,
}

/// What the endpoint vends.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Vended<'a> {
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow)]
    token: Cow<'a, str>,
    #[serde(borrow)]
    expiration: Cow<'a, str>,
    #[serde(borrow)]
    account_id: Option<Cow<'a, str>>,
}

/// What `credential_process` prints, version 1.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Printed<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

/// What the endpoint says instead of credentials.
#[derive(Deserialize)]
struct Refused {
    code: String,
    message: String,
}

/// An end: what is printed, and the exit code.
enum End {
    Credentials(Zeroizing<String>),
    Complaint(String, u8),
}

/// The agent's answer, or why there is none.
enum FromAgent {
    Answered(End),
    Unreachable(String),
}

pub(super) fn run(arguments: &Args, world: &mut World<'_>) -> u8 {
    let _ = process::harden();
    let end = if arguments.direct {
        alone(arguments, world, None)
    } else {
        match ask(arguments, world) {
            FromAgent::Answered(end) => end,
            FromAgent::Unreachable(reason) => alone(arguments, world, Some(&reason)),
        }
    };
    match end {
        End::Credentials(text) => world.result(&text, exit::OK),
        End::Complaint(text, code) => world.complaint(&format!("stsidecar: {text}\n"), code),
    }
}

fn ask(arguments: &Args, world: &World<'_>) -> FromAgent {
    let access = match Access::load(
        &world.sources(&arguments.settings.given),
        arguments.client.as_deref(),
    ) {
        Ok(access) => access,
        Err(error) => return FromAgent::Answered(End::Complaint(error.to_string(), exit::CONFIG)),
    };
    let unread = |error: &dyn std::fmt::Display| {
        let file = access.token_file.display();
        FromAgent::Unreachable(format!(
            "the authorization token file {file} cannot be read: {error}"
        ))
    };
    let content = match (world.read)(&access.token_file) {
        Ok(content) => Zeroizing::new(content),
        Err(error) => return unread(&error),
    };
    let token = match text::utf8(&content) {
        Ok(token) => token.trim(),
        Err(error) => return unread(&error),
    };
    let request = Request {
        method: "GET",
        path: "/v1/credentials",
        authorization: Some(token),
        within: PATIENCE,
    };
    FromAgent::Answered(match request::ask(&access.listen.reachable(), &request) {
        Ok(Response { status: 200, body }) => match translated(&Zeroizing::new(body)) {
            Some(text) => End::Credentials(text),
            None => End::Complaint(
                "the agent's answer holds no credentials".to_owned(),
                exit::NOT_READY,
            ),
        },
        Ok(Response { status, body }) => End::Complaint(refusal(status, &body), exit::NOT_READY),
        Err(
            error @ (request::Error::NoAgent(_)
            | request::Error::Closed(_)
            | request::Error::NotHttp(_)),
        ) => {
            return FromAgent::Unreachable(error.to_string());
        }
        Err(error) => End::Complaint(error.to_string(), exit::UNAVAILABLE),
    })
}

/// One exchange of the whole chain; `agent` is why the agent was no help, if it was asked.
fn alone(arguments: &Args, world: &World<'_>, agent: Option<&str>) -> End {
    let (profile, client) = match Alone::load(
        &world.sources(&arguments.settings.given),
        arguments.client.as_deref(),
    ) {
        Ok(Alone { sts, profile }) => match Client::new(&sts, clock::now) {
            Ok(client) => (profile, client),
            Err(error) => return End::Complaint(error.to_string(), exit::CONFIG),
        },
        Err(error) => return End::Complaint(error.to_string(), exit::CONFIG),
    };
    let source = exchange::source(&profile);
    let last = profile.steps.len() - 1;
    let calls = exchange::all(
        Arc::new(client),
        profile,
        source,
        process::host_name(),
        SentCodes::default(),
    );
    let mut outcomes = match exchange::block_on(calls) {
        Ok(outcomes) => outcomes,
        Err(error) => return End::Complaint(format!("cannot start: {error}"), exit::INTERNAL),
    };
    let at = outcomes.len() - 1;
    match outcomes.pop().expect("every profile has a source") {
        Ok(Reply { credentials, .. }) => End::Credentials(printed(&credentials)),
        Err(failure) => failed(&failure, (at, last), agent),
    }
}

fn failed(failure: &Failure, (at, last): (usize, usize), agent: Option<&str>) -> End {
    let code = if failure.is_unanswered() {
        exit::UNAVAILABLE
    } else {
        exit::NOT_READY
    };
    let step = if last == 0 {
        String::new()
    } else {
        format!("step {} of {}: ", at + 1, last + 1)
    };
    let agent = agent
        .map(|reason| format!(" (no help from an agent: {reason})"))
        .unwrap_or_default();
    let Failure {
        code: name,
        message,
        ..
    } = failure;
    End::Complaint(
        format!("{step}{name}: {message}; {}{agent}", failure.hint()),
        code,
    )
}

fn printed(credentials: &Credentials) -> Zeroizing<String> {
    text(&Printed {
        version: 1,
        access_key_id: &credentials.access_key_id,
        secret_access_key: credentials.secret_access_key.expose(),
        session_token: credentials.session_token.expose(),
        expiration: &credentials.expiration.rfc3339(),
        account_id: credentials.account.as_deref(),
    })
}

fn translated(body: &str) -> Option<Zeroizing<String>> {
    let vended: Vended<'_> = serde_json::from_str(body).ok()?;
    Some(text(&Printed {
        version: 1,
        access_key_id: &vended.access_key_id,
        secret_access_key: &vended.secret_access_key,
        session_token: &vended.token,
        expiration: &vended.expiration,
        account_id: vended.account_id.as_deref(),
    }))
}

fn text(printed: &Printed<'_>) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(printed).expect("texts and a number serialize") + "\n")
}

fn refusal(status: u16, body: &str) -> String {
    match serde_json::from_str(body) {
        Ok(Refused { code, message }) => {
            format!("{}: {}", code.escape_debug(), message.escape_debug())
        }
        Err(_) => format!("the agent answers with HTTP {status}"),
    }
}
