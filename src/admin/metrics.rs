//! The scrape: the whole registry as text, with readiness and the clients' last requests taken at
//! that moment.
//!
//! Owns `stsidecar_ready`, `stsidecar_client_last_request_timestamp_seconds` and the text format.
//! It never counts anything else: each stage registers its own series on the same registry. `admin`
//! calls it for `/metrics`.

use prometheus::{Encoder, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::Client;
use crate::time::{Now, Wall};

/// Exactly this: Prometheus 3 fails a scrape whose type is blank or malformed
/// (<https://prometheus.io/docs/prometheus/latest/migration/#scrape-protocols>).
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The registry as `/metrics` shows it.
pub struct Metrics {
    registry: Registry,
    ready: IntGauge,
    last_requests: IntGaugeVec,
}

impl Metrics {
    /// Registers both families and keeps `registry` to render it. `clients` are the names of those
    /// that will be rendered: their series are there from the start, and no request adds one.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn register<'a>(
        registry: &Registry,
        clients: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, prometheus::Error> {
        let ready = IntGauge::new(
            "stsidecar_ready",
            "1 when every profile holds credentials and the agent is not draining.",
        )?;
        registry.register(Box::new(ready.clone()))?;
        let last_requests = IntGaugeVec::new(
            Opts::new(
                "stsidecar_client_last_request_timestamp_seconds",
                "When a client last asked with its own token since the agent's start, whatever it was answered; 0 before.",
            ),
            &["client"],
        )?;
        registry.register(Box::new(last_requests.clone()))?;
        clients
            .into_iter()
            .for_each(|name| last_requests.with_label_values(&[name]).set(0));
        Ok(Self {
            registry: registry.clone(),
            ready,
            last_requests,
        })
    }

    /// On a registry of its own, for tests of the surface.
    #[cfg(test)]
    pub(super) fn alone() -> Self {
        Self::register(&Registry::new(), []).expect("a fresh registry")
    }

    pub(super) fn render(&self, ready: bool, clients: &[Client], now: Now) -> Vec<u8> {
        self.ready.set(i64::from(ready));
        for client in clients {
            let last = client.last_request(now).map_or(0, Wall::unix_seconds);
            self.last_requests
                .with_label_values(&[&client.name])
                .set(last);
        }
        text(&self.registry)
    }
}

/// Every series of a registry, in Prometheus' text format.
pub(crate) fn text(registry: &Registry) -> Vec<u8> {
    let mut text = Vec::with_capacity(8 * 1024);
    if let Err(error) = TextEncoder::new().encode(&registry.gather(), &mut text) {
        // Only a family without metrics does that; the rest of the text is complete.
        tracing::warn!(%error, "the metrics are incomplete");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::time::Boot;

    #[test]
    fn readiness_is_that_of_the_scrape() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry, []).expect("a fresh registry");
        for (ready, line) in [
            (true, "stsidecar_ready 1\n"),
            (false, "stsidecar_ready 0\n"),
        ] {
            let text = String::from_utf8(metrics.render(ready, &[], NOW)).expect("text");
            assert!(text.ends_with(line), "{text}");
        }
    }

    const NOW: Now = Now {
        boot: Boot::from_duration(Duration::from_secs(1_000)),
        wall: Wall::from_unix_seconds(1_800_000_000),
        jitter: 0.0,
    };

    #[test]
    fn a_client_has_one_series_by_its_configured_name_and_the_wall_clock_of_the_scrape() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry, ["app", "worker"]).expect("a fresh registry");
        let client = |name: &str| Client {
            name: name.into(),
            profile: "default".into(),
            last_request: Arc::default(),
        };
        let clients = [client("app"), client("worker")];
        clients[0]
            .last_request
            .note(NOW.boot.minus(Duration::from_mins(3)));
        let text = |now| String::from_utf8(metrics.render(true, &clients, now)).expect("text");
        let family = "stsidecar_client_last_request_timestamp_seconds";
        let first = text(NOW);
        assert!(
            first.contains(&format!("\n{family}{{client=\"app\"}} 1799999820\n")),
            "{first}"
        );
        assert!(
            first.contains(&format!("\n{family}{{client=\"worker\"}} 0\n")),
            "{first}"
        );
        // The wall clock was set: a moment of the past moves with it, and stays as long ago.
        let stepped = text(Now {
            wall: Wall::from_unix_seconds(1_900_000_000),
            ..NOW
        });
        assert!(
            stepped.contains(&format!("\n{family}{{client=\"app\"}} 1899999820\n")),
            "{stepped}"
        );
        assert_eq!(stepped.matches(&format!("{family}{{")).count(), 2);
    }
}
