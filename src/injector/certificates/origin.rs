//! Where certificates come from: made here, or read from files that others renew.
//!
//! Owns the choice between `own` and `files`, and with it the rule by which their renewal is late. It decides and
//! keeps nothing itself. Made by `certificates::keep`, asked by the driver at each look.

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use super::files::Files;
use super::inspect::Life;
use super::metrics::Metrics;
use super::object::Object;
use super::own::Own;
use super::plan;
use super::serving::Servable;
use super::settings::{Durations, Mode, Settings};
use super::sightings::Sightings;
use crate::rotated_file::RotatedFile;
use crate::time::Wall;

/// Where certificates come from.
pub(super) enum Origin {
    Own(Box<Own>),
    /// Others renew them, of which the leaf's time may be known.
    Files {
        files: Files,
        renew_before: Option<Duration>,
    },
}

impl Origin {
    /// As the mode says.
    pub(super) fn new(settings: &Settings, secret: Object, jitter: f64, metrics: &Metrics) -> Self {
        let files = |renew_before| {
            let files = Files::new(&settings.folder, metrics.clone());
            Self::Files {
                files,
                renew_before,
            }
        };
        match settings.mode {
            Mode::CertManager { renew_before } => files(renew_before),
            Mode::External => files(None),
            Mode::SelfSigned {
                ca_duration,
                leaf_duration,
            } => {
                let lasts = Durations {
                    authority: ca_duration,
                    leaf: leaf_duration,
                };
                Self::Own(Box::new(Own::new(
                    secret,
                    settings.names(),
                    lasts,
                    jitter,
                    metrics.clone(),
                )))
            }
        }
    }

    /// The file whose changes call for a look.
    pub(super) fn watched(&self) -> Option<RotatedFile<Vec<CertificateDer<'static>>>> {
        match self {
            Self::Own(_) => None,
            Self::Files { files, .. } => Some(files.watched()),
        }
    }

    /// Whether it wrote, and so should be looked at again.
    pub(super) async fn look(&mut self, sightings: &Sightings, now: Wall) -> Result<bool, String> {
        match self {
            Self::Own(own) => own
                .look(sightings, now)
                .await
                .map_err(|error| error.to_string()),
            Self::Files { files, .. } => files
                .look()
                .map(|()| false)
                .map_err(|error| error.to_string()),
        }
    }

    /// What could be served.
    pub(super) fn candidate(&self) -> Option<Servable> {
        match self {
            Self::Own(own) => own.candidate(),
            Self::Files { files, .. } => files.candidate(),
        }
    }

    /// The CAs that it asks for in caBundle.
    pub(super) fn authorities(&self, now: Wall) -> Vec<CertificateDer<'static>> {
        match self {
            Self::Own(own) => own.authorities(now),
            Self::Files { files, .. } => files.authorities(),
        }
    }

    /// When a leaf's renewal is due at the latest.
    pub(super) fn leaf_due(&self, life: Life) -> Wall {
        match self {
            Self::Own(_) => plan::leaf_due(life, 0.0),
            Self::Files { renew_before, .. } => plan::others_due(life, *renew_before),
        }
    }

    /// When the renewal of the CA that a leaf is trusted by is due at the latest.
    pub(super) fn authority_due(&self, life: Life) -> Wall {
        match self {
            Self::Own(_) => plan::authority_due(life, 0.0),
            Self::Files { .. } => plan::others_due(life, None),
        }
    }
}
