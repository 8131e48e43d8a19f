//! The beat of the sweep: a kernel timer that runs only while there are connections.
//!
//! Owns one timerfd. A tokio timer would do, but while one is pending every park of the runtime
//! reads a clock and searches the timer wheel, which is 350 instructions for each request. It never
//! says what time it is; `http.rs` starts, stops and awaits it.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

pub(super) struct Ticks {
    timer: AsyncFd<OwnedFd>,
    every: Duration,
    running: bool,
}

impl Ticks {
    /// A beat of `every` that does not run yet; monotonic, because a suspend is no reason to close
    /// anything.
    #[allow(
        deprecated,
        reason = "its successor is `unsafe` for types that may swap descriptors; an `OwnedFd` cannot"
    )]
    pub(super) fn new(every: Duration) -> std::io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        Ok(Self {
            timer: AsyncFd::with_interest(timer, Interest::READABLE)?,
            every,
            running: false,
        })
    }

    /// Makes it run, a whole beat from now, or stop.
    pub(super) fn set_running(&mut self, running: bool) -> std::io::Result<()> {
        if self.running != running {
            let every = Timespec::try_from(if running { self.every } else { Duration::ZERO });
            let every = every.expect("a beat is a quarter of a limit, far below the end of time");
            let beat = Itimerspec {
                it_interval: every,
                it_value: every,
            };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &beat)?;
            self.running = running;
        }
        Ok(())
    }

    /// Waits for the next beat. Beats that were missed are one: a process that was stopped for a
    /// minute did not watch its connections for a minute.
    pub(super) async fn tick(&self) -> std::io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            match rustix::io::read(&self.timer, &mut [0; 8]) {
                Ok(_) => return Ok(()),
                Err(Errno::AGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_beats_while_it_runs_and_not_otherwise() {
        let bound = Duration::from_secs(10);
        let mut ticks = Ticks::new(Duration::from_millis(5)).expect("a timer");
        assert!(
            tokio::time::timeout(Duration::from_millis(30), ticks.tick())
                .await
                .is_err(),
            "before"
        );
        for _ in 0..2 {
            ticks.set_running(true).expect("a timer");
            for _ in 0..3 {
                tokio::time::timeout(bound, ticks.tick())
                    .await
                    .expect("in time")
                    .expect("a timer");
            }
            ticks.set_running(false).expect("a timer");
            assert!(
                tokio::time::timeout(Duration::from_millis(30), ticks.tick())
                    .await
                    .is_err(),
                "after"
            );
        }
    }
}
