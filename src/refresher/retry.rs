//! A retry that an operator asked for, from the wish to what has come of it.
//!
//! Owns what the report says of it. Which calls follow is the session's decision, how often one may
//! ask the admin surface's.

use std::time::Duration;

use super::Refresher;
use crate::report::Retry;
use crate::session::Event;
use crate::sts::Assume;

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    /// Reads the source's file anew, in case that is what was mended, and passes the wish on.
    pub(super) fn retry(&mut self) -> Event {
        self.retry = Retry {
            taken: *self.inputs.retries.borrow_and_update(),
            ..Retry::default()
        };
        let _ = self.parts.source.reload();
        Event::Retry
    }

    pub(super) fn retry_asked(&mut self, failing: usize, wait: Duration) {
        self.retry.was_failing = failing > 0;
        self.retry.waited_for_budget = !wait.is_zero();
        tracing::info!(profile = %self.parts.profile.name, failing, "a retry was asked for");
    }
}
