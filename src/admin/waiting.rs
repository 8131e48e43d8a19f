//! How long a `/status?wait` waits: until the agent has started or ends, or until it is time for a
//! reason.
//!
//! Owns the places of those who wait, and when the first reason comes. The startup probe waits
//! here: each answer without a start becomes an event of the pod, of which the kubelet allows 25 at
//! once (<https://github.com/kubernetes/client-go/blob/master/tools/record/events_cache.go>).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::Admin;

/// The longest `?wait` of `/status`; a longer one is cut to it.
pub const LONGEST_WAIT: Duration = Duration::from_secs(25);
/// How many may wait at a time; others are answered at once.
pub(super) const WAITERS: usize = 8;
/// After its start the agent gives the first reason that it has: an attempt takes 3 s, and the
/// person who deployed still looks.
const FIRST_REASON: Duration = Duration::from_secs(5);

/// The places, and whether a reason was given yet.
pub(super) struct Waiting {
    places: Arc<Semaphore>,
    began: Instant,
    is_given: Arc<AtomicBool>,
}

/// One place.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    first: Instant,
    is_given: Arc<AtomicBool>,
}

impl Waiting {
    pub(super) fn begin() -> Self {
        let places = Arc::new(Semaphore::new(WAITERS));
        Self {
            places,
            began: Instant::now(),
            is_given: Arc::default(),
        }
    }

    /// A place, if one is free.
    pub(super) fn turn(&self) -> Option<Turn> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Turn {
            _place: place,
            first: self.began + FIRST_REASON,
            is_given: Arc::clone(&self.is_given),
        })
    }
}

impl Turn {
    /// Waits; whatever ended it, the document then says how things are.
    pub(super) async fn over(self, admin: &Admin, longest: Duration) {
        let waited = async {
            tokio::select! {
                () = is_set(&admin.started) => {}
                () = is_set(&admin.draining) => {}
                () = self.first_reason(admin), if !self.is_given.load(Relaxed) => self.is_given.store(true, Relaxed),
            }
        };
        // Timed out: that is an end as good as any.
        let _ = timeout(longest, waited).await;
    }

    async fn first_reason(&self, admin: &Admin) {
        sleep_until(self.first).await;
        if !*admin.listening.borrow() {
            return;
        }
        let mut failures = JoinSet::new();
        for mut report in admin.profiles.iter().map(|profile| profile.report.clone()) {
            failures.spawn(async move {
                drop(report.wait_for(|report| report.last_error.is_some()).await);
            });
        }
        failures.join_next().await;
    }
}

/// Waits until it is true, or will never be.
async fn is_set(flag: &watch::Receiver<bool>) {
    drop(flag.clone().wait_for(|is_set| *is_set).await);
}
