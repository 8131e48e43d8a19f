//! What is known of the webhook's certificates: when they end, and what came of renewing them.
//!
//! Owns the three families on the registry that is passed in, every series present from the start.
//! It never reads a certificate. `certificates` counts, the injector's admin surface renders.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, Opts, Registry};

use crate::time::Wall;

/// The series, resolved once.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// When it ends, and when its renewal is due.
    authority: [Gauge; 2],
    leaf: [Gauge; 2],
    succeeded: IntCounter,
    failed: IntCounter,
}

impl Metrics {
    /// Registers the families.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let expiration = GaugeVec::new(
            Opts::new(
                "stsidecar_injector_certificate_expiration_timestamp_seconds",
                "When the served certificate (leaf), and the CA in caBundle that it is trusted by \
                 (ca), expire; 0 before the first",
            ),
            &["kind"],
        )?;
        let due = GaugeVec::new(
            Opts::new(
                "stsidecar_injector_certificate_renewal_timestamp_seconds",
                "When the renewal of that certificate is due at the latest; 0 before the first",
            ),
            &["kind"],
        )?;
        let renewals = IntCounterVec::new(
            Opts::new(
                "stsidecar_injector_certificate_renewals_total",
                "Certificates that this replica made, or took from renewed files, and failed \
                 attempts at it",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(expiration.clone()))?;
        registry.register(Box::new(due.clone()))?;
        registry.register(Box::new(renewals.clone()))?;
        Ok(Self {
            authority: [&expiration, &due].map(|family| family.with_label_values(&["ca"])),
            leaf: [&expiration, &due].map(|family| family.with_label_values(&["leaf"])),
            succeeded: renewals.with_label_values(&["success"]),
            failed: renewals.with_label_values(&["error"]),
        })
    }

    pub(super) fn leaf(&self, expires: Wall, due: Wall) {
        set(&self.leaf, [expires, due]);
    }

    pub(super) fn authority(&self, expires: Wall, due: Wall) {
        set(&self.authority, [expires, due]);
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

#[allow(
    clippy::cast_precision_loss,
    reason = "seconds since 1970 stay far below 2^53"
)]
fn set(gauges: &[Gauge; 2], instants: [Wall; 2]) {
    for (gauge, at) in gauges.iter().zip(instants) {
        gauge.set(at.unix_seconds() as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_the_names_are_taken_once() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        let series = || {
            registry
                .gather()
                .iter()
                .map(|family| family.get_metric().len())
                .collect::<Vec<_>>()
        };
        assert_eq!(series(), [2, 2, 2]);
        metrics.leaf(Wall::from_unix_seconds(7), Wall::from_unix_seconds(5));
        metrics.failed();
        assert_eq!((series(), metrics.renewals()), (vec![2, 2, 2], (0, 1)));
        assert!(Metrics::register(&registry).is_err());
    }
}
