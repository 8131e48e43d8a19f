//! A certificate with its key: making a CA and the leaves it signs, and reading both back.
//!
//! Owns what such certificates say (P-256, names, usages, life) and the form in which rustls serves
//! them. It never decides when one is made, and never shows a key: `Debug` and errors hold none.
//! Called by `keyring` and `files`.

use std::collections::BTreeSet;
use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::inspect::{self, Life};
use crate::credentials::Secret;
use crate::injector::config::Durations;
use crate::time::Wall;

/// How long before its making a certificate begins, since clocks of nodes differ. kubeadm backdates
/// its own by as much (`CertificateBackdate`,
/// <https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/constants/constants.go>).
const BACKDATE: Duration = Duration::from_mins(5);

/// The last second that a certificate can name
/// (<https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5>).
const YEAR_9999: i64 = 253_402_300_799;

/// Why a certificate was not made, or is not usable. Never holds any of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("making a certificate: {0}")]
    Making(#[from] rcgen::Error),
    #[error(transparent)]
    Unreadable(#[from] inspect::Error),
    #[error("holds {0} certificates, not one")]
    NotOne(usize),
    #[error("is not the certificate of a CA")]
    NotAnAuthority,
    #[error("its key is not a P-256 key in PKCS#8")]
    Key,
    #[error("its key does not fit: {0}")]
    OtherKey(#[from] rustls::Error),
    #[error("is for {}, not for {}", listed(found), listed(wanted))]
    OtherNames {
        found: BTreeSet<String>,
        wanted: BTreeSet<String>,
    },
}

/// The names under which the API server and other pods reach the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    all: BTreeSet<String>,
    /// The one that the API server checks: `<service>.<namespace>.svc`, whatever the cluster's
    /// domain
    /// (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference>).
    pub(super) called: String,
}

fn listed(names: &BTreeSet<String>) -> String {
    names
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Names {
    pub(super) fn of_service(service: &str, namespace: &str) -> Self {
        let short = format!("{service}.{namespace}");
        let called = format!("{short}.svc");
        let all = [short, format!("{called}.cluster.local"), called.clone()];
        Self {
            all: all.into(),
            called,
        }
    }
}

/// What new certificates are made by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) names: &'a Names,
    pub(super) lasts: Durations,
    pub(super) now: Wall,
}

/// A chain, the leaf first, with its key as rustls serves it.
#[derive(Clone, Debug)]
pub(super) struct Servable {
    pub(super) key: Arc<CertifiedKey>,
    /// The leaf's.
    pub(super) life: Life,
}

impl Servable {
    /// Fails when the key does not fit the leaf.
    pub(super) fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        life: Life,
    ) -> Result<Self, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider)?.into();
        Ok(Self { key, life })
    }

    /// Whether an API server that has this CA in caBundle accepts it for `name` at `now`.
    pub(super) fn is_trusted_by(&self, ca: &CertificateDer<'_>, name: &str, now: Wall) -> bool {
        inspect::verify(&self.key.cert, from_ref(ca), name, now).is_ok()
    }
}

/// A certificate has one key, so the chains decide.
impl PartialEq for Servable {
    fn eq(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) servable: Servable,
    /// PKCS#8 in PEM.
    key: Secret,
}

impl Pair {
    /// A new CA that may sign leaves and nothing else.
    pub(super) fn authority(lasts: Duration, now: Wall) -> Result<Self, Error> {
        let life = Life {
            not_before: now.minus(BACKDATE),
            not_after: now.plus(lasts),
        };
        // The time in it distinguishes an old CA from a new one where both are listed; Go
        // distinguishes them by their key ids (<https://pkg.go.dev/crypto/x509#CertPool>).
        let name = format!("stsidecar-injector CA {}", now.rfc3339());
        let mut params = params(&BTreeSet::new(), &name, life)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Self::new(params.self_signed(&key)?.into(), &key)
    }

    /// A new leaf, signed by this CA and never outliving it.
    pub(super) fn sign(&self, terms: Terms<'_>) -> Result<Self, Error> {
        let life = Life {
            not_before: terms.now.minus(BACKDATE).max(self.life().not_before),
            not_after: terms.now.plus(terms.lasts.leaf).min(self.life().not_after),
        };
        let mut params = params(&terms.names.all, "stsidecar-injector", life)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let own = KeyPair::from_pem(self.key.expose())?;
        let issuer = Issuer::from_ca_cert_der(self.certificate(), own)?;
        let key = KeyPair::generate()?;
        Self::new(params.signed_by(&key, &issuer)?.into(), &key)
    }

    fn new(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<Self, Error> {
        let life = inspect::life(&certificate)?;
        let der = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok(Self {
            servable: Servable::new(vec![certificate], der.into(), life)?,
            key: Secret::new(key.serialize_pem()),
        })
    }

    /// Reads a CA back.
    pub(super) fn read_authority(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let pair = Self::read(certificate, key)?;
        if inspect::parse(pair.certificate())?.is_ca() {
            Ok(pair)
        } else {
            Err(Error::NotAnAuthority)
        }
    }

    /// Reads a leaf back, which must be for exactly these names and signed by this CA.
    pub(super) fn read_leaf(
        certificate: &[u8],
        key: &[u8],
        names: &Names,
        authority: &CertificateDer<'_>,
    ) -> Result<Self, Error> {
        let pair = Self::read(certificate, key)?;
        let found = inspect::names(&inspect::parse(pair.certificate())?);
        if found != names.all {
            let wanted = names.all.clone();
            return Err(Error::OtherNames { found, wanted });
        }
        // Whether its time has come is judged later; here a time counts at which CA
        // and leaf were both valid.
        let at = pair.life().not_after.minus(Duration::from_secs(1));
        let chain = from_ref(pair.certificate());
        inspect::verify(chain, from_ref(authority), &names.called, at)?;
        Ok(pair)
    }

    fn read(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let mut certificates = inspect::read_pem(certificate)?;
        let (Some(certificate), true) = (certificates.pop(), certificates.is_empty()) else {
            return Err(Error::NotOne(certificates.len() + 1));
        };
        // rcgen's own error would name an algorithm, but not what is expected.
        let key = std::str::from_utf8(key)
            .ok()
            .and_then(|text| KeyPair::from_pem(text).ok())
            .ok_or(Error::Key)?;
        Self::new(certificate, &key)
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.servable.key.cert[0]
    }

    pub(super) fn life(&self) -> Life {
        self.servable.life
    }

    /// For the Secret.
    pub(super) fn certificate_pem(&self) -> String {
        inspect::to_pem(from_ref(self.certificate()))
    }

    /// For the Secret only.
    pub(super) fn expose_key_pem(&self) -> &str {
        self.key.expose()
    }
}

fn params(
    names: &BTreeSet<String>,
    common_name: &str,
    life: Life,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    // Counted from 1970 and in whole seconds, so that any wall clock gives a date
    // that a certificate can hold.
    let date = |at: Wall| {
        let seconds = at.unix_seconds().clamp(0, YEAR_9999).unsigned_abs();
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (params.not_before, params.not_after) = (date(life.not_before), date(life.not_after));
    Ok(params)
}
