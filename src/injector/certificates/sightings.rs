//! For how long each CA has been seen in caBundle.
//!
//! Owns the newest reading of it, and when each of its CAs was first seen there without a gap: by this replica, or
//! before its time by those that wrote the record. From the first sight on time is monotonic, so that a step of the
//! wall clock makes nothing look propagated. It never reads an object. Used by the driver.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::inspect::{self, Life};
use super::serving::{Servable, Trust};
use crate::time::Wall;

/// What was seen; nothing before the first reading.
#[derive(Debug, Default)]
pub(super) struct Sightings(Option<Vec<Sighting>>);

#[derive(Clone, Debug)]
struct Sighting {
    authority: CertificateDer<'static>,
    first: Instant,
    /// How long it had been there at the first sight.
    before: Duration,
}

impl Sighting {
    fn lasts(&self) -> Duration {
        self.before.saturating_add(self.first.elapsed())
    }
}

impl Sightings {
    /// Takes in a reading; `age` says for how long a CA is known to have been there.
    pub(super) fn note(
        &mut self,
        trusted: Vec<CertificateDer<'static>>,
        age: impl Fn(&CertificateDer<'static>) -> Duration,
    ) {
        let known = self.0.take().unwrap_or_default();
        let sighting = |authority: CertificateDer<'static>| {
            let seen = known.iter().find(|seen| seen.authority == authority);
            seen.cloned().unwrap_or_else(|| Sighting {
                first: Instant::now(),
                before: age(&authority),
                authority,
            })
        };
        self.0 = Some(trusted.into_iter().map(sighting).collect());
    }

    /// For how long this very CA was seen.
    pub(super) fn seen_for(&self, authority: &CertificateDer<'_>) -> Option<Duration> {
        self.0
            .iter()
            .flatten()
            .find(|seen| seen.authority == *authority)
            .map(Sighting::lasts)
    }

    /// How a certificate stands with the CAs that were seen.
    pub(super) fn trust(&self, servable: &Servable, name: &str, now: Wall) -> Trust {
        let Some(seen) = &self.0 else {
            return Trust::Unknown;
        };
        let verifying = seen
            .iter()
            .filter(|one| servable.is_trusted_by(&one.authority, name, now));
        verifying
            .map(Sighting::lasts)
            .max()
            .map_or(Trust::None, Trust::Since)
    }

    /// Whether no other CAs were seen than those that trust this certificate: then no other certificate is served.
    pub(super) fn is_alone(&self, servable: &Servable, name: &str, now: Wall) -> bool {
        self.0
            .iter()
            .flatten()
            .all(|one| servable.is_trusted_by(&one.authority, name, now))
    }

    /// The life of the seen CA that trusts this certificate for longest.
    pub(super) fn trusted_by(&self, servable: &Servable, name: &str, now: Wall) -> Option<Life> {
        let seen = self.0.iter().flatten().map(|one| &one.authority);
        let verifying = seen.filter(|ca| servable.is_trusted_by(ca, name, now));
        verifying
            .filter_map(|ca| inspect::life(ca).ok())
            .max_by_key(|life| life.not_after)
    }
}
