//! Refreshes that keep failing: when that began, when it is over, and its three lines at ERROR.
//!
//! Owns the one incident of a profile, across its steps: it lasts until every step has succeeded
//! again, whichever of them fails meanwhile, and until something is vended again where nothing was.
//! When a line is due, `incident` (values) decides.

use std::time::Duration;

use super::Refresher;
use crate::incident::{Announced, Incident, Moment};
use crate::session::{MIN_SERVE, Session};
use crate::sts::Assume;
use crate::time::{Boot, Now};

/// What the refresher knows of its failing refreshes.
#[derive(Default)]
pub(super) struct Trouble {
    pub(super) current: Option<Incident>,
    announced: Announced,
}

impl Trouble {
    /// Takes over what a step has changed; true when an incident is over that was announced.
    fn follow(&mut self, session: &Session, now: Now) -> bool {
        let is_failing = session.hops().iter().any(|hop| hop.streak.is_some());
        let ends = session
            .vended()
            .map(|lease| lease.deadline.minus(MIN_SERVE));
        let is_vended = ends.is_some_and(|end| end > now.boot);
        let reached = self
            .current
            .and_then(|incident| self.announced.of(&incident));
        let is_over =
            self.current.is_some() && (!is_failing || is_vended && reached == Some(Moment::Ended));
        if is_over {
            self.current = None;
        }
        if is_failing {
            let incident = self.current.get_or_insert(Incident {
                since: now.boot,
                ends: None,
            });
            incident.ends = ends.filter(|end| *end > incident.since);
        }
        is_over && reached.is_some()
    }
}

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    /// Says what has become of the incident in this step, and when to look again.
    pub(super) fn watch_incident(&mut self, now: Now) -> Option<Boot> {
        let began = self.trouble.current.map(|incident| incident.since);
        if self.trouble.follow(&self.session, now) {
            let failed_seconds = began.map(|since| now.boot.since(since).as_secs());
            tracing::info!(profile = %self.parts.profile.name, failed_seconds, "refreshes succeed again");
        }
        let incident = self.trouble.current?;
        if let Some(moment) = self
            .trouble
            .announced
            .announce(&incident, now.boot, Duration::ZERO)
        {
            self.announce(moment, now.boot.since(incident.since));
        }
        incident.next(now.boot)
    }

    fn announce(&self, moment: Moment, failing: Duration) {
        let Some((hop, failure)) = self.session.newest_failure() else {
            return;
        };
        let vended = self.session.vended();
        let message = match moment {
            Moment::HalfGone => "refreshes keep failing: half of the time that was left is gone",
            Moment::EndsSoon => "refreshes keep failing: credentials end soon",
            Moment::Ended => "refreshes keep failing: no credentials are vended",
        };
        tracing::error!(
            profile = %self.parts.profile.name,
            operation = self.step_of(hop).operation(),
            role = self.step_of(hop).role_arn().map(tracing::field::display),
            code = &*failure.code.text(),
            error = failure.message,
            hint = &*failure.hint(),
            request_id = failure.request_id,
            failing_seconds = failing.as_secs(),
            ends = vended.map(|lease| lease.credentials.expiration.rfc3339()),
            "{message}"
        );
    }
}

#[cfg(test)]
mod tests;
