//! `stsidecar_token_reloads_total` and `stsidecar_ca_bundle_reloads_total`: what came of reading a
//! profile's source file, and the CA bundle, again.
//!
//! A reload counts when it found something new: another content, an error that came or changed, or
//! an error that went. Reads that found everything as before (each tick, each STS call) do not
//! count, so a flat line is a file that is not rotated, and the rate of `error` is not a rate of
//! ticks.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The counters of all profiles.
#[derive(Clone, Debug)]
pub struct Metrics(IntCounterVec);

/// The counters of one file.
#[derive(Clone, Debug)]
pub struct Reloads {
    success: IntCounter,
    error: IntCounter,
}

impl Metrics {
    /// Registers the metric.
    ///
    /// # Errors
    /// When the registry already has one of its name.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "stsidecar_token_reloads_total",
            "Reads of the profile's source file that found another content (success) or another error (error).",
        );
        let reloads = IntCounterVec::new(options, &["profile", "outcome"])?;
        registry.register(Box::new(reloads.clone()))?;
        Ok(Self(reloads))
    }

    /// The counters of `profile`, both there at 0 from now on.
    #[must_use]
    pub fn profile(&self, profile: &str) -> Reloads {
        Reloads {
            success: self.0.with_label_values(&[profile, "success"]),
            error: self.0.with_label_values(&[profile, "error"]),
        }
    }
}

impl Reloads {
    /// Registers the counters of the CA bundle, there at 0 from now on, with a bundle or without.
    ///
    /// # Errors
    /// When the registry already has a metric of their name.
    pub fn of_ca_bundle(registry: &Registry) -> Result<Self, prometheus::Error> {
        let options = Opts::new(
            "stsidecar_ca_bundle_reloads_total",
            "Reads of AWS_CA_BUNDLE that found another content (success) or another error (error).",
        );
        let reloads = IntCounterVec::new(options, &["outcome"])?;
        registry.register(Box::new(reloads.clone()))?;
        Ok(Self {
            success: reloads.with_label_values(&["success"]),
            error: reloads.with_label_values(&["error"]),
        })
    }

    pub(super) fn succeeded(&self) {
        self.success.inc();
    }

    pub(super) fn failed(&self) {
        self.error.inc();
    }

    /// How many succeeded and failed so far.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.success.get(), self.error.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outcomes_are_there_at_zero_and_the_name_is_taken_once() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        assert_eq!(metrics.profile("default").counts(), (0, 0));
        let families = registry.gather();
        let [family] = &families[..] else {
            panic!("one family, not {families:?}")
        };
        assert_eq!(
            (family.name(), family.get_metric().len()),
            ("stsidecar_token_reloads_total", 2)
        );
        assert!(Metrics::register(&registry).is_err());
    }
}
