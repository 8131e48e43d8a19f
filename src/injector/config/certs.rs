//! Where the webhook's certificate comes from, and how long certificates last:
//! `injector.certs` of the configuration.
//!
//! Owns the modes, the chart's defaults and the limits of durations. It makes no certificate:
//! `certificates` does, by what is read here.

use std::fmt::Display;
use std::time::Duration;

use serde::Deserialize;

use crate::config::Error;

/// The chart's defaults.
const CA_DURATION: Duration = Duration::from_hours(8760);
const LEAF_DURATION: Duration = Duration::from_hours(168);
/// It is renewed with a day left at the latest, which leaves time to mend what
/// keeps it from being renewed.
const SHORTEST_LEAF: Duration = Duration::from_hours(48);

/// Where the webhook's certificate comes from: the chart's `injector.certs.mode`. The injector
/// writes caBundle in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `self`: made and rotated by the injectors, kept in a Secret.
    SelfSigned(Durations),
    /// `certManager`: mounted files of the Secret that cert-manager writes.
    CertManager {
        /// How long before a leaf's end cert-manager renews it; nothing when the
        /// configuration does not say.
        renew_before: Option<Duration>,
    },
    /// `external`: mounted files of the operator's own Secret.
    External,
}

/// How long certificates of mode `self` last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durations {
    /// A CA.
    pub authority: Duration,
    /// A leaf; it never outlives its CA.
    pub leaf: Duration,
}

/// The section as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Certs {
    mode: ModeName,
    pub(super) secret_name: String,
    ca_duration: Option<String>,
    leaf_duration: Option<String>,
    renew_before: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum ModeName {
    #[serde(rename = "self")]
    Own,
    CertManager,
    External,
}

impl Certs {
    /// The mode with its durations; `origin` is the file.
    pub(super) fn mode(&self, origin: &impl Display) -> Result<Mode, Error> {
        let authority = duration(origin, "caDuration", self.ca_duration.as_deref())?;
        let leaf = duration(origin, "leafDuration", self.leaf_duration.as_deref())?;
        let renew_before = duration(origin, "renewBefore", self.renew_before.as_deref())?;
        let durations = Durations {
            authority: authority.unwrap_or(CA_DURATION),
            leaf: leaf.unwrap_or(LEAF_DURATION),
        };
        let refused = |key, duration, allowed| {
            let shown = humantime::format_duration(duration).to_string();
            Err(Error::value(named(origin, key), &shown, allowed))
        };
        if durations.leaf < SHORTEST_LEAF {
            return refused("leafDuration", durations.leaf, "at least 48h");
        }
        if durations.authority <= durations.leaf {
            return refused(
                "caDuration",
                durations.authority,
                "longer than leafDuration",
            );
        }
        Ok(match self.mode {
            ModeName::Own => Mode::SelfSigned(durations),
            ModeName::CertManager => Mode::CertManager { renew_before },
            ModeName::External => Mode::External,
        })
    }
}

fn named(origin: &impl Display, key: &str) -> String {
    format!("{origin}: injector.certs.{key}")
}

fn duration(
    origin: &impl Display,
    key: &str,
    text: Option<&str>,
) -> Result<Option<Duration>, Error> {
    let Some(text) = text else {
        return Ok(None);
    };
    let allowed = "a duration such as 168h";
    let parsed = humantime::parse_duration(text);
    parsed
        .map(Some)
        .map_err(|_| Error::value(named(origin, key), text, allowed))
}
