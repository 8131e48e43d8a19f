//! Signals as values, the wish to stop and the wish to stop now, and the drain between the two.
//!
//! Owns SIGTERM and SIGINT, that SIGXFSZ is no end, and when no client is left to answer. It ends
//! nothing: the compositions, `agent` and `injector`, do, and decide the exit code.

use std::io;
use std::time::Duration;

use rustix::process;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock;
use crate::http::Activity;

/// SIGTERM and SIGINT, caught from the moment this exists.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to catch both signals; needs a runtime.
    ///
    /// # Errors
    /// When the system refuses a handler.
    pub fn catch() -> io::Result<Self> {
        // A write to a log file at its size limit raises it, and then fails like any other
        // (<https://man7.org/linux/man-pages/man2/getrlimit.2.html>). Once caught, a signal stays
        // so: the handler outlives what hears of it.
        drop(signal(SignalKind::from_raw(
            process::Signal::XFSZ.as_raw(),
        ))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next of either, and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Over when no request has come for the idle time and none is being answered, or at the end of the
/// grace.
pub async fn drained(requests: &Activity, grace: Duration, idle: Duration) {
    over(requests, grace, idle, || requests.busy() == 0).await;
}

/// The same, and over only when every client has closed its connections too: for clients that do
/// not repeat what they sent into a connection as it was closed.
pub async fn abandoned(requests: &Activity, grace: Duration, idle: Duration) {
    over(requests, grace, idle, || requests.open() == 0).await;
}

async fn over(requests: &Activity, grace: Duration, idle: Duration, is_done: impl Fn() -> bool) {
    let began = clock::boot();
    let end = began.plus(grace);
    let mut alarm = clock::Alarm::new();
    loop {
        let quiet_since = requests
            .last_request()
            .map_or(began, |last| last.max(began));
        let now = clock::boot();
        let is_quiet = now >= quiet_since.plus(idle);
        if now >= end || (is_quiet && is_done()) {
            return;
        }
        // A request under way ends within seconds; look again soon.
        let next = if is_quiet {
            now.plus(Duration::from_millis(10))
        } else {
            quiet_since.plus(idle)
        };
        alarm.set(Some(next.min(end)));
        alarm.wait().await;
    }
}
