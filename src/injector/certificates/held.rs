//! All that the Secret holds: the CA with its leaf, the CA that comes next, and those that are not quite gone.
//!
//! Owns the keys of the Secret's data and each step from one content to the next. It never decides on a step
//! (`plan` does) and never talks to the API server (`secret` does).
//!
//! | key | holds |
//! |---|---|
//! | `ca.crt`, `ca.key` | the CA that signs |
//! | `tls.crt`, `tls.key` | the served leaf |
//! | `next-ca.crt`, `next-ca.key` | the CA that will sign, while caBundle is made to trust it |
//! | `previous-ca.crt` | CAs that replicas may still serve leaves of |
//! | `previous-ca.until` | when the last of those leaves ends, RFC 3339 |

use std::collections::BTreeMap;

use rustls::pki_types::CertificateDer;

use super::authority::{Error, Names, Pair};
use super::inspect;
use super::settings::Durations;
use crate::time::Wall;

/// Keys of the Secret's data that are ours; others are left alone.
pub(super) const KEYS: [&str; 8] = [
    "ca.crt",
    "ca.key",
    "tls.crt",
    "tls.key",
    "next-ca.crt",
    "next-ca.key",
    "previous-ca.crt",
    "previous-ca.until",
];

/// The Secret's data, decoded.
pub(super) type Data = BTreeMap<String, Vec<u8>>;

/// One content of the Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) authority: Pair,
    /// None only as read, when what stands there is not usable.
    pub(super) leaf: Option<Pair>,
    pub(super) next: Option<Pair>,
    previous: Vec<CertificateDer<'static>>,
    previous_until: Wall,
}

impl Held {
    /// A new CA and its first leaf.
    pub(super) fn fresh(names: &Names, lasts: Durations, now: Wall) -> Result<Self, Error> {
        let authority = Pair::authority(lasts.authority, now)?;
        let leaf = Some(authority.sign(names, lasts.leaf, now)?);
        Ok(Self {
            authority,
            leaf,
            next: None,
            previous: Vec::new(),
            previous_until: Wall::default(),
        })
    }

    /// The same CA with a new leaf.
    pub(super) fn with_new_leaf(
        &self,
        names: &Names,
        lasts: Durations,
        now: Wall,
    ) -> Result<Self, Error> {
        let leaf = Some(self.authority.sign(names, lasts.leaf, now)?);
        Ok(Self {
            leaf,
            ..self.clone()
        }
        .without_the_gone(now))
    }

    /// With a new CA that is trusted but does not sign yet.
    pub(super) fn with_next(&self, lasts: Durations, now: Wall) -> Result<Self, Error> {
        let next = Some(Pair::authority(lasts.authority, now)?);
        Ok(Self {
            next,
            ..self.clone()
        }
        .without_the_gone(now))
    }

    /// The next CA signs from now on; the one before stays trusted while a leaf of it may be served.
    pub(super) fn promoted(
        &self,
        names: &Names,
        lasts: Durations,
        now: Wall,
    ) -> Result<Self, Error> {
        let Some(next) = self.next.clone() else {
            return Ok(self.clone());
        };
        let leaf = Some(next.sign(names, lasts.leaf, now)?);
        let promoted = Self {
            authority: next,
            leaf,
            next: None,
            ..self.clone()
        };
        Ok(promoted.without_the_gone(now).remembering(self, now))
    }

    /// Also trusting the CA of `other` until its leaf ends.
    pub(super) fn remembering(mut self, other: &Self, now: Wall) -> Self {
        let end = other
            .leaf
            .as_ref()
            .map_or(Wall::default(), |leaf| leaf.life.not_after);
        if end > now && !self.trusted(now).contains(&other.authority.certificate) {
            self.previous.push(other.authority.certificate.clone());
            self.previous_until = self.previous_until.max(end);
        }
        self
    }

    fn without_the_gone(mut self, now: Wall) -> Self {
        if self.previous_until <= now {
            self.previous.clear();
        }
        self.previous
            .retain(|certificate| inspect::life(certificate).is_ok_and(|life| life.includes(now)));
        self
    }

    /// What of ours caBundle must hold: each CA of which a leaf is served, may still be, or soon will be.
    pub(super) fn trusted(&self, now: Wall) -> Vec<CertificateDer<'static>> {
        let mut trusted = vec![self.authority.certificate.clone()];
        trusted.extend(self.next.as_ref().map(|next| next.certificate.clone()));
        if self.previous_until > now {
            trusted.extend(self.previous.iter().cloned());
        }
        trusted
    }

    /// Whether a leaf of it can be served at `now`.
    pub(super) fn is_alive(&self, now: Wall) -> bool {
        self.authority.life.includes(now)
            && self
                .leaf
                .as_ref()
                .is_some_and(|leaf| leaf.life.includes(now))
    }

    /// The content for the Secret.
    pub(super) fn to_data(&self) -> Data {
        let mut data = Data::new();
        let mut put = |key: &str, text: &str| data.insert(key.to_owned(), text.as_bytes().to_vec());
        put("ca.crt", &self.authority.certificate_pem());
        put("ca.key", self.authority.expose_key_pem());
        if let Some(leaf) = &self.leaf {
            put("tls.crt", &leaf.certificate_pem());
            put("tls.key", leaf.expose_key_pem());
        }
        if let Some(next) = &self.next {
            put("next-ca.crt", &next.certificate_pem());
            put("next-ca.key", next.expose_key_pem());
        }
        if !self.previous.is_empty() {
            put("previous-ca.crt", &inspect::to_pem(&self.previous));
            put("previous-ca.until", &self.previous_until.rfc3339());
        }
        data
    }

    /// Reads a content back, with what is wrong with it.
    ///
    /// Without a usable CA there is nothing to build on; any other part is left out when it is not usable.
    pub(super) fn from_data(data: &Data, names: &Names) -> (Option<Self>, Vec<String>) {
        let mut faults = Vec::new();
        let authority = note(
            read(data, "ca.crt", "ca.key", Pair::read_authority),
            &mut faults,
        );
        let Some(authority) = authority.flatten() else {
            if faults.is_empty() && KEYS.iter().any(|key| data.contains_key(*key)) {
                faults.push("ca.crt is missing".to_owned());
            }
            return (None, faults);
        };
        let signed = |certificate: &[u8], key: &[u8]| {
            let leaf = Pair::read_leaf(certificate, key, names)?;
            // Its times are judged later; that it is this CA's is judged at a time when both were valid.
            let at = leaf.life.not_after.minus(std::time::Duration::from_secs(1));
            let chain = std::slice::from_ref(&leaf.certificate);
            inspect::verify(
                chain,
                std::slice::from_ref(&authority.certificate),
                names.called(),
                at,
            )?;
            Ok(leaf)
        };
        let leaf = note(read(data, "tls.crt", "tls.key", signed), &mut faults).flatten();
        let next = note(
            read(data, "next-ca.crt", "next-ca.key", Pair::read_authority),
            &mut faults,
        )
        .flatten();
        let previous = data
            .get("previous-ca.crt")
            .map(|text| inspect::read_pem(text).map_err(|e| format!("previous-ca.crt {e}")));
        let previous = note(previous.transpose(), &mut faults)
            .flatten()
            .unwrap_or_default();
        let until = data
            .get("previous-ca.until")
            .and_then(|text| std::str::from_utf8(text).ok());
        // Without a readable end they stay for as long as they are valid themselves.
        let last = || {
            previous
                .iter()
                .filter_map(|ca| inspect::life(ca).ok())
                .map(|life| life.not_after)
                .max()
        };
        let previous_until = until
            .and_then(Wall::parse_rfc3339)
            .or_else(last)
            .unwrap_or_default();
        (
            Some(Self {
                authority,
                leaf,
                next,
                previous,
                previous_until,
            }),
            faults,
        )
    }
}

fn note<T>(result: Result<T, String>, faults: &mut Vec<String>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

/// A pair when both its keys are there, nothing when neither is.
fn read(
    data: &Data,
    certificate: &str,
    key: &str,
    parse: impl Fn(&[u8], &[u8]) -> Result<Pair, Error>,
) -> Result<Option<Pair>, String> {
    match (data.get(certificate), data.get(key)) {
        (Some(first), Some(second)) => parse(first, second)
            .map(Some)
            .map_err(|error| format!("{certificate} {error}")),
        (None, None) => Ok(None),
        (Some(_), None) => Err(format!("{key} is missing")),
        (None, Some(_)) => Err(format!("{certificate} is missing")),
    }
}
