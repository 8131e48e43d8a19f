//! The log lines of refreshing, and the limit that keeps a long outage readable.
//!
//! Owns their wording: one line for each refresh, one at each change of a failure's class, then at
//! most one a minute. Of credentials only the last four characters of the access key id appear.

use std::time::Duration;

use super::Refresher;
use crate::assume::ProfileName;
use crate::failure::Failure;
use crate::response;
use crate::session::Notice;
use crate::sts::Assume;
use crate::time::{Boot, Now};

const QUIET: Duration = Duration::from_mins(1);

/// What the next line depends on besides its report.
#[derive(Default)]
pub(super) struct Throttle {
    /// How long the newest exchange took.
    pub(super) took: Duration,
    failure_logged: Option<Boot>,
    size_warned: bool,
}

impl Throttle {
    /// Warns once when a body comes near to what clients on the AWS Common Runtime take.
    pub(super) fn body_size(&mut self, profile: &ProfileName, size: usize) {
        if size > response::WARN_SIZE && !self.size_warned {
            self.size_warned = true;
            tracing::warn!(%profile, size, "the answer is large; clients on the AWS CRT refuse 10,000 bytes: use fewer session tags");
        }
    }

    fn may_log_failure(&mut self, class_changed: bool, now: Boot) -> bool {
        let quiet = self
            .failure_logged
            .is_some_and(|last| now.since(last) < QUIET);
        if quiet && !class_changed {
            return false;
        }
        self.failure_logged = Some(now);
        true
    }
}

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    pub(super) fn log_and_count(&mut self, report: &Notice, now: Now) {
        match report {
            Notice::Refreshed { hop, shortened } => {
                self.parts.metrics.refreshed();
                self.log.failure_logged = None;
                self.refreshed(*hop, *shortened);
            }
            Notice::Failed {
                hop,
                failure,
                class_changed,
            } => {
                self.parts.metrics.failed(failure.class);
                self.retry.failures = self.retry.failures.saturating_add(1);
                if self.log.may_log_failure(*class_changed, now.boot) {
                    self.failed(*hop, failure, now);
                }
            }
            Notice::DurationRefused {
                hop,
                asked,
                failure,
            } => tracing::info!(
                profile = %self.parts.profile.name,
                operation = self.step_of(*hop).operation(),
                role = self.step_of(*hop).role_arn().map(tracing::field::display),
                asked = %asked,
                code = &*failure.code.text(),
                error = failure.message,
                request_id = failure.request_id,
                "a session this long is refused; asking for a shorter one"
            ),
            Notice::RetryAsked { failing, wait } => self.retry_asked(*failing, *wait),
            Notice::IdentityChanged => tracing::info!(
                profile = %self.parts.profile.name,
                "the source names another identity: every step is asked for anew"
            ),
        }
    }

    fn refreshed(&self, hop: usize, shortened: bool) {
        let state = &self.session.hops()[hop];
        let Some(lease) = &state.lease else { return };
        let details = &lease.details;
        tracing::info!(
            profile = %self.parts.profile.name,
            operation = self.step_of(hop).operation(),
            role = self.step_of(hop).role_arn().map(tracing::field::display),
            access_key_id = format!("..{}", lease.credentials.access_key_suffix()),
            expires = lease.credentials.expiration.rfc3339(),
            lifetime_seconds = lease.lifetime.as_secs(),
            generation = state.generation,
            duration_ms = millis(self.log.took),
            session = details.assumed_role_arn.as_ref().or(details.federated_user_arn.as_ref()),
            session_id = details.assumed_role_id.as_ref().or(details.federated_user_id.as_ref()),
            identity_id = details.identity_id,
            source_identity = details.source_identity,
            subject = details.subject_from_web_identity_token.as_ref().or(details.subject.as_ref()),
            subject_type = details.subject_type,
            audience = details.audience,
            provider = details.provider.as_ref().or(details.issuer.as_ref()),
            name_qualifier = details.name_qualifier,
            session_token_utilization = details.utilization(),
            session_token_size = details.session_token_size,
            request_id = details.request_id,
            "credentials refreshed"
        );
        if shortened {
            tracing::warn!(
                profile = %self.parts.profile.name,
                "the new session ends before the one it replaces: the role's maximum session duration was lowered"
            );
        }
    }

    fn failed(&self, hop: usize, failure: &Failure, now: Now) {
        let state = &self.session.hops()[hop];
        let vended = self.session.vended();
        tracing::warn!(
            profile = %self.parts.profile.name,
            operation = self.step_of(hop).operation(),
            role = self.step_of(hop).role_arn().map(tracing::field::display),
            code = &*failure.code.text(),
            error = failure.message,
            class = failure.class.reason(),
            hint = &*failure.hint(),
            request_id = failure.request_id,
            attempts = state.streak.map(|streak| streak.attempts),
            retry_in_ms = millis(state.due.since(now.boot)),
            remaining_seconds = vended.map(|lease| lease.deadline.since(now.boot).as_secs()),
            duration_ms = millis(self.log.took),
            "refresh failed"
        );
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_change_is_logged_at_once_and_anything_else_once_a_minute() {
        let at = |seconds| Boot::from_duration(Duration::from_secs(seconds));
        let mut throttle = Throttle::default();
        let logged: Vec<bool> = [
            (true, 0),
            (false, 1),
            (false, 59),
            (true, 59),
            (false, 118),
            (false, 119),
        ]
        .into_iter()
        .map(|(class_changed, second)| throttle.may_log_failure(class_changed, at(second)))
        .collect();
        assert_eq!(logged, [true, false, false, true, false, true]);
    }
}
