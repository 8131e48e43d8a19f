//! Timers on the boot clock that wake their thread once: an alarm at an instant, and a tick.
//!
//! Owns the timerfd. A kernel or sandbox that has none (some gVisor versions) gets tokio's sleep in
//! slices of at most [`SLICE`], so that a suspend delays nothing by more than that; nothing here
//! ends the process.

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
    /// What [`Alarm::new`] falls back to, and what a test under tokio's paused clock gives to a
    /// driver.
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

    /// Waits for the deadline, at once when it has passed, for ever when there is none; then it is
    /// unset.
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

/// Fires each period of the boot clock; periods missed in suspend are one tick, right after the
/// resume.
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

/// Waits until `timer` has fired since it was armed, and takes that away; an error is the timer's
/// own.
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
mod tests;
