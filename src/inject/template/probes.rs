//! The chart's values for the probes of a sidecar that has started: of incidents, and of readiness.
//!
//! Owns their shape, defaults and limits. What is rendered from them is `sidecar`'s.

use serde::Deserialize;

/// The exec liveness probe that only writes events.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(in crate::inject) struct IncidentProbe {
    pub(in crate::inject) enabled: bool,
    pub(in crate::inject) period_seconds: u64,
}

impl IncidentProbe {
    /// Seconds between two calls. One call costs a node about 30 ms of processor time; above an
    /// hour the warning before the end of an ordinary session would come too early to mean
    /// anything.
    pub(in crate::inject) const PERIODS: std::ops::RangeInclusive<u64> = 1..=3600;
}

impl Default for IncidentProbe {
    fn default() -> Self {
        Self {
            enabled: true,
            period_seconds: 300,
        }
    }
}

/// Whether the pod's readiness follows the sidecar's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::inject) struct ReadinessProbe {
    pub(in crate::inject) enabled: bool,
}
