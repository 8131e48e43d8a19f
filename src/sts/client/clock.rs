//! The time that requests are signed with: what STS last said, carried on by the boot clock.
//!
//! One opinion of time in the process: a wrong wall clock does not break a signed hop once STS has
//! answered, and a step of the wall clock changes nothing. Before the first answer it is the wall
//! clock. Called by the SDK's signer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;

use crate::time::{Boot, Now, Wall};

/// STS's clock, as far as we know it; clones share what they learn.
#[derive(Clone)]
pub(super) struct ServerClock {
    now: Arc<dyn Fn() -> Now + Send + Sync>,
    last: Arc<Mutex<Option<(Wall, Boot)>>>,
}

impl ServerClock {
    /// Knows nothing but our own clock yet.
    pub(super) fn new(now: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self {
            now: Arc::new(now),
            last: Arc::default(),
        }
    }

    /// Takes over what STS said just now, if it said anything.
    pub(super) fn learn(&self, date: Option<Wall>) {
        if let Some(date) = date {
            let received = (self.now)().boot;
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((date, received));
        }
    }

    /// The time at STS, once it has said it.
    pub(super) fn known(&self) -> Option<Wall> {
        let known = self
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        known.then(|| self.estimate())
    }

    /// The time at STS.
    fn estimate(&self) -> Wall {
        let now = (self.now)();
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map_or(now.wall, |(date, received)| {
            date.plus(now.boot.since(received))
        })
    }
}

impl TimeSource for ServerClock {
    fn now(&self) -> SystemTime {
        let since_epoch = u64::try_from(self.estimate().unix_milliseconds()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_millis(since_epoch)
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerClock")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

    use super::*;

    #[test]
    fn after_the_first_answer_steps_of_the_wall_clock_do_not_matter() {
        let (boot, wall) = (Arc::new(AtomicU64::new(10)), Arc::new(AtomicI64::new(500)));
        let (read_boot, read_wall) = (Arc::clone(&boot), Arc::clone(&wall));
        let clock = ServerClock::new(move || Now {
            boot: Boot::from_duration(Duration::from_secs(read_boot.load(Ordering::SeqCst))),
            wall: Wall::from_unix_seconds(read_wall.load(Ordering::SeqCst)),
            jitter: 0.0,
        });
        let seconds = || {
            clock
                .now()
                .duration_since(UNIX_EPOCH)
                .expect("not before the epoch")
                .as_secs()
        };
        assert_eq!(seconds(), 500, "our own clock until STS has spoken");
        clock.learn(None);
        assert_eq!(seconds(), 500);
        clock.learn(Some(Wall::from_unix_seconds(2000)));
        boot.store(25, Ordering::SeqCst);
        for step in [0, i64::MIN / 1000, 9_000_000] {
            wall.store(step, Ordering::SeqCst);
            assert_eq!(seconds(), 2015);
        }
        clock.learn(Some(Wall::from_unix_seconds(-5)));
        assert_eq!(seconds(), 0, "a Date before the epoch is no panic");
    }
}
