//! What the certificates are for and where they come from.
//!
//! Owns the values that the injector's configuration sets. It never reads that configuration: `injector` does,
//! and hands these over.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::authority::Names;
use crate::time::Wall;

/// Where the webhook's certificate comes from: the chart's `injector.certs.mode`. caBundle is written here in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `self`: made and rotated here, kept in a Secret.
    SelfSigned {
        /// How long a CA lasts.
        ca_duration: Duration,
        /// How long a leaf lasts; it never outlives its CA.
        leaf_duration: Duration,
    },
    /// `certManager`: mounted files of the Secret that cert-manager writes.
    CertManager {
        /// How long before a leaf's end cert-manager renews it; nothing when the configuration does not say.
        renew_before: Option<Duration>,
    },
    /// `external`: mounted files of the operator's own Secret.
    External,
}

/// How long certificates made here last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Durations {
    pub(super) authority: Duration,
    pub(super) leaf: Duration,
}

/// Names of the objects, and the mode.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where certificates come from.
    pub mode: Mode,
    /// The Secret that holds CA and leaf in mode [`Mode::SelfSigned`]; the chart makes it, without data.
    pub secret_name: String,
    /// The release's namespace: of the Secret and of the Service.
    pub namespace: String,
    /// The Service that the API server calls.
    pub service_name: String,
    /// The `MutatingWebhookConfiguration`.
    pub webhook_configuration: String,
    /// Where `tls.crt`, `tls.key` and `ca.crt` are mounted in the other two modes.
    pub folder: PathBuf,
}

impl Settings {
    pub(super) fn names(&self) -> Names {
        Names::of_service(&self.service_name, &self.namespace)
    }
}

/// The wall clock, and one draw that tells this replica from the others.
#[derive(Clone)]
pub struct Clock {
    /// Reads the wall clock.
    pub wall: Arc<dyn Fn() -> Wall + Send + Sync>,
    /// A uniform draw from `[0, 1)`: replicas renew at different times, and the later one finds it done.
    pub jitter: f64,
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Clock")
            .field("jitter", &self.jitter)
            .finish_non_exhaustive()
    }
}
