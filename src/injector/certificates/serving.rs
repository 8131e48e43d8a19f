//! The certificate that is served now, and whether the API server can trust it.
//!
//! Owns the atomically swapped key that rustls asks at each handshake, the readiness beside it, and
//! when one certificate gives way to the next. It never makes or reads one. The webhook's listener
//! and the injector's admin surface read it; only the driver publishes.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::pair::Servable;
use super::plan::PROPAGATION;
use crate::time::Wall;

/// What rustls serves; give it to `ServerConfig::with_cert_resolver`. By default nothing:
/// handshakes fail until `keep` has found or made a certificate.
#[derive(Debug, Default)]
pub struct ServingCertificate {
    key: ArcSwapOption<CertifiedKey>,
    readiness: ArcSwap<Readiness>,
}

/// Whether admission reviews can arrive, for `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// A valid certificate is served, and caBundle of every webhook trusts it: for long enough,
    /// where another certificate is trusted too.
    pub ready: bool,
    /// Why, or why not: one line for people.
    pub reason: String,
    /// When the served certificate ends; nothing before the first.
    pub ends: Option<Wall>,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            ready: false,
            reason: "no certificate yet".to_owned(),
            ends: None,
        }
    }
}

/// What caBundle makes of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// caBundle could not be read yet.
    Unknown,
    /// No CA in caBundle signed it, or it is not valid now.
    None,
    /// One did, and has been seen there for so long.
    Since(Duration),
}

impl ServingCertificate {
    /// Whether admission reviews can arrive.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.readiness.load().ready
    }

    /// The same, with the reason.
    #[must_use]
    pub fn readiness(&self) -> Arc<Readiness> {
        self.readiness.load_full()
    }

    /// The served key.
    #[must_use]
    pub fn current(&self) -> Option<Arc<CertifiedKey>> {
        self.key.load_full()
    }

    pub(super) fn serve(&self, key: Arc<CertifiedKey>) {
        self.key.store(Some(key));
    }

    pub(super) fn report(&self, readiness: Readiness) {
        self.readiness.store(Arc::new(readiness));
    }
}

impl ResolvesServerCert for ServingCertificate {
    /// One certificate for every name: the API server sends
    /// `<service>.<namespace>.svc`, a probe may send none.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current()
    }
}

/// Whether the candidate takes the place of what is served.
///
/// A certificate that works gives way only to one that every API server can be expected to trust by
/// now; one that does not work gives way at once.
pub(super) fn gives_way(served: Option<(&Servable, Trust)>, candidate: Trust, now: Wall) -> bool {
    match (served, candidate) {
        (None, _) => true,
        (Some((served, _)), _) if !served.life.includes(now) => true,
        (_, Trust::Unknown) | (Some((_, Trust::Unknown | Trust::Since(_))), Trust::None) => false,
        (Some((_, Trust::Unknown | Trust::Since(_))), Trust::Since(seen)) => seen >= PROPAGATION,
        (Some((_, Trust::None)), _) => true,
    }
}
