//! `stsidecar credential-process`: credentials in the form of AWS's `credential_process`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>).
//!
//! Owns what is asked: the running agent where its port answers and the client's token can be read,
//! and its answer counts, errors too; otherwise, or with `--direct`, STS itself, once. It holds the
//! secret only on its way to stdout.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::flags::{All, SettingFlags};
use super::request::{self, Request, Response};
use super::{Env, exchange, exit};
use crate::assume::StsResponse;
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

/// What went wrong, and the exit code.
struct Complaint(String, u8);

impl Complaint {
    fn configuration(error: impl Display) -> Self {
        Self(error.to_string(), exit::CONFIG)
    }
}

/// Why the agent did not answer.
enum NoAnswer {
    /// There is none to ask: then STS is asked.
    NoAgent(String),
    /// It is there, and something went wrong on the way.
    Failed(String),
}

pub(super) fn run(arguments: &Args, env: &mut Env<'_>) -> u8 {
    let _ = process::harden();
    match credentials(arguments, env) {
        Ok(text) => env.result(&text, exit::OK),
        Err(Complaint(text, code)) => env.complaint(&format!("stsidecar: {text}\n"), code),
    }
}

fn credentials(arguments: &Args, env: &Env<'_>) -> Result<Zeroizing<String>, Complaint> {
    if arguments.direct {
        return alone(arguments, env, None);
    }
    let sources = env.sources(&arguments.settings.given);
    let access = Access::load(&sources, arguments.client.as_deref());
    match ask(&access.map_err(Complaint::configuration)?, env) {
        Ok(response) => answered(response),
        Err(NoAnswer::NoAgent(reason)) => alone(arguments, env, Some(&reason)),
        Err(NoAnswer::Failed(reason)) => Err(Complaint(reason, exit::UNAVAILABLE)),
    }
}

fn ask(access: &Access, env: &Env<'_>) -> Result<Response, NoAnswer> {
    let content = (env.read)(&access.token_file);
    let content = Zeroizing::new(content.map_err(|error| unread(access, error))?);
    let token = text::utf8(&content).map_err(|error| unread(access, error))?;
    let request = Request {
        method: "GET",
        path: "/v1/credentials",
        authorization: Some(token.trim()),
        within: PATIENCE,
    };
    request::ask(&access.listen.reachable(), &request).map_err(|error| match error {
        request::Error::NoAgent(_) | request::Error::Closed(_) | request::Error::NotHttp(_) => {
            NoAnswer::NoAgent(error.to_string())
        }
        request::Error::Silent(_) | request::Error::Broken(..) => {
            NoAnswer::Failed(error.to_string())
        }
    })
}

fn unread(access: &Access, error: impl Display) -> NoAnswer {
    let file = access.token_file.display();
    NoAnswer::NoAgent(format!(
        "the authorization token file {file} cannot be read: {error}"
    ))
}

fn answered(Response { status, body }: Response) -> Result<Zeroizing<String>, Complaint> {
    let problem = if status == 200 {
        match translated(&Zeroizing::new(body)) {
            Some(text) => return Ok(text),
            None => "the agent's answer holds no credentials".to_owned(),
        }
    } else {
        refusal(status, &body)
    };
    Err(Complaint(problem, exit::NOT_READY))
}

/// One exchange of the whole chain; `agent` is why the agent was no help, if it was asked.
fn alone(
    arguments: &Args,
    env: &Env<'_>,
    agent: Option<&str>,
) -> Result<Zeroizing<String>, Complaint> {
    let sources = env.sources(&arguments.settings.given);
    let Alone { sts, profile } =
        Alone::load(&sources, arguments.client.as_deref()).map_err(Complaint::configuration)?;
    let client = Client::new(&sts, clock::now).map_err(Complaint::configuration)?;
    let source = exchange::source(&profile);
    let last = profile.steps.len() - 1;
    let (host_name, sent) = (process::host_name(), SentCodes::default());
    let calls = exchange::all(&client, &profile, &source, &host_name, &sent);
    let mut outcomes = exchange::block_on(calls)
        .map_err(|error| Complaint(format!("cannot start: {error}"), exit::INTERNAL))?;
    let at = outcomes.len() - 1;
    match outcomes.pop().expect("every profile has a source") {
        Ok(StsResponse { credentials, .. }) => Ok(printed(&credentials)),
        Err(failure) => Err(failed(&failure, (at, last), agent)),
    }
}

fn failed(failure: &Failure, (at, last): (usize, usize), agent: Option<&str>) -> Complaint {
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
    let (name, message, hint) = (&failure.code, &failure.message, failure.hint());
    Complaint(format!("{step}{name}: {message}; {hint}{agent}"), code)
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
