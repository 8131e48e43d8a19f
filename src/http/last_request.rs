//! When a client last asked: one number that the request path writes and others read.
//!
//! Owns its representation. Writing it takes no lock and reads no clock: the time comes with the
//! request. `Activity` has one for a whole endpoint, the credentials endpoint one for each client.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::time::Boot;

/// The moment of the newest request, to the millisecond below.
#[derive(Debug, Default)]
pub struct LastRequest(AtomicU64);

impl LastRequest {
    /// When it was; nothing before the first.
    #[must_use]
    pub fn at(&self) -> Option<Boot> {
        match self.0.load(Relaxed) {
            0 => None,
            milliseconds => Some(Boot::from_duration(Duration::from_millis(milliseconds))),
        }
    }

    /// Remembers a request that arrived at `now`.
    pub fn note(&self, now: Boot) {
        let milliseconds = u64::try_from(now.as_duration().as_millis()).unwrap_or(u64::MAX);
        self.0.store(milliseconds.max(1), Relaxed);
    }
}
