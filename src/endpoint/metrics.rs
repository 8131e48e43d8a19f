//! What the endpoint counts: answers by status, refusals by reason.
//!
//! Owns the endpoint's two series families on the registry that is passed in, every series present
//! at zero. It never has a label that a request could choose. `endpoint` counts, `admin` renders.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

use super::guard::Refusal;

/// The endpoint's counters, resolved once, so that counting is one addition.
pub struct Metrics {
    /// In the order of [`CODES`].
    requests: [IntCounter; CODES.len()],
    /// In the order of [`REASONS`].
    rejected: [IntCounter; REASONS.len()],
}

const CODES: [u16; 7] = [200, 400, 403, 404, 405, 431, 503];
const REASONS: [&str; 6] = ["token", "host", "forwarded", "method", "path", "body"];

impl Metrics {
    /// Registers both families.
    ///
    /// `http_requests_total` counts answers when they are handed to hyper. hyper itself answers 400
    /// and 431 to what is not a request; those are counted when the connection ends, together with
    /// the few that it closes without an answer (an HTTP/2 preface, a request line cut off), which
    /// are counted as 400 too.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "stsidecar_http_requests_total",
                "Answers of the credentials endpoint by HTTP status.",
            ),
            &["code"],
        )?;
        let rejected = IntCounterVec::new(
            Opts::new(
                "stsidecar_requests_rejected_total",
                "Requests that the credentials endpoint refused, by reason.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(rejected.clone()))?;
        Ok(Self {
            requests: CODES.map(|code| requests.with_label_values(&[code.to_string()])),
            rejected: REASONS.map(|reason| rejected.with_label_values(&[reason])),
        })
    }

    /// Counts an answer with one of the statuses that the endpoint sends.
    pub(super) fn answered(&self, status: u16) {
        if let Some(position) = CODES.iter().position(|code| *code == status) {
            self.requests[position].inc();
        }
    }

    /// Counts a refusal and its reason.
    pub(super) fn refused(&self, refusal: Refusal) {
        self.answered(refusal.status());
        if let Some(position) = REASONS.iter().position(|known| *known == refusal.reason()) {
            self.rejected[position].inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(registry: &Registry, family: &str, label: &str) -> Option<f64> {
        let families = registry.gather();
        let family = families.iter().find(|found| found.name() == family)?;
        let metric = family
            .get_metric()
            .iter()
            .find(|metric| metric.get_label()[0].value() == label)?;
        Some(metric.get_counter().get_value())
    }

    #[test]
    fn every_series_is_there_at_zero_and_requests_add_none() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        let series = || {
            registry
                .gather()
                .iter()
                .map(|family| family.get_metric().len())
                .sum::<usize>()
        };
        assert_eq!(series(), 13);
        for code in CODES {
            assert_eq!(
                value(
                    &registry,
                    "stsidecar_http_requests_total",
                    &code.to_string()
                ),
                Some(0.0)
            );
        }
        for status in 0..1000 {
            metrics.answered(status);
        }
        assert_eq!(series(), 13);
    }

    #[test]
    fn every_refusal_counts_once_under_its_status_and_its_reason() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        for refusal in Refusal::ALL {
            assert!(CODES.contains(&refusal.status()), "{refusal:?}");
            metrics.refused(refusal);
        }
        for reason in REASONS {
            assert_eq!(
                value(&registry, "stsidecar_requests_rejected_total", reason),
                Some(1.0),
                "{reason}"
            );
        }
        assert_eq!(
            value(&registry, "stsidecar_http_requests_total", "403"),
            Some(3.0)
        );
    }
}
