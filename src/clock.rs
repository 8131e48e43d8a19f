//! Clock readings.

use crate::time::{Boot, Wall};
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The boot clock now.
#[must_use]
pub fn boot() -> Boot {
    let reading = clock_gettime(ClockId::Monotonic);
    Boot::from_duration(Duration::new(reading.tv_sec.unsigned_abs(), u32::try_from(reading.tv_nsec).unwrap_or(0)))
}

/// The wall clock now.
#[must_use]
pub fn wall() -> Wall {
    Wall::from_unix_seconds(clock_gettime(ClockId::Realtime).tv_sec)
}
