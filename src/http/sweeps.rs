//! Time as connections count it: in sweeps of their server, which look for what takes too long.
//!
//! Owns the limits in that unit. A request reads no clock for them, and a process that was stopped
//! for a minute does not close what arrived meanwhile. `open.rs` sweeps, `connection.rs` asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::{Activity, Limits};

/// The time of one server, in sweeps, and its limits in the same unit.
pub(super) struct Sweeps {
    pub(super) every: Duration,
    now: AtomicU32,
    /// Phases entered so far: which of two that began within one sweep is the older one.
    entered: AtomicU32,
    pub(super) head: u32,
    pub(super) body: u32,
    pub(super) answering: u32,
    pub(super) idle: u32,
    pub(super) activity: Arc<Activity>,
}

impl Sweeps {
    /// Four sweeps in the shortest limit: what exceeds it ends after at most 1.25 times that.
    pub(super) fn new(limits: &Limits, activity: Arc<Activity>) -> Self {
        let shortest = limits.head.min(limits.answering).min(limits.idle);
        let every = (shortest / 4).max(Duration::from_millis(1));
        let [head, answering, idle] =
            [limits.head, limits.answering, limits.idle].map(|limit| sweeps(limit, every));
        let (now, entered, body) = (AtomicU32::new(0), AtomicU32::new(0), head.min(answering));
        Self {
            every,
            now,
            entered,
            head,
            body,
            answering,
            idle,
            activity,
        }
    }

    /// How many there were.
    pub(super) fn now(&self) -> u64 {
        self.now.load(Relaxed).into()
    }

    /// Counts one more.
    pub(super) fn advance(&self) {
        self.now
            .store(self.now.load(Relaxed).saturating_add(1), Relaxed);
    }

    /// `limit` from now: the sweep in the upper half, and in the lower one a number that orders
    /// equals. All of it happens on one thread, so loads and stores are enough; if it ever wrapped,
    /// two connections would go in the wrong order.
    pub(super) fn after(&self, limit: u32) -> u64 {
        let entered = self.entered.load(Relaxed).wrapping_add(1);
        self.entered.store(entered, Relaxed);
        u64::from(self.now.load(Relaxed).saturating_add(limit)) << 32 | u64::from(entered)
    }
}

/// Rounded up, so that no limit is shorter than asked for.
pub(super) fn sweeps(limit: Duration, every: Duration) -> u32 {
    u32::try_from(limit.as_nanos().div_ceil(every.as_nanos())).unwrap_or(u32::MAX)
}
