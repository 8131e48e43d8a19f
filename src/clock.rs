//! The clocks of the process: the only place that reads one.
//!
//! Owns the two readings (boot and wall), the random draw beside them, and the timers built on the
//! kernel's timerfd: [`Alarm`], [`Ticker`], [`WallSteps`]. Decisions never come here: they get a
//! [`Now`] as a value. Called by the composition and the drivers.
//!
//! The timers exist because tokio's timer wheel wakes a thread once per level for a long sleep
//! (measured: three switches for 20 s) and stops in suspend. A boot-time timerfd wakes once, and
//! fires right after a resume (<https://man7.org/linux/man-pages/man2/timerfd_create.2.html>).

mod steps;
mod timer;

use rustix::time::{ClockId, DynamicClockId, Timespec, clock_gettime, clock_gettime_dynamic};
use std::time::Duration;

pub use steps::{ClockStep, WallSteps};
pub use timer::{Alarm, Ticker};

use crate::time::{Boot, Now, Wall};

/// The boot clock now.
///
/// On a kernel without `CLOCK_BOOTTIME` it is the monotonic clock, which only differs in suspend
/// (<https://man7.org/linux/man-pages/man2/clock_gettime.2.html>).
#[must_use]
pub fn boot() -> Boot {
    let reading = clock_gettime_dynamic(DynamicClockId::Boottime)
        .unwrap_or_else(|_| clock_gettime(ClockId::Monotonic));
    let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
    Boot::from_duration(Duration::new(seconds, nanoseconds(reading)))
}

/// The wall clock now, to the millisecond.
#[must_use]
pub fn wall() -> Wall {
    let reading = clock_gettime(ClockId::Realtime);
    let milliseconds = i64::from(nanoseconds(reading) / 1_000_000);
    Wall::from_unix_milliseconds(
        reading
            .tv_sec
            .saturating_mul(1000)
            .saturating_add(milliseconds),
    )
}

/// Both clocks and one uniform draw: what one step of a decision may depend on.
#[must_use]
pub fn now() -> Now {
    Now {
        boot: boot(),
        wall: wall(),
        jitter: fastrand::f64(),
    }
}

/// The kernel keeps them within 0..1,000,000,000.
fn nanoseconds(reading: Timespec) -> u32 {
    u32::try_from(reading.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_goes_back_and_agrees_with_the_kernel() {
        let uptime = std::fs::read_to_string("/proc/uptime").expect("the kernel's uptime");
        let uptime: f64 = uptime
            .split(' ')
            .next()
            .and_then(|text| text.parse().ok())
            .expect("seconds since boot");
        let (first, second) = (boot(), boot());
        assert!(second >= first);
        assert!(
            (first.as_duration().as_secs_f64() - uptime).abs() < 60.0,
            "{first:?} against {uptime}"
        );
    }

    #[test]
    fn the_wall_clock_agrees_with_a_file_written_now() {
        let file = tempfile::tempfile().expect("a file");
        let modified = file
            .metadata()
            .and_then(|m| m.modified())
            .expect("its time");
        let modified = modified
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let apart = i128::from(wall().unix_milliseconds())
            - i128::try_from(modified.as_millis()).expect("fits");
        assert!(apart.abs() < 60_000, "{apart} ms apart");
    }

    #[test]
    fn draws_are_uniform_enough_and_never_one() {
        let draws: Vec<f64> = (0..1000).map(|_| now().jitter).collect();
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
        assert!(draws.iter().any(|draw| *draw < 0.1) && draws.iter().any(|draw| *draw > 0.9));
    }
}
