//! Signals as values, the wish to stop and the wish to stop now, and the drain between the two.
//!
//! Owns SIGTERM and SIGINT, that SIGXFSZ is no end, and when no request is left to answer. It ends nothing: the
//! compositions, `agent` and `injector`, do, and decide the exit code.

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
        // A write to a log file at its size limit raises it, and then fails like any other (setrlimit(2)). Once caught,
        // a signal stays so: the handler outlives what hears of it.
        drop(signal(SignalKind::from_raw(process::Signal::XFSZ.as_raw()))?);
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next of either, and names it.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// Over when nobody has asked for the idle time and nobody is being answered, or at the end of the grace.
pub async fn drained(requests: &Activity, grace: Duration, idle: Duration) {
    let began = clock::boot();
    let end = began.plus(grace);
    let mut alarm = clock::Alarm::new();
    loop {
        let quiet_since = requests.last_request().map_or(began, |last| last.max(began));
        let now = clock::boot();
        let over = quiet_since.plus(idle);
        if now >= end || (now >= over && requests.busy() == 0) {
            return;
        }
        // A request under way ends within seconds; look again soon.
        let next = if now >= over { now.plus(Duration::from_millis(10)) } else { over };
        alarm.set(Some(next.min(end)));
        alarm.wait().await;
    }
}
