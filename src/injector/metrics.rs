//! What the webhook counts: admissions by outcome, and how long they take; and whether it is ready.
//!
//! Owns the three families and the closed sets of their labels; every series is there from the
//! start. The certificate's are beside it.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

use crate::inject::{Reason, Skip};

/// From a fast answer to the webhook's own limit; 5 ms, 50 ms and 1 s are what is promised.
const BUCKETS: [f64; 11] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1.0, 4.0,
];

/// Why a review could not be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not a review that this webhook answers.
    BadReview,
    /// `ServiceAccount` or Namespace could not be read.
    ReadFailed,
}

impl Failure {
    const ALL: [Self; 2] = [Self::BadReview, Self::ReadFailed];

    /// For a metric's label and the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadReview => "bad_review",
            Self::ReadFailed => "read_failed",
        }
    }
}

/// What became of a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionOutcome {
    /// A patch was sent.
    Injected,
    /// The pod was left alone, for one of [`Skip::REASONS`].
    Skipped(&'static str),
    /// The pod was refused.
    Denied(Reason),
    /// Nothing could be decided.
    Error(Failure),
}

impl AdmissionOutcome {
    fn labels(self) -> [&'static str; 2] {
        match self {
            Self::Injected => ["injected", ""],
            Self::Skipped(reason) => ["skipped", reason],
            Self::Denied(reason) => ["denied", reason.as_str()],
            Self::Error(failure) => ["error", failure.as_str()],
        }
    }
}

/// Readiness as a scrape shows it.
#[derive(Clone, Debug)]
pub struct Ready(IntGauge);

impl Ready {
    /// Registers it, as not ready.
    ///
    /// # Errors
    /// When a family of that name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let ready = IntGauge::new(
            "stsidecar_injector_ready",
            "1 when all conditions of /readyz hold, else 0.",
        )?;
        registry.register(Box::new(ready.clone()))?;
        Ok(Self(ready))
    }

    pub(super) fn set(&self, ready: bool) {
        self.0.set(ready.into());
    }
}

/// The webhook's series.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: IntCounterVec,
    duration: Histogram,
}

impl Metrics {
    /// Registers them.
    ///
    /// # Errors
    /// When a family of one of the names is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = IntCounterVec::new(
            Opts::new(
                "stsidecar_injector_admission_requests_total",
                "Admissions by outcome and reason.",
            ),
            &["outcome", "reason"],
        )?;
        let duration = Histogram::with_opts(
            HistogramOpts::new(
                "stsidecar_injector_admission_duration_seconds",
                "From a review's head to its answer, reading ServiceAccount and Namespace included.",
            )
            .buckets(BUCKETS.to_vec()),
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(duration.clone()))?;
        let metrics = Self { requests, duration };
        let skipped = Skip::REASONS.map(AdmissionOutcome::Skipped);
        let denied = Reason::ALL.map(AdmissionOutcome::Denied);
        let failed = Failure::ALL.map(AdmissionOutcome::Error);
        for outcome in [AdmissionOutcome::Injected]
            .iter()
            .chain(&skipped)
            .chain(&denied)
            .chain(&failed)
        {
            metrics.requests.with_label_values(&outcome.labels());
        }
        Ok(metrics)
    }

    pub(super) fn count(&self, outcome: AdmissionOutcome) {
        self.requests.with_label_values(&outcome.labels()).inc();
    }

    pub(super) fn took(&self, duration: std::time::Duration) {
        self.duration.observe(duration.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_there_from_the_start_and_counts() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a fresh registry");
        let text = || {
            prometheus::TextEncoder::new()
                .encode_to_string(&registry.gather())
                .expect("text")
        };
        assert_eq!(
            text().matches("_admission_requests_total{").count(),
            1 + 6 + 12 + 2
        );
        metrics.count(AdmissionOutcome::Denied(Reason::UnknownKey));
        metrics.took(std::time::Duration::from_millis(2));
        assert!(
            text().contains("outcome=\"denied\",reason=\"unknown_key\"} 1\n"),
            "{}",
            text()
        );
        assert!(
            text().contains("_duration_seconds_bucket{le=\"0.0025\"} 1\n"),
            "{}",
            text()
        );
    }
}
