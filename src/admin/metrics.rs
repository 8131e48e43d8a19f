//! The scrape: the whole registry as text, with readiness taken at that moment.
//!
//! Owns `stsidecar_ready` and the text format. It never counts anything else: each stage registers its own
//! series on the same registry. `admin` calls it for `/metrics`.

use prometheus::{Encoder, IntGauge, Registry, TextEncoder};

/// Exactly this: Prometheus 3 fails a scrape whose type is blank or malformed.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The registry as `/metrics` shows it.
pub struct Metrics {
    registry: Registry,
    ready: IntGauge,
}

impl Metrics {
    /// Registers `stsidecar_ready` and keeps `registry` to render it.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let ready =
            IntGauge::new("stsidecar_ready", "1 when every profile holds credentials and the agent is not draining.")?;
        registry.register(Box::new(ready.clone()))?;
        Ok(Self { registry: registry.clone(), ready })
    }

    /// On a registry of its own, for tests of the surface.
    #[cfg(test)]
    pub(super) fn alone() -> Self {
        Self::register(&Registry::new()).expect("a fresh registry")
    }

    pub(super) fn render(&self, ready: bool) -> Vec<u8> {
        self.ready.set(i64::from(ready));
        text(&self.registry)
    }
}

/// Every series of a registry, in Prometheus' text format.
pub(crate) fn text(registry: &Registry) -> Vec<u8> {
    let mut text = Vec::with_capacity(8 * 1024);
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
        // Only a family without metrics does that; the rest of the text stands.
        tracing::warn!(%error, "the metrics are incomplete");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_is_that_of_the_scrape() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        for (ready, line) in [(true, "stsidecar_ready 1\n"), (false, "stsidecar_ready 0\n")] {
            let text = String::from_utf8(metrics.render(ready)).expect("text");
            assert!(text.ends_with(line), "{text}");
        }
    }
}
