//! For how long each CA has been seen in caBundle.
//!
//! Owns the newest reading of it, and when each of its CAs was first seen there without a gap. Monotonic time, so
//! that a step of the wall clock makes nothing look propagated. It never reads an object. Used by the driver.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;

use super::inspect::{self, Life};
use super::serving::{Servable, Trust};
use crate::time::Wall;

/// What was seen; nothing before the first reading.
#[derive(Debug, Default)]
pub(super) struct Sightings(Option<Vec<Sighting>>);

#[derive(Debug)]
struct Sighting {
    authority: CertificateDer<'static>,
    since: Instant,
}

impl Sightings {
    /// Takes in a reading.
    pub(super) fn note(&mut self, trusted: Vec<CertificateDer<'static>>) {
        let now = Instant::now();
        let known = self.0.take().unwrap_or_default();
        let since = |ca: &CertificateDer<'_>| known.iter().find(|seen| seen.authority == *ca).map_or(now, |s| s.since);
        self.0 = Some(trusted.into_iter().map(|ca| Sighting { since: since(&ca), authority: ca }).collect());
    }

    /// For how long this very CA was seen.
    pub(super) fn seen_for(&self, authority: &CertificateDer<'_>) -> Option<Duration> {
        let seen = self.0.iter().flatten().find(|seen| seen.authority == *authority)?;
        Some(seen.since.elapsed())
    }

    /// How a certificate stands with the CAs that were seen.
    pub(super) fn trust(&self, servable: &Servable, name: &str, now: Wall) -> Trust {
        let Some(seen) = &self.0 else { return Trust::Unknown };
        let verifies = |one: &&Sighting| {
            inspect::verify(&servable.key.cert, std::slice::from_ref(&one.authority), name, now).is_ok()
        };
        let longest = seen.iter().filter(verifies).map(|one| one.since.elapsed()).max();
        longest.map_or(Trust::None, Trust::Since)
    }

    /// The life of the seen CA that trusts this certificate for longest.
    pub(super) fn trusted_by(&self, servable: &Servable, name: &str, now: Wall) -> Option<Life> {
        let seen = self.0.iter().flatten().map(|one| &one.authority);
        let verifies = |ca: &&CertificateDer<'_>| {
            inspect::verify(&servable.key.cert, std::slice::from_ref(*ca), name, now).is_ok()
        };
        seen.filter(verifies).filter_map(|ca| inspect::life(ca).ok()).max_by_key(|life| life.not_after)
    }
}
