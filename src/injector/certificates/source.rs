//! Where certificates come from: made here, or read from files that others renew.
//!
//! Owns the choice between `self_signed` and `files`. It decides and keeps nothing itself. Made by
//! `certificates::keep`, asked by the driver at each look.

use rustls::pki_types::CertificateDer;

use super::files::Files;
use super::pair::Servable;
use super::self_signed::SelfSigned;
use super::sightings::Sightings;
use crate::time::Wall;

/// Where certificates come from.
pub(super) enum Source {
    SelfSigned(Box<SelfSigned>),
    Files(Files),
}

impl Source {
    /// Whether it wrote, and so should be looked at again.
    pub(super) async fn look(&mut self, sightings: &Sightings, now: Wall) -> Result<bool, String> {
        match self {
            Self::SelfSigned(own) => own.look(sightings, now).await.map_err(|e| e.to_string()),
            Self::Files(files) => files.look().map(|()| false).map_err(|e| e.to_string()),
        }
    }

    /// What could be served.
    pub(super) fn candidate(&self) -> Option<Servable> {
        match self {
            Self::SelfSigned(own) => Some(own.keyring.as_ref()?.leaf.as_ref()?.servable.clone()),
            Self::Files(files) => files.pair.clone(),
        }
    }

    /// The CAs that it asks for in caBundle: those of which a replica of this mode serves a leaf,
    /// may still, or soon will.
    pub(super) fn authorities(&self, now: Wall) -> Vec<CertificateDer<'static>> {
        match self {
            Self::SelfSigned(own) => {
                let keyring = own.keyring.as_ref();
                keyring
                    .map(|keyring| keyring.trusted(now))
                    .unwrap_or_default()
            }
            Self::Files(files) => files.authorities.clone(),
        }
    }
}
