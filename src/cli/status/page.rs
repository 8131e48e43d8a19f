//! The agent's status as text: the page for people, and the probe's one line.
//!
//! Pure: the document and the time in, text out. Messages of STS come from outside, so control
//! characters in them are escaped.

use std::fmt::Write;

use super::wording::{ago, printable};
use super::{clients, retry};
use crate::admin::Status;
use crate::cli::span::{about, span};
use crate::failure::line::Line;
use crate::report::{ErrorReport, HopReport, IncidentReport, ProfileReport, TokenReport};
use crate::time::Wall;

/// What to do while every profile has credentials and no client can ask for them.
const PORT_IN_USE: &str = "free the port of --listen: another process of the pod has it";

/// The [`Line`] of the first profile by name that keeps the pod from starting.
pub(super) fn probe_line(status: &Status) -> String {
    let mut profiles: Vec<&ProfileReport> = status.profiles.iter().collect();
    profiles.sort_by_key(|profile| &profile.profile);
    let waiting = profiles.iter().find(|profile| !is_ready(profile, status));
    let Some(profile) = waiting.or(profiles.first()) else {
        return "the agent has not started its profiles yet".to_owned();
    };
    let (code, cause, hint) = match &profile.last_error {
        _ if waiting.is_none() && !status.listening => ("PortInUse", "", PORT_IN_USE),
        Some(ErrorReport {
            code,
            message,
            hint,
            ..
        }) => (&**code, &**message, &**hint),
        None if status.draining => ("Stopping", "", "the agent is shutting down"),
        None => ("NoAnswerYet", "", "waiting for the first answer of STS"),
    };
    Line {
        profile: &profile.profile,
        role: profile.role_in_question(),
        code,
        cause,
        hint,
        end: "",
    }
    .text()
}

/// Agents that do not say it of each profile say of each when its credentials end.
fn is_ready(profile: &ProfileReport, status: &Status) -> bool {
    let has_credentials = || profile.vended().is_some_and(|hop| hop.expiration.is_some());
    profile
        .ready
        .unwrap_or_else(|| status.ready || has_credentials())
}

/// Leaves this profile only: the agent counts as ready when that one is.
pub(super) fn only(status: &mut Status, name: &str) {
    status.profiles.retain(|profile| profile.profile == name);
    let is_ready = status
        .profiles
        .iter()
        .any(|profile| is_ready(profile, status));
    status.ready = is_ready && status.listening && !status.draining;
}

/// The page: one block for each profile, what matters first.
pub(super) fn text(status: &Status, now: Wall) -> String {
    let state = match (status.ready, status.draining) {
        (_, true) => "stopping",
        (true, _) => "ready",
        _ => "not ready",
    };
    let version = match &*status.version {
        "" => "unknown",
        version => version,
    };
    let mut page = format!(
        "stsidecar {}: {state}{}\n",
        printable(version),
        trouble(status, now)
    );
    if !status.listening {
        page.push('\n');
        line(
            &mut page,
            "endpoint",
            &format!("cannot listen: {PORT_IN_USE}"),
        );
    }
    if let Some(hash) = &status.settings_hash {
        page.push('\n');
        line(&mut page, "settings", &printable(hash));
    }
    for profile in &status.profiles {
        page.push('\n');
        block(&mut page, profile, now);
    }
    page + &clients::block(status, now) + &retry::block(status)
}

/// What an agent that is ready has to say all the same: of the profile whose credentials end first.
fn trouble(status: &Status, now: Wall) -> String {
    let failing = status
        .profiles
        .iter()
        .filter_map(|profile| Some((profile, profile.incident.as_ref()?)));
    let Some((profile, incident)) = failing.min_by_key(|(_, incident)| incident.credentials_end)
    else {
        return String::new();
    };
    let IncidentReport {
        failing_since,
        credentials_end,
        ..
    } = incident;
    let of = if status.profiles.len() > 1 {
        format!(" of {}", printable(&profile.profile))
    } else {
        String::new()
    };
    let end = match *credentials_end {
        None => "no credentials yet".to_owned(),
        Some(end) if end > now => format!("credentials end in {}", about(end.since(now))),
        Some(end) => format!("credentials ended {} ago", about(now.since(end))),
    };
    let since = about(now.since(failing_since.unwrap_or(now)));
    format!(", refreshes{of} failing for {since}, {end}")
}

fn block(page: &mut String, profile: &ProfileReport, now: Wall) {
    line(page, "profile", &printable(&profile.profile));
    role(page, profile);
    credentials(page, profile, now);
    if let Some(token) = &profile.token {
        source(page, token, now);
    }
    if let Some(error) = &profile.last_error {
        last_error(page, profile, error, now);
    }
}

fn line(page: &mut String, label: &str, text: &str) {
    writeln!(page, "  {label:<14}{text}").expect("a String takes every text");
}

fn role(page: &mut String, profile: &ProfileReport) {
    let chosen = profile.role_arn.as_deref().map(printable);
    line(page, "role", chosen.as_deref().unwrap_or("chosen by STS"));
    if let Some((_, before @ [_, ..])) = profile.hops.split_last() {
        let chain: Vec<String> = before
            .iter()
            .filter_map(|hop| hop.role_arn.as_deref())
            .map(printable)
            .collect();
        line(page, "by way of", &chain.join(", then "));
    }
    if let Some(name) = &profile.session_name {
        line(page, "session", &printable(name));
    }
}

fn credentials(page: &mut String, profile: &ProfileReport, now: Wall) {
    let vended = profile
        .vended()
        .and_then(|hop| Some((hop, hop.expiration?)));
    let credentials = vended.map(|(HopReport { last_refresh, .. }, end)| {
        format!(
            "{}{}",
            expiry(end, now),
            ago(", refreshed", *last_refresh, now)
        )
    });
    line(
        page,
        "credentials",
        credentials.as_deref().unwrap_or("none yet"),
    );
    if let Some(next) = profile.hops.iter().filter_map(|hop| hop.next_refresh).min() {
        let when = if next > now {
            format!("in {}", span(next.since(now)))
        } else {
            "now".to_owned()
        };
        line(page, "next refresh", &when);
    }
}

fn source(page: &mut String, token: &TokenReport, now: Wall) {
    let label = if token.kind == "SAML assertion" {
        "assertion"
    } else {
        "token"
    };
    if let Some(end) = token.expiration {
        line(page, label, &expiry(end, now));
    }
    if let Some(id) = &token.access_key_id {
        line(page, "access key", &printable(id));
    }
    if let Some(error) = &token.error {
        let is_token = token.kind.is_empty() || token.kind.ends_with("token");
        let label = if is_token {
            "token file"
        } else {
            "source file"
        };
        line(
            page,
            label,
            &format!("{}: {}", printable(&token.file), printable(error)),
        );
    }
}

fn last_error(page: &mut String, profile: &ProfileReport, error: &ErrorReport, now: Wall) {
    let since = ago(", failing since", error.failing_since, now);
    let request = error.request_id.as_deref().map(printable);
    let request = request
        .map(|id| format!(", request id {id}"))
        .unwrap_or_default();
    line(
        page,
        "last error",
        &format!("{}: {}", printable(&error.code), printable(&error.message)),
    );
    line(
        page,
        "",
        &format!("attempt {}{since}{request}", error.attempts),
    );
    let failed = profile
        .hops
        .get(error.hop)
        .and_then(|hop| hop.role_arn.as_deref());
    if let Some(role) = failed.filter(|_| profile.hops.len() > 1) {
        line(page, "", &format!("role {}", printable(role)));
    }
    line(page, "what to do", &printable(&error.hint));
}

fn expiry(end: Wall, now: Wall) -> String {
    if end > now {
        format!("expires in {} ({})", span(end.since(now)), end.rfc3339())
    } else {
        format!("expired {} ago ({})", span(now.since(end)), end.rfc3339())
    }
}

#[cfg(test)]
mod tests;
