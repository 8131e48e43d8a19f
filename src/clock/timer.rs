//! Timers on the boot clock that wake their thread once: an alarm at an instant, and a tick.
//!
//! Owns the timerfd. A kernel or sandbox that has none (some gVisor versions) gets tokio's sleep in slices
//! of at most [`SLICE`], so that a suspend delays nothing by more than that; nothing here ends the process.

use std::io;
use std::sync::Once;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::warn;

use crate::time::Boot;

/// The longest single sleep where timerfd is missing.
pub(super) const SLICE: Duration = Duration::from_secs(30);

/// Wakes its task once, at an instant of the boot clock.
#[derive(Debug)]
pub struct Alarm {
    timer: Option<AsyncFd<OwnedFd>>,
    deadline: Option<Boot>,
    boot: fn() -> Boot,
}

impl Alarm {
    /// An alarm that is not set.
    ///
    /// # Panics
    /// Outside a tokio runtime with its I/O driver on.
    #[must_use]
    pub fn new() -> Self {
        Self {
            timer: open(TimerfdClockId::Boottime),
            deadline: None,
            boot: super::boot,
        }
    }

    /// An alarm that sleeps on tokio's clock in slices of 30 s and reads the time from `boot`.
    ///
    /// What [`Alarm::new`] falls back to, and what a test under tokio's paused clock gives to a driver.
    #[must_use]
    pub fn sliced(boot: fn() -> Boot) -> Self {
        Self {
            timer: None,
            deadline: None,
            boot,
        }
    }

    /// Sets the one deadline, in place of the one before; `None` = never.
    pub fn set(&mut self, deadline: Option<Boot>) {
        if deadline == self.deadline {
            return;
        }
        self.deadline = deadline;
        if let Some(timer) = &self.timer
            && arm(
                timer,
                TimerfdTimerFlags::ABSTIME,
                deadline.map(Boot::as_duration),
            )
            .is_err()
        {
            self.timer = None;
        }
    }

    /// The deadline that is set and has not fired.
    #[must_use]
    pub fn deadline(&self) -> Option<Boot> {
        self.deadline
    }

    /// Waits for the deadline, at once when it has passed, for ever when there is none; then it is unset.
    ///
    /// Cancel safe: dropping the future keeps the deadline.
    pub async fn wait(&mut self) {
        let Some(deadline) = self.deadline else {
            return std::future::pending().await;
        };
        if let Some(timer) = &self.timer {
            if expired(timer).await.is_ok() {
                self.deadline = None;
                return;
            }
            self.timer = None;
        }
        loop {
            let left = deadline.since((self.boot)());
            if left.is_zero() {
                self.deadline = None;
                return;
            }
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

/// Fires each period of the boot clock; periods missed in suspend are one tick, right after the resume.
#[derive(Debug)]
pub struct Ticker {
    alarm: Alarm,
    period: Duration,
}

impl Ticker {
    /// A ticker whose first tick is one `period` from now.
    ///
    /// # Panics
    /// As [`Alarm::new`].
    #[must_use]
    pub fn new(period: Duration) -> Self {
        Self::on(Alarm::new(), period)
    }

    /// A ticker driven by `alarm`.
    #[must_use]
    pub fn on(mut alarm: Alarm, period: Duration) -> Self {
        alarm.set(Some((alarm.boot)().plus(period)));
        Self { alarm, period }
    }

    /// Waits for the next tick. Cancel safe.
    pub async fn tick(&mut self) {
        self.alarm.wait().await;
        self.alarm.set(Some((self.alarm.boot)().plus(self.period)));
    }
}

/// A timer on `clock`, or nothing after one warning per process.
#[allow(
    deprecated,
    reason = "the new name is unsafe for what may close its descriptor; an OwnedFd cannot"
)]
pub(super) fn open(clock: TimerfdClockId) -> Option<AsyncFd<OwnedFd>> {
    static WARNED: Once = Once::new();
    let opened = timerfd_create(clock, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)
        .map_err(io::Error::from)
        .and_then(|timer| AsyncFd::with_interest(timer, Interest::READABLE));
    match opened {
        Ok(timer) => Some(timer),
        Err(error) => {
            WARNED.call_once(
                || warn!(%error, "no kernel timer here: sleeping in slices of 30 s instead"),
            );
            None
        }
    }
}

/// Arms `timer` for the reading `at` of its clock, or disarms it.
pub(super) fn arm(
    timer: &AsyncFd<OwnedFd>,
    flags: TimerfdTimerFlags,
    at: Option<Duration>,
) -> io::Result<()> {
    let at = match at {
        None => Duration::ZERO,
        // Zero would disarm; the moment of boot has passed anyway.
        Some(at) => at.max(Duration::from_nanos(1)),
    };
    let it_value = Timespec {
        tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: at.subsec_nanos().into(),
    };
    let it_interval = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    timerfd_settime(
        timer,
        flags,
        &Itimerspec {
            it_interval,
            it_value,
        },
    )?;
    Ok(())
}

/// Waits until `timer` has fired since it was armed, and takes that away; an error is the timer's own.
pub(super) async fn expired(timer: &AsyncFd<OwnedFd>) -> io::Result<()> {
    loop {
        let mut ready = timer.readable().await?;
        // Would block: the readiness was of an earlier deadline, which a later `set` has replaced.
        if let Ok(read) = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0_u8; 8])?)) {
            return read.map(drop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::boot;
    use tokio::time::timeout;

    const BOUND: Duration = Duration::from_mins(1);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
    }

    fn voluntary_switches() -> u64 {
        let status =
            std::fs::read_to_string("/proc/thread-self/status").expect("this thread's status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse().ok())
            .expect("a count")
    }

    #[tokio::test]
    async fn an_alarm_in_the_past_fires_at_once_and_only_once() {
        let mut alarm = Alarm::new();
        for past in [
            Boot::default(),
            boot().minus(Duration::from_secs(5)),
            boot(),
        ] {
            alarm.set(Some(past));
            timeout(BOUND, alarm.wait()).await.expect("fires");
            assert_eq!(alarm.deadline(), None);
            assert!(
                timeout(Duration::from_millis(20), alarm.wait())
                    .await
                    .is_err(),
                "fired twice"
            );
        }
    }

    #[tokio::test]
    async fn of_several_deadlines_the_last_one_set_counts() {
        let mut alarm = Alarm::new();
        alarm.set(Some(boot().plus(Duration::from_mins(10))));
        tokio::select! {
            biased;
            () = alarm.wait() => panic!("fired ten minutes early"),
            () = std::future::ready(()) => {}
        }
        for (first, second) in [(600_000, 20), (1, 40)] {
            alarm.set(Some(boot().plus(Duration::from_millis(first))));
            // The runtime hears that the short one fired; its readiness must not pass for the next one's.
            tokio::time::sleep(Duration::from_millis(10)).await;
            let deadline = boot().plus(Duration::from_millis(second));
            alarm.set(Some(deadline));
            timeout(BOUND, alarm.wait()).await.expect("fires");
            assert!(boot() >= deadline, "{second} ms deadline fired early");
        }
    }

    #[tokio::test]
    async fn an_alarm_that_was_unset_or_set_to_the_end_of_time_does_not_fire() {
        let mut alarm = Alarm::new();
        for never in [None, Some(Boot::from_duration(Duration::MAX))] {
            alarm.set(Some(boot().plus(Duration::from_millis(5))));
            alarm.set(never);
            assert!(
                timeout(Duration::from_millis(40), alarm.wait())
                    .await
                    .is_err(),
                "{never:?}"
            );
        }
    }

    #[test]
    fn an_alarm_wakes_its_thread_once() {
        runtime().block_on(async {
            let mut alarm = Alarm::new();
            let before = voluntary_switches();
            for _ in 0..4 {
                alarm.set(Some(boot().plus(Duration::from_millis(200))));
                alarm.wait().await;
            }
            // Tokio's own sleep of 200 ms wakes twice or more. The rest is spare for a page or a lock.
            let switches = voluntary_switches() - before;
            assert!(
                (4..8).contains(&switches),
                "{switches} switches for 4 alarms"
            );
        });
    }

    #[tokio::test]
    async fn a_ticker_keeps_ticking() {
        let start = boot();
        let mut ticker = Ticker::new(Duration::from_millis(10));
        for count in 1..=5_u32 {
            timeout(BOUND, ticker.tick()).await.expect("ticks");
            assert!(boot().since(start) >= Duration::from_millis(10) * count);
        }
    }

    thread_local! {
        static START: tokio::time::Instant = tokio::time::Instant::now();
    }

    fn virtual_boot() -> Boot {
        Boot::from_duration(START.with(tokio::time::Instant::elapsed))
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_kernel_timer_an_alarm_sleeps_in_slices_and_is_exact() {
        let mut alarm = Alarm::sliced(virtual_boot);
        let deadline = virtual_boot().plus(Duration::from_secs(100));
        alarm.set(Some(deadline));
        assert!(
            timeout(Duration::from_secs(45), alarm.wait())
                .await
                .is_err()
        );
        assert_eq!(
            alarm.deadline(),
            Some(deadline),
            "a cancelled wait keeps the deadline"
        );
        alarm.wait().await;
        assert!(
            virtual_boot().since(deadline) <= Duration::from_millis(2)
                && virtual_boot() >= deadline
        );
        assert!(
            timeout(Duration::from_hours(1), alarm.wait())
                .await
                .is_err(),
            "fired twice"
        );
    }
}
