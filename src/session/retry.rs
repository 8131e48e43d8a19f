//! A retry that an operator asks for: what fails is due now, whatever its backoff says.
//!
//! Owns which hops that concerns, and when nothing more is to come of it. It starts no call:
//! `session` does, after every event, and only when the call budget has one.

use std::time::Duration;

use super::{Action, Notice, Session};
use crate::time::{Boot, Now};

impl Session {
    /// Makes every failing hop due. A call that is under way may have been sent before the repair,
    /// so it is followed by another one if it fails.
    pub(super) fn retry(&mut self, now: Now, actions: &mut Vec<Action>) {
        let mut failing = 0;
        for hop in self.hops.iter_mut().filter(|hop| hop.streak.is_some()) {
            hop.due = hop.due.min(now.boot);
            failing += 1;
        }
        if let Some(flight) = &mut self.in_flight {
            flight.again = self.hops[flight.hop].streak.is_some();
        }
        let wait = if failing == 0 {
            Duration::ZERO
        } else {
            self.bucket.next(now.boot).since(now.boot)
        };
        actions.push(Action::Report(Notice::RetryAsked { failing, wait }));
    }

    /// Whether a call is under way, or is due and waits for nothing but the call budget.
    #[must_use]
    pub fn is_calling(&self, now: Boot) -> bool {
        self.in_flight.is_some() || (!self.is_over(now) && self.next_due(now).is_some())
    }
}
