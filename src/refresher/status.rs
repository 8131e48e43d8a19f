//! The report of one profile, assembled from its session after each step.
//!
//! Owns the mapping from boot-time state to what people read. Nothing secret can pass: the report's
//! types have no place for it.

use super::Parts;
use crate::file_content::FileContent;
use crate::incident::Incident;
use crate::report::{ErrorReport, HopReport, IncidentReport, ProfileReport, Retry, TokenReport};
use crate::role::SessionName;
use crate::session::{HopState, Session};
use crate::time::Now;

pub(super) fn report<A>(
    parts: &Parts<A>,
    session: &Session,
    names: &[Option<SessionName>],
    (retry, incident): (Retry, Option<Incident>),
    now: Now,
) -> ProfileReport {
    let steps = &parts.profile.steps;
    let last = steps.last();
    ProfileReport {
        profile: parts.profile.name.to_string(),
        role_arn: last
            .and_then(|step| step.role_arn())
            .map(ToString::to_string),
        ready: None,
        session_name: last
            .and_then(|step| step.session_name())
            .and(names.last().and_then(Option::as_ref))
            .map(ToString::to_string),
        hops: session
            .hops()
            .iter()
            .zip(steps)
            .map(|(hop, step)| HopReport {
                operation: step.operation().to_owned(),
                role_arn: step.role_arn().map(ToString::to_string),
                ..hop_report(hop, now)
            })
            .collect(),
        token: Some(token_report(parts)),
        retry,
        incident: incident.map(|incident| IncidentReport {
            failing_since: Some(now.on_the_wall(incident.since)),
            credentials_end: session.vended().map(|lease| lease.credentials.expiration),
            incident,
        }),
        last_error: session.newest_failure().map(|(at, failure)| {
            let streak = session.hops()[at].streak;
            ErrorReport {
                code: failure.code.text().into_owned(),
                message: failure.message.clone(),
                class: Some(failure.class),
                hint: failure.hint().into_owned(),
                request_id: failure.request_id.clone(),
                hop: at,
                at: streak.map(|streak| now.on_the_wall(streak.newest)),
                failing_since: streak.map(|streak| now.on_the_wall(streak.since)),
                attempts: streak.map_or(0, |streak| streak.attempts),
            }
        }),
    }
}

fn hop_report(hop: &HopState, now: Now) -> HopReport {
    let lease = hop.lease.as_ref();
    HopReport {
        generation: hop.generation,
        expiration: lease.map(|lease| lease.credentials.expiration),
        deadline: lease.map(|lease| lease.deadline),
        lifetime_seconds: lease.map(|lease| lease.lifetime.as_secs()),
        last_refresh: lease.map(|lease| lease.received),
        next_refresh: Some(now.wall.plus(hop.due.since(now.boot))),
        details: lease.map(|lease| lease.details.clone()).unwrap_or_default(),
        ..HopReport::default()
    }
}

fn token_report<A>(parts: &Parts<A>) -> TokenReport {
    let current = parts.source.latest();
    let (_, form) = parts.profile.source_file();
    let mut report = TokenReport {
        file: parts.source.path().display().to_string(),
        kind: form.to_string(),
        expiration: current.value.as_deref().and_then(FileContent::expires_at),
        generation: current.generation,
        error: current.error.as_ref().map(ToString::to_string),
        ..TokenReport::default()
    };
    match current.value.as_deref() {
        Some(FileContent::Token(token)) => {
            let claims = token.claims().clone();
            (report.issuer, report.subject) = (claims.issuer, claims.subject);
            report.audience = claims.audience;
        }
        Some(FileContent::Assertion(assertion)) => {
            let facts = assertion.facts().clone();
            (report.issuer, report.subject) = (facts.issuer, facts.subject);
            (report.audience, report.recipient) = (facts.audience, facts.recipient);
        }
        Some(FileContent::AccessKey(key)) => {
            report.access_key_id = Some(format!("..{}", key.suffix()));
        }
        Some(FileContent::Totp(_) | FileContent::Text(_)) | None => {}
    }
    report
}
