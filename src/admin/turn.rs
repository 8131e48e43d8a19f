//! Whose turn a retry is: one in ten seconds, for whichever profile.
//!
//! Owns the time of the newest one and nothing of what a retry does. `retry` takes a turn before it
//! passes a retry on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Boot;

/// A person needs no more, and a program that asks without end costs no more than a call for each
/// failing hop in this time.
pub(super) const EVERY: Duration = Duration::from_secs(10);

/// When the newest retry was taken, for whichever profile.
#[derive(Default)]
pub(super) struct Turn(Mutex<Option<Boot>>);

impl Turn {
    /// Takes the turn, or says how long it is until the next one.
    pub(super) fn take(&self, now: Boot) -> Result<(), Duration> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = newest.map_or(Duration::ZERO, |newest| newest.plus(EVERY).since(now));
        if !wait.is_zero() {
            return Err(wait);
        }
        *newest = Some(now);
        Ok(())
    }
}
