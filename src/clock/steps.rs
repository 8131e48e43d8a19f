//! Steps of the wall clock: an operator or NTP set it, or a paused virtual machine was corrected.
//!
//! Owns the realtime timerfd that the kernel cancels when the clock is set
//! (`TFD_TIMER_CANCEL_ON_SET`, <https://man7.org/linux/man-pages/man2/timerfd_create.2.html>), so a
//! step is known at once and nothing polls. It never says what a step means: the driver turns one
//! into a single event.

use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::time::{TimerfdClockId, TimerfdTimerFlags};
use tokio::io::unix::AsyncFd;

use super::timer::{SLICE, arm, expired, open};
use crate::time::{Boot, Wall};

/// The smallest step that is reported. Below it no decision differs, and time daemons make many of
/// them.
const SMALLEST: u64 = 5_000;

/// Never reached, so that the timer is only ever cancelled: the year 2242, which every kernel can
/// hold.
const FAR: Duration = Duration::from_secs(1 << 33);

/// One step of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// What the wall clock would show now without the step.
    pub from: Wall,
    /// What it shows.
    pub to: Wall,
}

/// Reports steps of the wall clock against the boot clock.
#[derive(Debug)]
pub struct WallSteps {
    timer: Option<AsyncFd<OwnedFd>>,
    clocks: fn() -> (Boot, Wall),
    /// Wall minus boot in milliseconds, as of the last report.
    offset: i128,
}

impl WallSteps {
    /// Steps from now on. A suspend is none: the boot clock runs through it.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver on.
    #[must_use]
    pub fn new() -> Self {
        let timer = open(TimerfdClockId::Realtime).filter(watch);
        Self::from_parts(timer, || (super::boot(), super::wall()))
    }

    fn from_parts(timer: Option<AsyncFd<OwnedFd>>, clocks: fn() -> (Boot, Wall)) -> Self {
        Self {
            timer,
            clocks,
            offset: offset(clocks()),
        }
    }

    /// Waits for a step of at least 5 s, in one go or summed up since the last report. Cancel safe.
    pub async fn step(&mut self) -> ClockStep {
        loop {
            match &self.timer {
                // ECANCELED is the news; anything else is a timer that does not work here.
                Some(timer) => match expired(timer).await {
                    Err(error) if is_cancelled(&error) && watch(timer) => {}
                    _ => self.timer = None,
                },
                None => tokio::time::sleep(SLICE).await,
            }
            if let Some(step) = self.compare() {
                return step;
            }
        }
    }

    fn compare(&mut self) -> Option<ClockStep> {
        let (boot, wall) = (self.clocks)();
        let moved = offset((boot, wall)) - self.offset;
        if moved.unsigned_abs() < u128::from(SMALLEST) {
            return None;
        }
        self.offset += moved;
        let by = Duration::from_millis(u64::try_from(moved.unsigned_abs()).unwrap_or(u64::MAX));
        Some(ClockStep {
            from: if moved > 0 {
                wall.minus(by)
            } else {
                wall.plus(by)
            },
            to: wall,
        })
    }
}

impl Default for WallSteps {
    fn default() -> Self {
        Self::new()
    }
}

fn offset((boot, wall): (Boot, Wall)) -> i128 {
    let since_boot = i128::try_from(boot.as_duration().as_millis()).unwrap_or(i128::MAX / 4);
    i128::from(wall.unix_milliseconds()) - since_boot
}

/// Arms the timer to be cancelled by the next step; whether that worked.
///
/// The kernel answers ECANCELED when the clock was set since the last look: armed all the same, and
/// the comparison that follows sees that step.
fn watch(timer: &AsyncFd<OwnedFd>) -> bool {
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    arm(timer, flags, Some(FAR)).map_or_else(|error| is_cancelled(&error), |()| true)
}

fn is_cancelled(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::CANCELED.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        static CLOCKS: Cell<(u64, i64)> = const { Cell::new((1_000_000, 1_795_327_200_000)) };
    }

    fn clocks() -> (Boot, Wall) {
        let (boot, wall) = CLOCKS.get();
        (
            Boot::from_duration(Duration::from_millis(boot)),
            Wall::from_unix_milliseconds(wall),
        )
    }

    fn pass(boot: u64, wall: i64) {
        let (old_boot, old_wall) = CLOCKS.get();
        CLOCKS.set((old_boot + boot, old_wall.saturating_add(wall)));
    }

    #[test]
    fn time_passing_and_suspends_are_no_step() {
        let mut steps = WallSteps::from_parts(None, clocks);
        for both in [1, 30_000, 30 * 86_400_000] {
            pass(both, i64::try_from(both).expect("fits"));
            assert_eq!(steps.compare(), None);
        }
    }

    #[test]
    fn a_step_is_reported_once_in_either_direction() {
        let mut steps = WallSteps::from_parts(None, clocks);
        for by in [5_000, -5_000, 3_600_000, -315_360_000_000] {
            pass(1_000, 1_000);
            let unstepped = clocks().1;
            pass(0, by);
            assert_eq!(
                steps.compare(),
                Some(ClockStep {
                    from: unstepped,
                    to: clocks().1
                }),
                "{by}"
            );
            assert_eq!(steps.compare(), None, "{by} again");
        }
    }

    #[test]
    fn small_steps_are_reported_when_they_have_summed_up() {
        let mut steps = WallSteps::from_parts(None, clocks);
        for _ in 0..4 {
            pass(60_000, 61_200);
            assert_eq!(steps.compare(), None);
        }
        pass(60_000, 61_200);
        assert!(steps.compare().is_some());
    }

    #[test]
    fn the_ends_of_time_do_not_panic() {
        let mut steps = WallSteps::from_parts(None, clocks);
        CLOCKS.set((u64::MAX, i64::MIN));
        assert!(steps.compare().is_some());
        CLOCKS.set((0, i64::MAX));
        assert!(steps.compare().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_kernel_timer_a_step_is_seen_within_a_slice() {
        let mut steps = WallSteps::from_parts(None, clocks);
        pass(0, 60_000);
        tokio::time::timeout(SLICE + Duration::from_millis(2), steps.step())
            .await
            .expect("a step");
    }

    #[tokio::test]
    async fn the_kernel_takes_the_timer_and_it_stays_quiet() {
        let mut steps = WallSteps::new();
        assert!(
            steps.timer.is_some(),
            "this kernel has no cancellable timer"
        );
        assert!(
            tokio::time::timeout(Duration::from_millis(50), steps.step())
                .await
                .is_err()
        );
        assert!(steps.timer.is_some(), "the timer was given up");
    }

    /// Sets the machine's clock to what it shows, where that is allowed (`CAP_SYS_TIME`).
    #[tokio::test]
    async fn setting_the_clock_wakes_at_once_each_time() {
        use rustix::time::{ClockId, clock_gettime, clock_settime};
        let set = || clock_settime(ClockId::Realtime, clock_gettime(ClockId::Realtime));
        if set().is_err() {
            println!("not run: setting the clock needs CAP_SYS_TIME");
            return;
        }
        let mut steps = WallSteps::new();
        steps.clocks = clocks;
        steps.offset = offset(clocks());
        // The second 3 s make 6 s with the first.
        for (by, reported) in [
            (60_000, true),
            (-60_000, true),
            (3_000, false),
            (3_000, true),
        ] {
            pass(0, by);
            let early = tokio::time::timeout(Duration::from_millis(50), steps.step()).await;
            assert!(early.is_err(), "seen by polling");
            set().expect("allowed a moment ago");
            let woken = tokio::time::timeout(Duration::from_millis(500), steps.step()).await;
            assert_eq!(woken.is_ok(), reported, "{by}");
            assert!(steps.timer.is_some(), "the timer was given up");
        }
    }
}
