//! `POST /retry`: what fails is tried now instead of after its backoff, and the answer says what
//! came of it.
//!
//! Owns the outcome's words; `turn` owns how often a retry is taken, `locality` from where. It
//! decides nothing about calls: each profile's session does, within its call budget. `admin` routes
//! to it.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};
use serde::{Deserialize, Serialize};

use super::surface::{self, Surface};
use super::turn::EVERY;
use super::{Profile, parameter, text};
use crate::http::{Connection, Response, ResponseFuture};
use crate::report::{ProfileReport, known_word};

/// What became of one profile's retry.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retried {
    /// Its name.
    pub profile: String,
    /// What came of it so far.
    #[serde(deserialize_with = "known_word")]
    pub outcome: Option<RetryOutcome>,
    /// Whether the session had no call left at that moment, so that the retry came up to a second
    /// later.
    pub waited_for_budget: bool,
}

/// What came of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryOutcome {
    /// No hop was failing, so none was touched.
    NothingToRetry,
    /// Nothing fails any more.
    Refreshed,
    /// Tried, and failed again: `lastError` has it.
    Failed,
    /// Not over when the answer was due.
    Pending,
}

fn outcome(report: &ProfileReport, number: u64) -> RetryOutcome {
    let retry = report.retry;
    match report.last_error {
        _ if retry.taken < number => RetryOutcome::Pending,
        _ if !retry.was_failing => RetryOutcome::NothingToRetry,
        _ if retry.is_calling => RetryOutcome::Pending,
        None => RetryOutcome::Refreshed,
        Some(_) if retry.failures > 0 => RetryOutcome::Failed,
        Some(_) => RetryOutcome::Pending,
    }
}

/// A retry that was passed on to the profiles' refreshers.
struct PassedOn {
    /// For how long the answer may wait.
    wait: Duration,
    /// Which profiles, and the number that each of them counts it by.
    of: Vec<(usize, u64)>,
}

impl Surface {
    /// Asks the profiles for a retry, or that of `?profile=NAME`, and answers with the status
    /// `?wait=SECONDS` later at most. The peer is known to be one that may read the status.
    pub(super) fn retry(&self, query: &str, connection: &Connection) -> ResponseFuture {
        match self.pass_on(query) {
            Ok(PassedOn { wait, of: asked }) => {
                connection.extend(wait);
                let admin = Arc::clone(&self.admin);
                ResponseFuture::later(async move {
                    let all_over = async {
                        for (at, number) in &asked {
                            over(&admin.profiles[*at], *number).await;
                        }
                    };
                    // Timed out: the outcome says which of them are not over.
                    let _ = tokio::time::timeout(wait, all_over).await;
                    let retries = asked
                        .iter()
                        .map(|(at, number)| retried(&admin.profiles[*at], *number))
                        .collect();
                    admin.status(retries)
                })
            }
            Err(refusal) => ResponseFuture::now(*refusal),
        }
    }

    /// Passes the wish on, or refuses it.
    fn pass_on(&self, query: &str) -> Result<PassedOn, Box<Response>> {
        let wait = surface::wait(query)?;
        let profiles = &self.admin.profiles;
        let wanted = parameter(query, "profile");
        let chosen: Vec<usize> = (0..profiles.len())
            .filter(|at| wanted.is_none_or(|name| profiles[*at].name == name))
            .collect();
        if chosen.is_empty() {
            let names: Vec<&str> = profiles
                .iter()
                .map(|profile| profile.name.as_str())
                .collect();
            let reason = format!("no such profile; there are: {}\n", names.join(", "));
            return Err(Box::new(text(StatusCode::NOT_FOUND, reason)));
        }
        if let Err(wait) = self.turn.take((self.admin.clock)().boot) {
            return Err(Box::new(too_early(wait)));
        }
        Ok(PassedOn {
            wait,
            of: chosen
                .into_iter()
                .map(|at| (at, profiles[at].ask_for_retry()))
                .collect(),
        })
    }
}

fn too_early(wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let reason = format!(
        "one retry in {} s is taken; ask again in {seconds} s\n",
        EVERY.as_secs()
    );
    let mut response = text(StatusCode::TOO_MANY_REQUESTS, reason);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

impl Profile {
    fn ask_for_retry(&self) -> u64 {
        self.retries.send_modify(|number| *number += 1);
        *self.retries.borrow()
    }
}

/// Waits until nothing more comes of the retry of this number; for ever when the refresher is gone.
async fn over(profile: &Profile, number: u64) {
    let mut report = profile.report.clone();
    let over = report.wait_for(|ProfileReport { retry, .. }| {
        retry.taken >= number && !(retry.was_failing && retry.is_calling)
    });
    if over.await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn retried(profile: &Profile, number: u64) -> Retried {
    let report = profile.report.borrow();
    Retried {
        profile: profile.name.clone(),
        outcome: Some(outcome(&report, number)),
        waited_for_budget: report.retry.taken >= number && report.retry.waited_for_budget,
    }
}
