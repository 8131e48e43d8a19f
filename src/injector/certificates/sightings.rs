//! For how long each CA has been seen in caBundle.
//!
//! Owns the newest reading of it, and when each of its CAs was first seen there without a gap: by
//! this replica, or before its time by those that wrote the record. From the first sight on time is
//! monotonic, so that a step of the wall clock makes nothing look propagated. It never reads an
//! object. Used by the driver.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::inspect::{self, Life};
use super::pair::Servable;
use super::serving::Trust;
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
        let mut seen = self.0.iter().flatten();
        let one = seen.find(|seen| seen.authority == *authority);
        one.map(Sighting::lasts)
    }

    /// What the CAs that were seen make of a certificate.
    pub(super) fn trust(&self, servable: &Servable, name: &str, now: Wall) -> Trust {
        if self.0.is_none() {
            return Trust::Unknown;
        }
        let seen = self.trusting(servable, name, now).map(Sighting::lasts);
        seen.max().map_or(Trust::None, Trust::Since)
    }

    /// Whether no other CAs were seen than those that trust this certificate: then no
    /// other certificate is served.
    pub(super) fn is_alone(&self, servable: &Servable, name: &str, now: Wall) -> bool {
        let all = self.0.as_ref().map_or(0, Vec::len);
        self.trusting(servable, name, now).count() == all
    }

    /// The life of the seen CA that trusts this certificate for longest.
    pub(super) fn trusted_by(&self, servable: &Servable, name: &str, now: Wall) -> Option<Life> {
        let lives = self
            .trusting(servable, name, now)
            .filter_map(|one| inspect::life(&one.authority).ok());
        lives.max_by_key(|life| life.not_after)
    }

    fn trusting(
        &self,
        servable: &Servable,
        name: &str,
        now: Wall,
    ) -> impl Iterator<Item = &Sighting> {
        let seen = self.0.iter().flatten();
        seen.filter(move |one| servable.is_trusted_by(&one.authority, name, now))
    }
}
