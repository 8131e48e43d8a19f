//! What follows from the answer to a call: new credentials, another try, a shorter session, blame.
//!
//! Owns the change of hops by outcomes. An error never replaces a credential; a reply to a call
//! that was made for a former identity is not taken over, whatever it is. It starts no call:
//! `session` does, after every event.

use std::time::Duration;

use super::schedule::CALL;
use super::{Action, CallId, Content, InFlight, Lease, MIN_SERVE, Notice, Session, Snapshot};
use crate::assume::StsResponse;
use crate::failure::{Class, Failure};
use crate::identity::Identity;
use crate::time::Now;

impl Session {
    pub(super) fn answered(
        &mut self,
        call: CallId,
        sent: Content,
        outcome: Result<StsResponse, Failure>,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let Some(mut flight) = self.in_flight.take_if(|flight| flight.call == call) else {
            return;
        };
        if outcome.as_ref().is_err_and(|failure| !failure.sent) {
            self.bucket.put_back();
        }
        self.noticed(sent, now, actions);
        if flight.hop == 0 {
            flight.identity = sent.identity;
        }
        if self.is_former(flight.identity) {
            self.hops[flight.hop].due = now.boot;
            return;
        }
        if self.content.identity != Identity::Unknown {
            flight.identity = self.content.identity;
        }
        match outcome.and_then(|reply| Lease::from_reply(reply, flight.identity, flight.sent, now))
        {
            Ok(lease) => self.succeeded(&flight, lease, now, actions),
            Err(failure) => self.failed(&flight, sent, failure, now, actions),
        }
    }

    /// Only this hop waits: others that are due are called meanwhile.
    pub(super) fn postponed(&mut self, call: CallId, wait: Duration, now: Now) {
        if let Some(flight) = self.in_flight.take_if(|flight| flight.call == call) {
            self.bucket.put_back();
            self.hops[flight.hop].due = now.boot.plus(wait);
        }
    }

    /// Keeps before it vends: a crash between the two must not lose what a client was given.
    fn succeeded(&mut self, flight: &InFlight, lease: Lease, now: Now, actions: &mut Vec<Action>) {
        let last = flight.hop + 1 == self.hops.len();
        let hop = &mut self.hops[flight.hop];
        let (blamed, former) = (hop.generation, hop.identity());
        let shortened = hop
            .lease
            .as_ref()
            .is_some_and(|old| lease.deadline < old.deadline);
        hop.renew(lease, flight.asked, self.refresh_at, now);
        if let Some(child) = self.hops.get_mut(flight.hop + 1) {
            let is_another =
                former.changes_to(flight.identity) || child.identity().changes_to(flight.identity);
            if is_another || child.blamed_parent == Some(blamed) {
                child.due = now.boot;
            }
        }
        actions.push(Action::Report(Notice::Refreshed {
            hop: flight.hop,
            shortened,
        }));
        actions.push(Action::Save(Snapshot::of(self.digest, &self.hops)));
        if last {
            self.serve(actions);
        }
    }

    fn failed(
        &mut self,
        flight: &InFlight,
        sent: Content,
        mut failure: Failure,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let at = flight.hop;
        let rotated = failure.sent && at == 0 && self.content.generation > sent.generation;
        if matches!(failure.class, Class::Token | Class::Source) && rotated {
            // Rotated while the call was in flight: the refused token or key is already history.
            self.hops[0].due = now.boot;
            return;
        }
        let remaining = self.remaining(at, now);
        let hop = &mut self.hops[at];
        if hop.requested.refused(flight.asked, &failure, now.boot) {
            hop.due = now.boot;
            actions.push(Action::Report(Notice::DurationRefused {
                hop: at,
                asked: flight.asked,
                failure,
            }));
            return;
        }
        if failure.class == Class::DurationTooLong {
            failure.class = Class::Config;
        }
        hop.requested.failed(flight.asked);
        let class_changed = hop.fail(failure.clone(), remaining, now);
        if flight.again {
            hop.due = now.boot;
        }
        if failure.class == Class::Source {
            self.blame_parent(at, now);
        }
        actions.push(Action::Report(Notice::Failed {
            hop: at,
            failure,
            class_changed,
        }));
        if !self.vended_alive(now) {
            self.refuse(now, actions);
        }
    }

    /// How long it is until a try of hop `at` must begin for the chain behind it to be renewed in
    /// time.
    fn remaining(&self, at: usize, now: Now) -> Option<Duration> {
        let left = self
            .vended()
            .map(|lease| lease.deadline.since(now.boot))
            .filter(|left| *left > MIN_SERVE)?;
        let calls = u32::try_from(self.hops.len() - at).unwrap_or(u32::MAX);
        Some(left.saturating_sub(MIN_SERVE + CALL.saturating_mul(calls)))
    }

    /// A signer that STS refuses is due at once, but once for each of its generations; when a new
    /// one is refused too, it waits as long as its child does, or the two would call each second
    /// for good.
    fn blame_parent(&mut self, child: usize, now: Now) {
        let (parents, children) = self.hops.split_at_mut(child);
        let (Some(parent), [child, ..]) = (parents.last_mut(), children) else {
            return;
        };
        if child.blamed_parent != Some(parent.generation) {
            let again = child.blamed_parent.replace(parent.generation).is_some();
            parent.due = if again {
                parent.due.min(child.due)
            } else {
                now.boot
            };
        }
    }
}
