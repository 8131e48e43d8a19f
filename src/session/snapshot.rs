//! What survives a crash: every hop's credentials with their schedule, bound to the configuration.
//!
//! Owns what is saved and how its times move to another boot. It writes no file: `state` does.
//! `session` ignores a snapshot whose digest differs, and each hop whose credentials have ended or
//! belong to another identity than the source names: a crash may come while another identity is on
//! its way through the chain.

use super::HopState;
pub use super::hop::SavedHop;
use crate::time::Now;

/// Names the configuration of a profile, so that credentials of another one are never vended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

/// All hops of a profile; a resumed chain needs its parents too.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The configuration it belongs to.
    pub digest: Digest,
    /// Source first.
    pub hops: Vec<Option<SavedHop>>,
}

impl Snapshot {
    pub(super) fn of(digest: Digest, hops: &[HopState]) -> Self {
        Self {
            digest,
            hops: hops.iter().map(HopState::saved).collect(),
        }
    }

    /// Moves the times of a snapshot from another boot onto this boot's clock, by way of the wall
    /// clock.
    ///
    /// Nothing else is known of the time between: credentials end when the wall clock says, and are
    /// due now.
    #[must_use]
    pub fn from_another_boot(mut self, now: Now) -> Self {
        for saved in self.hops.iter_mut().flatten() {
            let left = saved.lease.credentials.expiration.since(now.wall);
            saved.lease.deadline = now.boot.plus(left.min(saved.lease.lifetime));
            saved.due = now.boot;
        }
        self
    }
}
