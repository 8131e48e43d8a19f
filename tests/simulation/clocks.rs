//! The clocks of a simulated node, moved one by one: true time, boot time, wall
//! time, the server's time.
//!
//! Everything is in milliseconds since the run began; true time is what the simulator counts.

use std::time::Duration;

use stsidecar::time::{Boot, Now, Wall};

/// What every clock shows when the run begins and nothing is wrong.
pub const EPOCH: i64 = 1_800_000_000_000;

pub const SECOND: u64 = 1000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// How long the node had been up when the run began.
const UPTIME: u64 = 1000 * SECOND;

#[derive(Debug)]
pub struct Clocks {
    /// True time.
    pub t: u64,
    /// How long the machine was stopped without its boot clock noticing.
    pub paused: u64,
    /// How far the wall clock is ahead of the truth.
    pub wall_error: i64,
    /// How far the server's clock is ahead of the truth; constant in a run.
    pub skew: i64,
}

impl Clocks {
    pub fn boot(&self) -> Boot {
        Boot::from_duration(Duration::from_millis(UPTIME + self.t - self.paused))
    }

    /// When the boot clock will show `boot`, unless it is stopped before.
    pub fn true_time(&self, boot: Boot) -> u64 {
        let wanted = boot.as_duration().as_nanos().div_ceil(1_000_000);
        u64::try_from(wanted)
            .unwrap_or(u64::MAX)
            .saturating_add(self.paused)
            .saturating_sub(UPTIME)
    }

    pub fn wall(&self) -> Wall {
        Wall::from_unix_milliseconds((EPOCH + self.t.cast_signed()).saturating_add(self.wall_error))
    }

    pub fn now(&self, jitter: f64) -> Now {
        Now {
            boot: self.boot(),
            wall: self.wall(),
            jitter,
        }
    }

    /// The server's clock at true time `t`, to the second, as `Date` and `Expiration` show it.
    pub fn server_seconds(&self, t: u64) -> i64 {
        (EPOCH + t.cast_signed() + self.skew).div_euclid(1000)
    }

    /// How far our wall clock is from the server's.
    pub fn disagreement(&self) -> u64 {
        self.wall_error.saturating_sub(self.skew).unsigned_abs()
    }
}
