//! What is known of the webhook's certificates: when they end, and what came of renewing them.
//!
//! Owns the two families on the registry that is passed in, every series present from the start. It never reads
//! a certificate. `certificates` counts, the injector's admin surface renders.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::time::Wall;

/// The series, resolved once.
#[derive(Clone, Debug)]
pub struct Metrics {
    authority: Gauge,
    leaf: Gauge,
    succeeded: IntCounter,
    failed: IntCounter,
}

impl Metrics {
    /// Registers both families.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let expiration = GaugeVec::new(
            Opts::new(
                "stsidecar_injector_certificate_expiration_timestamp_seconds",
                "When the served certificate (leaf), and the CA in caBundle that it is trusted by (ca), expire; 0 before the first",
            ),
            &["kind"],
        )?;
        let renewals = IntCounterVec::new(
            Opts::new(
                "stsidecar_injector_certificate_renewals_total",
                "Certificates that this replica made, or took from renewed files, and failed attempts at it",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(expiration.clone()))?;
        registry.register(Box::new(renewals.clone()))?;
        Ok(Self {
            authority: expiration.with_label_values(&["ca"]),
            leaf: expiration.with_label_values(&["leaf"]),
            succeeded: renewals.with_label_values(&["success"]),
            failed: renewals.with_label_values(&["error"]),
        })
    }

    pub(super) fn leaf_expires(&self, at: Wall) {
        set(&self.leaf, at);
    }

    pub(super) fn authority_expires(&self, at: Wall) {
        set(&self.authority, at);
    }

    pub(super) fn renewed(&self) {
        self.succeeded.inc();
    }

    pub(super) fn failed(&self) {
        self.failed.inc();
    }

    /// How many renewals succeeded and failed so far.
    #[must_use]
    pub fn renewals(&self) -> (u64, u64) {
        (self.succeeded.get(), self.failed.get())
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds since 1970 stay far below 2^53")]
fn set(gauge: &Gauge, at: Wall) {
    gauge.set(at.unix_seconds() as f64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_the_names_are_taken_once() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        let series = || registry.gather().iter().map(|family| family.get_metric().len()).collect::<Vec<_>>();
        assert_eq!(series(), [2, 2]);
        metrics.leaf_expires(Wall::from_unix_seconds(7));
        metrics.failed();
        assert_eq!((series(), metrics.renewals()), (vec![2, 2], (0, 1)));
        assert!(Metrics::register(&registry).is_err());
    }
}
