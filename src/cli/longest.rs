//! What `longest` comes to: the durations that the agent would try, tried at once and to the end.
//!
//! Owns the calls beyond those of `exchange::all`, and what was found by them; `check` shows it.
//! The sessions are dropped unseen. It asks in the agent's order, and unlike it does not wait for
//! refreshes.

use std::sync::Arc;
use std::time::Duration;

use super::exchange::{self, Outcomes};
use crate::assume::{DurationSetting, Profile, SessionDuration, StsResponse};
use crate::clock;
use crate::failure::Failure;
use crate::file_content::FileContent;
use crate::refresher::{ExtraFiles, SentCodes, session_name};
use crate::rotated_file::Latest;
use crate::sts::{Assume, Request};

/// What was found out about one step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Which step.
    pub(super) step: usize,
    /// How long the session lives that was granted, where it was one of more than the hour the
    /// agent begins with.
    pub(super) granted: Option<Duration>,
    /// What is longer and was refused, and the last refusal.
    pub(super) refused: Vec<SessionDuration>,
    pub(super) refusal: Option<Failure>,
    /// What could not be found out, and why.
    pub(super) open: Option<(SessionDuration, Failure)>,
}

/// Asks for every step whose duration is `longest` and which has just been granted an hour.
///
/// A step with an MFA device is left out: each call would need another code, half a minute later.
pub(super) async fn find<A: Assume>(
    sts: &A,
    profile: &Profile,
    source: &Latest<FileContent>,
    host_name: &str,
    outcomes: &Outcomes,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, step) in profile.steps.iter().enumerate() {
        let is_granted = outcomes.get(at).is_some_and(Result::is_ok);
        if step.duration() != DurationSetting::Longest || step.mfa().is_some() || !is_granted {
            continue;
        }
        let before = at
            .checked_sub(1)
            .and_then(|before| outcomes[before].as_ref().ok());
        let proof = exchange::proof(sts, profile, source, before);
        let at_sts = sts.server_time().unwrap_or_else(clock::wall);
        let extras = ExtraFiles::of(step, &SentCodes::default()).gather(at_sts);
        let (Ok(proof), Ok(extras)) = (proof, extras) else {
            continue;
        };
        let claims = source.value.as_deref().and_then(FileContent::claims);
        let request = |duration| Request {
            step: Arc::clone(step),
            session_name: session_name(step, claims, host_name),
            duration,
            proof: proof.clone(),
            extras: extras.clone(),
        };
        found.push(Found {
            step: at,
            ..tried(sts, request).await
        });
    }
    found
}

async fn tried<A: Assume>(sts: &A, request: impl Fn(SessionDuration) -> Request) -> Found {
    let mut found = Found::default();
    for duration in SessionDuration::steps().filter(|step| *step > SessionDuration::HOUR) {
        match sts.assume(request(duration)).await {
            Ok(StsResponse {
                credentials, date, ..
            }) => {
                // A server may grant less than was asked for.
                let issued = date
                    .or_else(|| sts.server_time())
                    .unwrap_or_else(clock::wall);
                found.granted = Some(credentials.expiration.since(issued));
                return found;
            }
            Err(failure) if !failure.is_refusal() => {
                found.open = Some((duration, failure));
                return found;
            }
            Err(failure) => {
                found.refused.push(duration);
                found.refusal = Some(failure);
            }
        }
    }
    found
}
