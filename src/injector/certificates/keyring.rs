//! All that the Secret holds: the CA with its leaf, the CA that comes next, and those
//! that are not quite gone.
//!
//! Owns the keys of the Secret's data and each step from one content to the next. It never decides
//! on a step (`plan` does) and never talks to the API server (`self_signed` does).
//!
//! | key | holds |
//! |---|---|
//! | `ca.crt`, `ca.key` | the CA that signs |
//! | `tls.crt`, `tls.key` | the served leaf |
//! | `next-ca.crt`, `next-ca.key` | the CA that will sign, while caBundle is made to trust it |
//! | `previous-ca.crt` | CAs that replicas may still serve leaves of |
//! | `previous-ca.until` | when the last of those leaves ends, RFC 3339 |

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use serde_json::{Map, Value};

use super::inspect;
use super::pair::{Error, Names, Pair, Terms};
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

/// One content of the Secret.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Keyring {
    pub(super) authority: Pair,
    /// None only as read, when the stored one is not usable.
    pub(super) leaf: Option<Pair>,
    pub(super) next: Option<Pair>,
    previous: Vec<CertificateDer<'static>>,
    previous_until: Wall,
}

impl Keyring {
    /// A new CA and its first leaf.
    pub(super) fn fresh(terms: Terms<'_>) -> Result<Self, Error> {
        let new = Self {
            authority: Pair::authority(terms.lasts.authority, terms.now)?,
            leaf: None,
            next: None,
            previous: Vec::new(),
            previous_until: Wall::default(),
        };
        new.with_new_leaf(terms)
    }

    /// The same CA with a new leaf.
    pub(super) fn with_new_leaf(mut self, terms: Terms<'_>) -> Result<Self, Error> {
        self.leaf = Some(self.authority.sign(terms)?);
        Ok(self.without_the_gone(terms.now))
    }

    /// With a new CA that is trusted but does not sign yet.
    pub(super) fn with_next(mut self, terms: Terms<'_>) -> Result<Self, Error> {
        self.next = Some(Pair::authority(terms.lasts.authority, terms.now)?);
        Ok(self.without_the_gone(terms.now))
    }

    /// The next CA, where there is one, signs from now on; the one before stays trusted while a
    /// leaf of it may be served.
    pub(super) fn promoted(self, terms: Terms<'_>) -> Result<Self, Error> {
        let mut promoted = self.clone();
        let Some(next) = promoted.next.take() else {
            return Ok(self);
        };
        promoted.authority = next;
        let promoted = promoted.with_new_leaf(terms)?;
        Ok(promoted.remembering(&self, terms.now))
    }

    /// Also trusting the CA of `other` until its leaf ends.
    pub(super) fn remembering(mut self, other: &Self, now: Wall) -> Self {
        let authority = other.authority.certificate();
        let leaf = other.leaf.as_ref();
        let end = leaf.map_or(Wall::default(), |leaf| leaf.life().not_after);
        if end > now && !self.trusted(now).contains(authority) {
            self.previous.push(authority.clone());
            self.previous_until = self.previous_until.max(end);
        }
        self
    }

    fn without_the_gone(mut self, now: Wall) -> Self {
        if self.previous_until <= now {
            self.previous.clear();
        }
        self.previous
            .retain(|ca| inspect::life(ca).is_ok_and(|life| life.includes(now)));
        self
    }

    /// What of ours caBundle must hold: each CA of which a leaf is served, may
    /// still be, or soon will be.
    pub(super) fn trusted(&self, now: Wall) -> Vec<CertificateDer<'static>> {
        let signing = std::iter::once(&self.authority).chain(&self.next);
        let mut trusted: Vec<_> = signing.map(|pair| pair.certificate().clone()).collect();
        if self.previous_until > now {
            trusted.extend(self.previous.iter().cloned());
        }
        trusted
    }

    /// Whether a leaf of it can be served at `now`.
    pub(super) fn is_alive(&self, now: Wall) -> bool {
        let leaf = self.leaf.as_ref();
        self.authority.life().includes(now) && leaf.is_some_and(|leaf| leaf.life().includes(now))
    }

    /// The content for the Secret's `data`.
    pub(super) fn to_data(&self) -> Map<String, Value> {
        let mut data = Map::new();
        let mut put =
            |key: &str, text: &str| data.insert(key.to_owned(), STANDARD.encode(text).into());
        let pairs = [
            ("ca", Some(&self.authority)),
            ("tls", self.leaf.as_ref()),
            ("next-ca", self.next.as_ref()),
        ];
        for (name, pair) in pairs {
            if let Some(pair) = pair {
                put(&format!("{name}.crt"), &pair.certificate_pem());
                put(&format!("{name}.key"), pair.expose_key_pem());
            }
        }
        if !self.previous.is_empty() {
            put("previous-ca.crt", &inspect::to_pem(&self.previous));
            put("previous-ca.until", &self.previous_until.rfc3339());
        }
        data
    }

    /// Reads the Secret's `data` back, with what is wrong with it.
    ///
    /// Without a usable CA there is nothing to build on; any other part is left
    /// out when it is not usable.
    pub(super) fn from_data(data: &Value, names: &Names) -> (Option<Self>, Vec<String>) {
        let mut stored = Stored {
            data,
            faults: Vec::new(),
        };
        let Some(authority) = stored.pair("ca.crt", "ca.key", Pair::read_authority) else {
            if stored.faults.is_empty() && KEYS.iter().any(|key| !data[key].is_null()) {
                stored.faults.push("ca.crt is missing".to_owned());
            }
            return (None, stored.faults);
        };
        let leaf = stored.pair("tls.crt", "tls.key", |certificate, key| {
            Pair::read_leaf(certificate, key, names, authority.certificate())
        });
        let next = stored.pair("next-ca.crt", "next-ca.key", Pair::read_authority);
        let previous = stored.bytes("previous-ca.crt").and_then(|text| {
            let read = inspect::read_pem(&text);
            stored.note("previous-ca.crt", read)
        });
        let previous = previous.unwrap_or_default();
        let until = stored.bytes("previous-ca.until");
        let until = until.and_then(|text| Wall::parse_rfc3339(str::from_utf8(&text).ok()?));
        let keyring = Self {
            authority,
            leaf,
            next,
            // Without a readable end they stay for as long as they are valid themselves.
            previous_until: until.or_else(|| last_end(&previous)).unwrap_or_default(),
            previous,
        };
        (Some(keyring), stored.faults)
    }
}

fn last_end(certificates: &[CertificateDer<'_>]) -> Option<Wall> {
    let lives = certificates.iter().filter_map(|ca| inspect::life(ca).ok());
    lives.map(|life| life.not_after).max()
}

/// The Secret's data while it is read.
struct Stored<'a> {
    data: &'a Value,
    faults: Vec<String>,
}

impl Stored<'_> {
    fn bytes(&mut self, key: &str) -> Option<Vec<u8>> {
        let text = self.data[key].as_str()?;
        let decoded = STANDARD.decode(text).map_err(|_| "is not base64");
        self.note(key, decoded)
    }

    fn note<T>(&mut self, key: &str, read: Result<T, impl std::fmt::Display>) -> Option<T> {
        let fault = |error| self.faults.push(format!("{key} {error}"));
        read.map_err(fault).ok()
    }

    /// A pair, when both its keys are there and fit; without a fault when neither is.
    fn pair(
        &mut self,
        certificate: &str,
        key: &str,
        read: impl FnOnce(&[u8], &[u8]) -> Result<Pair, Error>,
    ) -> Option<Pair> {
        let is_stored = |key: &str| self.data[key].is_string();
        if is_stored(certificate) != is_stored(key) {
            let missing = if is_stored(key) { certificate } else { key };
            self.faults.push(format!("{missing} is missing"));
        }
        let pair = read(&self.bytes(certificate)?, &self.bytes(key)?);
        self.note(certificate, pair)
    }
}
