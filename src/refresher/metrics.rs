//! The series of refreshing: expiries, refreshes, failures by reason, STS's answering times.
//!
//! Owns their names and labels (closed sets, all present at 0 from the start). Label `profile`,
//! never a role, an ARN or an account.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts,
    Registry,
};

use crate::assume::{Profile, ProfileName};
use crate::failure::Class;
use crate::report::HopReport;
use crate::time::Wall;

/// Upper bounds in seconds; an attempt ends after 3 s unless it is set, and after 30 s at the
/// latest.
const BUCKETS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0];

/// The vectors of all profiles.
pub struct Metrics {
    expiration: GaugeVec,
    last_refresh: GaugeVec,
    next_refresh: GaugeVec,
    token_expiration: GaugeVec,
    utilization: GaugeVec,
    refreshes: IntCounterVec,
    errors: IntCounterVec,
    exchanges: HistogramVec,
}

/// The series of one profile.
pub struct ProfileMetrics {
    expiration: Gauge,
    last_refresh: Gauge,
    next_refresh: Gauge,
    token_expiration: Gauge,
    utilization: Gauge,
    successes: IntCounter,
    failures: IntCounter,
    errors: Vec<(Class, IntCounter)>,
    exchanges: Vec<(&'static str, Histogram)>,
}

impl Metrics {
    /// Registers the vectors.
    ///
    /// # Errors
    /// When a name is registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            expiration: gauge(
                registry,
                "stsidecar_credentials_expiration_timestamp_seconds",
                "When the vended credentials expire; 0 before the first",
            )?,
            last_refresh: gauge(
                registry,
                "stsidecar_credentials_last_refresh_timestamp_seconds",
                "When the vended credentials were received; 0 before the first",
            )?,
            next_refresh: gauge(
                registry,
                "stsidecar_credentials_next_refresh_timestamp_seconds",
                "When the next refresh of the vended credentials is due",
            )?,
            token_expiration: gauge(
                registry,
                "stsidecar_token_expiration_timestamp_seconds",
                "The exp claim of the web identity token, or NotOnOrAfter of the SAML assertion; 0 before the first",
            )?,
            utilization: gauge(
                registry,
                "stsidecar_session_token_utilization_ratio",
                "The fullest session's share of the room for policies and tags; 0 where STS does not say",
            )?,
            refreshes: counter(
                registry,
                "stsidecar_credentials_refreshes_total",
                "Exchanges with STS by outcome",
                "outcome",
            )?,
            errors: counter(
                registry,
                "stsidecar_credentials_refresh_errors_total",
                "Failed exchanges by reason",
                "reason",
            )?,
            exchanges: exchanges(registry)?,
        })
    }

    /// The series of one profile, all present from now on.
    #[must_use]
    pub fn profile(&self, profile: &Profile) -> ProfileMetrics {
        let name: &ProfileName = &profile.name;
        let name = [name.as_str()];
        let mut operations: Vec<&'static str> =
            profile.steps.iter().map(|step| step.operation()).collect();
        operations.dedup();
        ProfileMetrics {
            expiration: self.expiration.with_label_values(&name),
            last_refresh: self.last_refresh.with_label_values(&name),
            next_refresh: self.next_refresh.with_label_values(&name),
            token_expiration: self.token_expiration.with_label_values(&name),
            utilization: self.utilization.with_label_values(&name),
            successes: self.refreshes.with_label_values(&[name[0], "success"]),
            failures: self.refreshes.with_label_values(&[name[0], "error"]),
            errors: Class::REASONS
                .into_iter()
                .map(|class| {
                    (
                        class,
                        self.errors.with_label_values(&[name[0], class.reason()]),
                    )
                })
                .collect(),
            exchanges: operations
                .into_iter()
                .map(|operation| (operation, self.exchanges.with_label_values(&[operation])))
                .collect(),
        }
    }
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<GaugeVec, prometheus::Error> {
    registered(registry, GaugeVec::new(Opts::new(name, help), &["profile"]))
}

fn counter(
    registry: &Registry,
    name: &str,
    help: &str,
    label: &str,
) -> Result<IntCounterVec, prometheus::Error> {
    let labels = ["profile", label];
    registered(registry, IntCounterVec::new(Opts::new(name, help), &labels))
}

fn exchanges(registry: &Registry) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(
        "stsidecar_sts_request_duration_seconds",
        "Answering time of STS, failures included",
    );
    let options = options.buckets(BUCKETS.to_vec());
    registered(registry, HistogramVec::new(options, &["operation"]))
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: Result<C, prometheus::Error>,
) -> Result<C, prometheus::Error> {
    let vector = made?;
    registry.register(Box::new(vector.clone()))?;
    Ok(vector)
}

impl ProfileMetrics {
    pub(super) fn refreshed(&self) {
        self.successes.inc();
    }

    pub(super) fn failed(&self, class: Class) {
        self.failures.inc();
        if let Some((_, counter)) = self
            .errors
            .iter()
            .find(|(of, _)| of.reason() == class.reason())
        {
            counter.inc();
        }
    }

    pub(super) fn exchange(&self, operation: &str, took: Duration) {
        if let Some((_, histogram)) = self.exchanges.iter().find(|(of, _)| *of == operation) {
            histogram.observe(took.as_secs_f64());
        }
    }

    pub(super) fn token(&self, expires_at: Option<Wall>) {
        self.token_expiration.set(seconds(expires_at));
    }

    pub(super) fn schedule(&self, hops: &[HopReport]) {
        let vended = hops.last();
        let fullest = hops
            .iter()
            .filter_map(|hop| hop.details.utilization())
            .max();
        self.utilization
            .set(f64::from(fullest.unwrap_or_default()) / 100.0);
        self.expiration
            .set(seconds(vended.and_then(|hop| hop.expiration)));
        self.last_refresh
            .set(seconds(vended.and_then(|hop| hop.last_refresh)));
        self.next_refresh
            .set(seconds(vended.and_then(|hop| hop.next_refresh)));
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "Unix seconds are exact in a float for the next 285 million years"
)]
fn seconds(instant: Option<Wall>) -> f64 {
    instant.map_or(0.0, |instant| instant.unix_milliseconds() as f64 / 1000.0)
}
