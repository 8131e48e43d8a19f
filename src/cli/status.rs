//! `stsidecar status`: what the running agent says of itself, for people, for scripts and for the
//! kubelet.
//!
//! Owns the two exec probes. The startup probe (`--probe`) waits instead of polling, since each
//! failure the kubelet sees becomes an event, and prints one stable line, because every new text
//! becomes a new event. The incident probe (`--incident-probe`) asks whether there is a line for
//! the pod's events, and fails for nothing else.

mod clients;
mod page;
mod retry;
mod wording;

use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::flags::{OfAdmin, SettingFlags};
use super::request::{self, Error, Request, Response};
use super::{Env, exit};
use crate::admin::Status;
use crate::assume::ProfileName;
use crate::clock;
use crate::config::{self, AdminListen};
use crate::failure::line::LONGEST_LINE;

/// How long the probe waits for readiness; the injected `timeoutSeconds` is 30.
const PROBE_PATIENCE: Duration = Duration::from_secs(25);
/// How long an answer may take beyond the wait; the agent's own limit is 2 s.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);
/// Between two tries while nothing listens: the app starts this much later at most.
const RETRY: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Wait up to 25 s for the first credentials, then print one line with the reason: the exec
    /// startup probe
    #[arg(long)]
    probe: bool,
    /// How many seconds `--probe` waits at most
    #[arg(long, hide = true, value_name = "SECONDS", default_value_t = PROBE_PATIENCE.as_secs(), requires = "probe",
          value_parser = clap::value_parser!(u64).range(..=PROBE_PATIENCE.as_secs()))]
    wait: u64,
    /// Try now what fails, instead of after its backoff, and say what came of it within 25 s
    #[arg(long, conflicts_with = "probe")]
    retry: bool,
    /// Print a line and fail at each moment of an incident, once: the exec liveness probe, which
    /// never restarts anything
    #[arg(long, conflicts_with_all = ["probe", "retry", "output", "client"])]
    incident_probe: bool,
    /// The `periodSeconds` of that probe
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 300,
        requires = "incident_probe"
    )]
    period: u32,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text, conflicts_with = "probe")]
    output: Output,
    /// Show the profile of this client only; the exit code is about that one
    #[arg(long, value_name = "NAME", conflicts_with = "probe")]
    client: Option<String>,
    #[command(flatten)]
    settings: SettingFlags<OfAdmin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

pub(super) fn run(arguments: &Args, env: &mut Env<'_>) -> u8 {
    if arguments.incident_probe {
        let line = incident(arguments, env).unwrap_or_default();
        let code = if line.is_empty() {
            exit::OK
        } else {
            exit::NOT_READY
        };
        return env.result(&line, code);
    }
    let listen = match AdminListen::load(&env.sources(&arguments.settings.given)) {
        Ok(listen) => listen,
        Err(error) => return unavailable(arguments, env, &error.to_string()),
    };
    let sources = env.sources(&arguments.settings.given);
    let profile = arguments
        .client
        .as_deref()
        .map(|client| config::profile_of(&sources, client))
        .transpose();
    let profile = match profile {
        Ok(profile) => profile,
        Err(error) => return env.complaint(&format!("stsidecar: {error}\n"), exit::CONFIG),
    };
    let body = match answered(arguments, &listen, profile.as_ref()) {
        Ok(Response { status: 200, body }) => Ok(body),
        Ok(Response { status: 403, .. }) => Err(hidden(listen.address)),
        Ok(Response { body, .. }) if arguments.retry => {
            return env.complaint(&retry::refused(&body), exit::NOT_READY);
        }
        Ok(Response { status, .. }) => {
            Err(foreign(&listen, &format!("it answers with HTTP {status}")))
        }
        Err(error) => Err(error.to_string()),
    };
    let (mut status, mut document) =
        match body.and_then(|body| read(&body).map_err(|problem| foreign(&listen, &problem))) {
            Ok(read) => read,
            Err(problem) => return unavailable(arguments, env, &problem),
        };
    if let Some(profile) = &profile {
        page::only(&mut status, profile.as_str());
        status
            .clients
            .retain(|client| Some(&client.name) == arguments.client.as_ref());
        narrow(&mut document, &status);
    }
    print(arguments, &status, document, env)
}

/// The status and the document it came in, which a newer agent may have more in. A derived struct
/// would also read an array, by position: nothing but an object is a status.
fn read(body: &str) -> Result<(Status, Map<String, Value>), String> {
    let document = serde_json::from_str::<Map<String, Value>>(body).map_err(|error| {
        if error.is_data() {
            "its answer is JSON, but no status"
        } else {
            "its answer is no JSON"
        }
    })?;
    let status = Status::deserialize(&document)
        .map_err(|error| format!("its answer is JSON, but no status: {error}"))?;
    Ok((status, document))
}

/// Leaves in the document what is left in the status.
fn narrow(document: &mut Map<String, Value>, status: &Status) {
    document.insert("ready".to_owned(), status.ready.into());
    if let Some(Value::Array(profiles)) = document.get_mut("profiles") {
        profiles.retain(|it| {
            status
                .profiles
                .iter()
                .any(|left| it["profile"] == left.profile)
        });
    }
    if let Some(Value::Array(clients)) = document.get_mut("clients") {
        clients.retain(|it| status.clients.iter().any(|left| it["name"] == left.name));
    }
}

fn foreign(listen: &AdminListen, problem: &str) -> String {
    format!(
        "what listens on {} is not the agent: {problem}",
        listen.address
    )
}

fn print(arguments: &Args, status: &Status, document: Map<String, Value>, env: &mut Env<'_>) -> u8 {
    let code = if status.ready && retry::is_done(status) {
        exit::OK
    } else {
        exit::NOT_READY
    };
    match (arguments.probe, arguments.output) {
        // An agent that is ended has nothing to say to the kubelet: that takes the startup probe of
        // a pod that ends for passed itself, and starts nothing there any more.
        (true, _) if status.started || status.draining => exit::OK,
        (true, _) => env.result(&page::probe_line(status), exit::NOT_READY),
        (false, Output::Json) => env.result(&format!("{:#}\n", Value::Object(document)), code),
        (false, Output::Text) => env.result(&page::text(status, (env.wall)()), code),
    }
}

/// What the agent answers to what the flags ask for.
fn answered(
    arguments: &Args,
    listen: &AdminListen,
    profile: Option<&ProfileName>,
) -> Result<Response, Error> {
    if arguments.probe {
        return wait(listen, Duration::from_secs(arguments.wait));
    }
    if arguments.retry {
        let target = retry::target(profile.map(ProfileName::as_str), PROBE_PATIENCE.as_secs());
        return ask(listen, "POST", &target, PROBE_PATIENCE + ANSWER_PATIENCE);
    }
    ask(listen, "GET", "/status", ANSWER_PATIENCE)
}

/// Who asks the pod's own address comes from there, as what a mesh hands over does.
fn hidden(address: SocketAddr) -> String {
    let port = address.port();
    format!(
        "{address} does not show its status: it does on loopback only; let --admin-listen be [::]:{port} or localhost:{port}"
    )
}

/// The probe's line goes to stdout without a newline, which the kubelet would keep in the event.
fn unavailable(arguments: &Args, env: &mut Env<'_>, problem: &str) -> u8 {
    if arguments.probe {
        let line: String = problem.chars().take(LONGEST_LINE).collect();
        env.result(&line, exit::UNAVAILABLE)
    } else {
        env.complaint(&format!("stsidecar: {problem}\n"), exit::UNAVAILABLE)
    }
}

fn ask(
    listen: &AdminListen,
    method: &'static str,
    path: &str,
    within: Duration,
) -> Result<Response, Error> {
    request::ask(
        &listen.reachable(),
        &Request {
            method,
            path,
            authorization: None,
            within,
        },
    )
}

/// One long request, once a process listens: the agent answers when it has started or ends, or when
/// the time is over. One that ended without an answer is waited for like one that is not up yet:
/// the probe ends with its container.
fn wait(listen: &AdminListen, patience: Duration) -> Result<Response, Error> {
    let end = clock::boot().plus(patience);
    loop {
        let left = end.since(clock::boot());
        match ask(
            listen,
            "GET",
            &format!("/status?wait={}", left.as_secs()),
            left + ANSWER_PATIENCE,
        ) {
            Err(Error::NoAgent(_) | Error::Closed(_) | Error::Broken(..)) if left > RETRY => {
                std::thread::sleep(RETRY);
            }
            answer => return answer,
        }
    }
}

/// The line for the pod's events, if there is one. Whatever else goes wrong is none: an agent that
/// does not answer has its own signs, and a probe that fails by itself would use up the pod's
/// events.
fn incident(arguments: &Args, env: &Env<'_>) -> Option<String> {
    let listen = AdminListen::load(&env.sources(&arguments.settings.given)).ok()?;
    let answer = ask(
        &listen,
        "POST",
        &format!("/incident?period={}", arguments.period),
        ANSWER_PATIENCE,
    )
    .ok()?;
    let body = Some(answer.body).filter(|_| answer.status == 200)?;
    // Another server on the port says anything.
    body.contains(": role ").then(|| {
        body.chars()
            .filter(|c| !c.is_control())
            .take(LONGEST_LINE)
            .collect()
    })
}

#[cfg(test)]
mod tests;
