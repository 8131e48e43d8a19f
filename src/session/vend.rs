//! What requests are answered with: the last hop's credentials while they live, else why there are
//! none.
//!
//! Owns when the answer changes and whether a refusal is permanent. It starts no call, but makes
//! hops due once nothing is vended any more.

use super::hop::Lease;
use super::schedule::PROPAGATION;
use super::{Action, MIN_SERVE, Published, Session};
use crate::failure::Class;
use crate::time::Now;

impl Session {
    /// What the last hop holds, alive or not.
    #[must_use]
    pub fn vended(&self) -> Option<&Lease> {
        self.hops.last().and_then(|hop| hop.lease.as_ref())
    }

    pub(super) fn vended_alive(&self, now: Now) -> bool {
        self.vended()
            .is_some_and(|lease| lease.alive(now.boot, MIN_SERVE))
    }

    pub(super) fn serve(&mut self, actions: &mut Vec<Action>) {
        if let Some(lease) = self.vended() {
            actions.push(Action::Serve {
                credentials: lease.credentials.clone(),
                deadline: lease.deadline,
            });
            self.published = Published::Served;
        }
    }

    pub(super) fn refuse(&mut self, now: Now, actions: &mut Vec<Action>) {
        let newest = self.newest_failure();
        let permanent = newest.is_some_and(|(hop, failure)| match failure.class {
            Class::Config | Class::Role => true,
            Class::Denied => self.hops[hop]
                .streak
                .is_some_and(|streak| now.boot.since(streak.since) >= PROPAGATION),
            _ => false,
        });
        let failure = newest.map(|(_, failure)| failure.clone());
        actions.push(Action::Refuse { failure, permanent });
        self.published = Published::Refused;
    }

    pub(super) fn withdraw_expired(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.published == Published::Served && !self.vended_alive(now) {
            self.hops.iter_mut().for_each(|hop| hop.hurry(now));
            self.refuse(now, actions);
        }
    }
}
