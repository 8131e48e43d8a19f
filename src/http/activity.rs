//! What a shutdown waits for: open connections, requests being answered, when the last one came.
//!
//! Owns the counters, which connections move. `shutdown` and the surfaces read them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::LastRequest;
use crate::time::Boot;

/// Shared by everything that serves one set of listeners.
#[derive(Debug, Default)]
pub struct Activity {
    pub(super) open: AtomicUsize,
    pub(super) busy: AtomicUsize,
    last_request: LastRequest,
}

impl Activity {
    /// Connections that neither side has closed, idle ones too.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    /// Connections whose request is being answered, up to the last byte handed to the kernel.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Relaxed)
    }

    /// When the last request arrived, to the millisecond below; nothing before the first.
    #[must_use]
    pub fn last_request(&self) -> Option<Boot> {
        self.last_request.at()
    }

    /// Remembers a request that arrived at `now`.
    pub fn note(&self, now: Boot) {
        self.last_request.note(now);
    }
}
