//! `stsidecar_log_lines_dropped_total`: the lines that stderr did not take.
//!
//! Owns the one counter, which is there before the registry is: lines are written before it is
//! made. It never decides what is dropped. `lines` counts, the compositions register it.

use prometheus::{IntCounter, Registry};

/// How many lines were lost since the start.
#[derive(Clone, Debug)]
pub struct Dropped(IntCounter);

impl Dropped {
    /// Registers the counter.
    ///
    /// # Errors
    /// When the registry already has one of its name.
    pub fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.0.clone()))
    }

    /// In lines.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.get()
    }

    pub(super) fn add_one(&self) {
        self.0.inc();
    }
}

impl Default for Dropped {
    fn default() -> Self {
        let counter = IntCounter::new(
            "stsidecar_log_lines_dropped_total",
            "Lines of the log that were lost, because stderr was read too slowly or not at all.",
        );
        Self(counter.expect("the name is a valid one"))
    }
}
