//! The agent's status as text: the page for people, and the probe's one line.
//!
//! Pure: JSON and the time in, text out. Messages of STS come from outside, so control characters in them
//! are escaped.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::{clients, retry};
use crate::cli::span::{about, span};
use crate::failure::line::Line;
use crate::time::Wall;

/// Credentials are served until this long before their end, so that is when a profile stops being ready.
const MARGIN: Duration = Duration::from_secs(10);

/// What to do while every profile holds credentials and nobody can ask for them.
const PORT_IN_USE: &str = "free the port of --listen: another process of the pod has it";

/// The [`Line`] of the first profile by name that keeps the pod from starting.
pub(super) fn probe_line(status: &Value, now: Wall) -> String {
    let mut profiles: Vec<&Value> = status["profiles"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    profiles.sort_by_key(|profile| profile["profile"].as_str());
    let waiting = profiles.iter().find(|profile| !is_held(profile, now));
    let Some(profile) = waiting.or(profiles.first()) else {
        return "the agent has not started its profiles yet".to_owned();
    };
    let name = profile["profile"].as_str().unwrap_or_default();
    let error = &profile["lastError"];
    let (code, cause, hint) = match (error["code"].as_str(), error["hint"].as_str()) {
        _ if waiting.is_none() && status["listening"] == false => ("PortInUse", "", PORT_IN_USE),
        (Some(code), Some(hint)) => (code, error["message"].as_str().unwrap_or_default(), hint),
        _ if status["draining"] == true => ("Stopping", "", "the agent is shutting down"),
        _ => ("NoAnswerYet", "", "waiting for the first answer of STS"),
    };
    let role = role_of(profile, error).or(profile["roleArn"].as_str());
    Line {
        profile: name,
        role,
        code,
        cause,
        hint,
        end: "",
    }
    .text()
}

/// The role that the step asked for whose failure this is.
fn role_of<'a>(profile: &'a Value, error: &Value) -> Option<&'a str> {
    let at = error["hop"]
        .as_u64()
        .and_then(|at| usize::try_from(at).ok())?;
    profile["hops"][at]["roleArn"].as_str()
}

fn is_held(profile: &Value, now: Wall) -> bool {
    let vended = profile["hops"].as_array().and_then(|hops| hops.last());
    vended
        .and_then(|hop| instant(&hop["expiration"]))
        .is_some_and(|end| end.since(now) > MARGIN)
}

/// The status of an agent that has this profile only: ready when that one is.
pub(super) fn of_profile(mut status: Value, name: &str, now: Wall) -> Value {
    if let Some(profiles) = status["profiles"].as_array_mut() {
        profiles.retain(|profile| profile["profile"] == name);
        let is_ready = profiles.iter().any(|profile| is_held(profile, now));
        status["ready"] =
            (is_ready && status["draining"] != true && status["listening"] != false).into();
    }
    status
}

/// The page: one block for each profile, what matters first.
pub(super) fn text(status: &Value, now: Wall) -> String {
    let is = |key: &str| status[key] == true;
    let state = match (is("ready"), is("draining")) {
        (_, true) => "stopping",
        (true, _) => "ready",
        _ => "not ready",
    };
    let trouble = trouble(status, now);
    let mut page = format!(
        "stsidecar {}: {state}{trouble}\n",
        shown(&status["version"])
    );
    if status["listening"] == false {
        writeln!(page, "\n  {:<14}cannot listen: {PORT_IN_USE}", "endpoint")
            .expect("a String takes every text");
    }
    if status["settingsHash"].is_string() {
        writeln!(
            page,
            "\n  {:<14}{}",
            "settings",
            shown(&status["settingsHash"])
        )
        .expect("a String takes every text");
    }
    for profile in status["profiles"].as_array().into_iter().flatten() {
        page.push('\n');
        block(&mut page, profile, now);
    }
    page + &clients::block(status, now) + &retry::block(status)
}

/// What an agent that is ready has to say all the same: of the profile whose credentials end first.
fn trouble(status: &Value, now: Wall) -> String {
    let profiles = status["profiles"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let end_of = |profile: &Value| instant(&profile["incident"]["credentialsEnd"]);
    let failing = profiles
        .iter()
        .filter(|profile| profile["incident"].is_object());
    let Some(profile) = failing.min_by_key(|profile| end_of(profile)) else {
        return String::new();
    };
    let of = if profiles.len() > 1 {
        format!(" of {}", shown(&profile["profile"]))
    } else {
        String::new()
    };
    let since = instant(&profile["incident"]["failingSince"]).unwrap_or(now);
    let end = match end_of(profile) {
        None => "no credentials yet".to_owned(),
        Some(end) if end > now => format!("credentials end in {}", about(end.since(now))),
        Some(end) => format!("credentials ended {} ago", about(now.since(end))),
    };
    format!(
        ", refreshes{of} failing for {}, {end}",
        about(now.since(since))
    )
}

fn block(page: &mut String, profile: &Value, now: Wall) {
    line(page, "profile", &shown(&profile["profile"]));
    let empty = Vec::new();
    let hops = profile["hops"].as_array().unwrap_or(&empty);
    role(page, profile, hops);
    credentials(page, hops, now);
    source(page, &profile["token"], now);
    if profile["lastError"].is_object() {
        last_error(page, profile, now);
    }
}

fn line(page: &mut String, label: &str, text: &str) {
    writeln!(page, "  {label:<14}{text}").expect("a String takes every text");
}

fn role(page: &mut String, profile: &Value, hops: &[Value]) {
    let chosen = if profile["roleArn"].is_null() {
        "chosen by STS".to_owned()
    } else {
        shown(&profile["roleArn"])
    };
    line(page, "role", &chosen);
    if hops.len() > 1 {
        let arns = hops
            .iter()
            .map(|hop| &hop["roleArn"])
            .filter(|arn| arn.is_string());
        let chain: Vec<String> = arns.map(shown).collect();
        line(
            page,
            "by way of",
            &chain[..chain.len().saturating_sub(1)].join(", then "),
        );
    }
    if profile["sessionName"].is_string() {
        line(page, "session", &shown(&profile["sessionName"]));
    }
}

fn credentials(page: &mut String, hops: &[Value], now: Wall) {
    let vended = hops.last().unwrap_or(&Value::Null);
    let held = instant(&vended["expiration"]).map(|end| {
        let refreshed = ago(", refreshed", instant(&vended["lastRefresh"]), now);
        format!("{}{refreshed}", expiry(end, now))
    });
    line(page, "credentials", held.as_deref().unwrap_or("none yet"));
    if let Some(next) = hops
        .iter()
        .filter_map(|hop| instant(&hop["nextRefresh"]))
        .min()
    {
        let when = if next > now {
            format!("in {}", span(next.since(now)))
        } else {
            "now".to_owned()
        };
        line(page, "next refresh", &when);
    }
}

fn source(page: &mut String, token: &Value, now: Wall) {
    let label = if token["kind"] == "SAML assertion" {
        "assertion"
    } else {
        "token"
    };
    if let Some(end) = instant(&token["expiration"]) {
        line(page, label, &expiry(end, now));
    }
    if token["accessKeyId"].is_string() {
        line(page, "access key", &shown(&token["accessKeyId"]));
    }
    if token["error"].is_string() {
        let is_token = token["kind"]
            .as_str()
            .is_none_or(|kind| kind.ends_with("token"));
        let label = if is_token {
            "token file"
        } else {
            "source file"
        };
        line(
            page,
            label,
            &format!("{}: {}", shown(&token["file"]), shown(&token["error"])),
        );
    }
}

fn last_error(page: &mut String, profile: &Value, now: Wall) {
    let error = &profile["lastError"];
    let since = ago(", failing since", instant(&error["failingSince"]), now);
    let id = &error["requestId"];
    let request = if id.is_string() {
        format!(", request id {}", shown(id))
    } else {
        String::new()
    };
    line(
        page,
        "last error",
        &format!("{}: {}", shown(&error["code"]), shown(&error["message"])),
    );
    line(
        page,
        "",
        &format!("attempt {}{since}{request}", error["attempts"]),
    );
    if let Some(role) = role_of(profile, error).filter(|_| {
        profile["hops"]
            .as_array()
            .is_some_and(|hops| hops.len() > 1)
    }) {
        line(page, "", &format!("role {}", shown(&role.into())));
    }
    line(page, "what to do", &shown(&error["hint"]));
}

pub(super) fn instant(value: &Value) -> Option<Wall> {
    value.as_str().and_then(Wall::parse_rfc3339)
}

fn expiry(end: Wall, now: Wall) -> String {
    if end > now {
        format!("expires in {} ({})", span(end.since(now)), end.rfc3339())
    } else {
        format!("expired {} ago ({})", span(now.since(end)), end.rfc3339())
    }
}

pub(super) fn ago(words: &str, instant: Option<Wall>, now: Wall) -> String {
    instant
        .map(|at| format!("{words} {} ago", span(now.since(at))))
        .unwrap_or_default()
}

/// A text as it may be printed.
pub(super) fn shown(value: &Value) -> String {
    let text = value.as_str().unwrap_or("unknown");
    text.chars()
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect::<Vec<_>>()
            } else {
                vec![c]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
