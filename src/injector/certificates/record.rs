//! What all replicas know of the CAs in caBundle: since when each is there, and when it goes.
//!
//! Owns the record that is written beside caBundle, in an annotation of the same object and by the
//! same patch, and the one decision about both. It never reads or writes an object. Used by
//! `bundle` and the driver.
//!
//! caBundle is one field with many writers: replicas of two modes run side by side in every rolling
//! update, and a Secret that was changed reaches each of them at its own time. So no replica takes
//! out what is not known to be unneeded. A replica that does not need a CA writes down when it will
//! go; one that needs it crosses that out. What no replica has crossed out by then, no replica
//! serves a certificate of.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};

use super::inspect;
use crate::time::Wall;

/// The annotation of the webhook configuration. Helm and Argo CD leave alone what
/// no manifest of theirs has.
pub(super) const ANNOTATION: &str = "stsidecar.dev/trusted-cas";

/// How long a CA stays that a replica does not need. Replicas that need it look every few seconds,
/// so this is for those that cannot reach the API server meanwhile; and kubelets bring a changed
/// Secret to their pods within two minutes or so, each at its own time.
const STAYS: Duration = Duration::from_mins(10);

/// By the SHA-256 of each certificate, in hexadecimal digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record(BTreeMap<String, Entry>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// Since when every webhook has the CA.
    since: Wall,
    /// When it is taken out, unless a replica needs it.
    until: Option<Wall>,
}

impl Entry {
    fn read(value: &Value) -> Option<Self> {
        let time = |key: &str| value[key].as_str().and_then(Wall::parse_rfc3339);
        let (since, until) = (time("since")?, time("until"));
        Some(Self { since, until })
    }

    fn to_value(self) -> Value {
        let mut value = json!({"since": self.since.rfc3339()});
        if let Some(until) = self.until {
            value["until"] = until.rfc3339().into();
        }
        value
    }
}

impl Record {
    /// Reads the annotation; what cannot be read counts as not written.
    pub(super) fn read(text: Option<&str>) -> Self {
        let written = text.and_then(|text| serde_json::from_str(text).ok());
        let written: BTreeMap<String, Value> = written.unwrap_or_default();
        let entries = written
            .into_iter()
            .filter_map(|(id, value)| Some((id, Entry::read(&value)?)));
        Self(entries.collect())
    }

    /// The annotation's value.
    pub(super) fn to_text(&self) -> String {
        let entries = self
            .0
            .iter()
            .map(|(id, entry)| (id.clone(), entry.to_value()));
        Value::Object(entries.collect()).to_string()
    }

    /// For how long this CA has been in caBundle of every webhook; zero when that is not on record.
    pub(super) fn age(&self, authority: &CertificateDer<'_>, now: Wall) -> Duration {
        self.0
            .get(&id(authority))
            .map_or(Duration::ZERO, |entry| now.since(entry.since))
    }

    /// What caBundle must hold, and the record of it, when some webhooks have `anywhere` of CAs,
    /// all of them have `everywhere`, and this replica needs `needed`.
    ///
    /// It adds what is needed, and takes out what has ended or what no
    /// replica needed until its time.
    pub(super) fn next(
        &self,
        anywhere: &[CertificateDer<'static>],
        everywhere: &[CertificateDer<'static>],
        needed: &[CertificateDer<'static>],
        now: Wall,
    ) -> (Vec<CertificateDer<'static>>, Self) {
        // As the annotation says it, or each look would find a difference.
        let now = Wall::from_unix_seconds(now.unix_seconds());
        let new = needed.iter().filter(|ca| !anywhere.contains(ca));
        let (mut bundle, mut record) = (Vec::new(), Self::default());
        for ca in anywhere.iter().chain(new) {
            let id = id(ca);
            let entry = self.0.get(&id);
            let written = entry.and_then(|entry| entry.until);
            let has_ended = inspect::life(ca).map_or(true, |life| life.not_after <= now);
            let until = match fate(written, needed.contains(ca), now) {
                Fate::Goes => continue,
                _ if has_ended => continue,
                Fate::Stays => None,
                Fate::GoesAt(until) => Some(until),
            };
            let known = entry.filter(|_| everywhere.contains(ca));
            let since = known.map_or(now, |entry| entry.since);
            record.0.insert(id, Entry { since, until });
            bundle.push(ca.clone());
        }
        (bundle, record)
    }
}

/// What becomes of a CA.
enum Fate {
    Stays,
    GoesAt(Wall),
    Goes,
}

/// What becomes of a CA that has this time on record.
///
/// A replica that needs it waits with crossing the time out until half of it has passed:
/// often that is not necessary any more, and where two modes stay side by side it makes
/// two writes in five minutes.
fn fate(written: Option<Wall>, is_needed: bool, now: Wall) -> Fate {
    // Further away than a replica writes it: by a clock that was wrong.
    let written = written.filter(|until| *until <= now.plus(2 * STAYS));
    match (written, is_needed) {
        (Some(until), true) if until > now.plus(STAYS / 2) => Fate::GoesAt(until),
        (_, true) => Fate::Stays,
        (Some(until), false) if until <= now => Fate::Goes,
        (Some(until), false) => Fate::GoesAt(until),
        (None, false) => Fate::GoesAt(now.plus(STAYS)),
    }
}

fn id(authority: &CertificateDer<'_>) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, authority).as_ref() {
        write!(text, "{byte:02x}").expect("a String takes every text");
    }
    text
}

#[cfg(test)]
mod tests;
