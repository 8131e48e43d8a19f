//! What is known of the registration: whether it is there, and what became of the
//! configurations that it carried.
//!
//! Owns the two families on the registry that is passed in, every series present from the start. It
//! judges nothing. `registration` counts, the injector's health surface renders.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The series, resolved once.
#[derive(Clone, Debug)]
pub struct Metrics {
    registered: IntGauge,
    taken: IntCounter,
    refused: IntCounter,
}

impl Metrics {
    /// Registers both families.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let registered = IntGauge::new(
            "stsidecar_injector_webhook_registered",
            "Whether the MutatingWebhookConfiguration is there with webhooks that call this \
             injector's Service; 0 before the first look",
        )?;
        let reloads = IntCounterVec::new(
            Opts::new(
                "stsidecar_injector_configuration_reloads_total",
                "Configurations of the MutatingWebhookConfiguration's annotation that were put \
                 into effect, and those that could not be read",
            ),
            &["outcome"],
        )?;
        registry.register(Box::new(registered.clone()))?;
        registry.register(Box::new(reloads.clone()))?;
        let [taken, refused] =
            ["success", "error"].map(|outcome| reloads.with_label_values(&[outcome]));
        Ok(Self {
            registered,
            taken,
            refused,
        })
    }

    pub(super) fn registered(&self, is_there: bool) {
        self.registered.set(is_there.into());
    }

    pub(super) fn taken(&self) {
        self.taken.inc();
    }

    pub(super) fn refused(&self) {
        self.refused.inc();
    }
}
