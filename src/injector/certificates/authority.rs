//! A certificate with its key: making a CA and the leaves it signs, and reading both back.
//!
//! Owns what such certificates say (P-256, names, usages, life). It never decides when one is made, and never
//! shows a key: `Debug` and errors hold none. Called by `held`.

use std::collections::BTreeSet;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::inspect::{self, Life};
use crate::credentials::Secret;
use crate::time::Wall;

/// How long before its making a certificate begins: clocks of nodes differ, and kubeadm backdates its own by as much.
const BACKDATE: Duration = Duration::from_mins(5);

/// The last second that a certificate can name (RFC 5280, 4.1.2.5.2).
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
    #[error("its key does not fit")]
    OtherKey,
    #[error("is for {found}, not for {wanted}")]
    OtherNames { found: String, wanted: String },
    #[error("cannot be served: {0}")]
    Unservable(#[from] rustls::Error),
}

/// The names under which the API server and other pods reach the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names(BTreeSet<String>, String);

impl Names {
    pub(super) fn of_service(service: &str, namespace: &str) -> Self {
        let short = format!("{service}.{namespace}");
        let called = format!("{short}.svc");
        Self(
            [short, format!("{called}.cluster.local"), called.clone()].into(),
            called,
        )
    }

    /// The one that the API server checks: `<service>.<namespace>.svc`, whatever the cluster's domain.
    pub(super) fn called(&self) -> &str {
        &self.1
    }
}

/// A certificate and its private key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) life: Life,
    /// PKCS#8 in PEM.
    key: Secret,
}

impl Pair {
    /// A new CA that may sign leaves and nothing else.
    pub(super) fn authority(lasts: Duration, now: Wall) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        // The time in it tells an old CA from a new one where both are listed; Go tells them by their key ids.
        params.distinguished_name = name(&format!("stsidecar-injector CA {}", now.rfc3339()));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let life = Life {
            not_before: now.minus(BACKDATE),
            not_after: now.plus(lasts),
        };
        let key = KeyPair::generate()?;
        set_life(&mut params, life);
        Ok(Self {
            certificate: params.self_signed(&key)?.into(),
            life: whole(life),
            key: pem_of(&key),
        })
    }

    /// A new leaf, signed by this CA and never outliving it.
    pub(super) fn sign(&self, names: &Names, lasts: Duration, now: Wall) -> Result<Self, Error> {
        let mut params = CertificateParams::new(names.0.iter().cloned().collect::<Vec<_>>())?;
        params.distinguished_name = name("stsidecar-injector");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let life = Life {
            not_before: now.minus(BACKDATE).max(self.life.not_before),
            not_after: now.plus(lasts).min(self.life.not_after),
        };
        let key = KeyPair::generate()?;
        let own = KeyPair::from_pem(self.key.expose())?;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, own)?;
        set_life(&mut params, life);
        Ok(Self {
            certificate: params.signed_by(&key, &issuer)?.into(),
            life: whole(life),
            key: pem_of(&key),
        })
    }

    /// Reads a CA back.
    pub(super) fn read_authority(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let pair = Self::read(certificate, key)?;
        let parsed = inspect::parse(&pair.certificate)?;
        if parsed.is_ca() {
            Ok(pair)
        } else {
            Err(Error::NotAnAuthority)
        }
    }

    /// Reads a leaf back, which must be for exactly these names.
    pub(super) fn read_leaf(certificate: &[u8], key: &[u8], names: &Names) -> Result<Self, Error> {
        let pair = Self::read(certificate, key)?;
        let found = inspect::names(&inspect::parse(&pair.certificate)?);
        if found == names.0 {
            return Ok(pair);
        }
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        Err(Error::OtherNames {
            found: list(found),
            wanted: list(names.0.clone()),
        })
    }

    fn read(certificate: &[u8], key: &[u8]) -> Result<Self, Error> {
        let mut certificates = inspect::read_pem(certificate)?;
        let (Some(certificate), true) = (certificates.pop(), certificates.is_empty()) else {
            return Err(Error::NotOne(certificates.len() + 1));
        };
        let text = std::str::from_utf8(key).map_err(|_| Error::Key)?;
        // What rcgen says of a bad key names its algorithm at most, but it helps nobody.
        let key = KeyPair::from_pem(text).map_err(|_| Error::Key)?;
        let parsed = inspect::parse(&certificate)?;
        if parsed.public_key().subject_public_key.data != key.der_bytes() {
            return Err(Error::OtherKey);
        }
        let life = Life::of(&parsed);
        Ok(Self {
            certificate,
            life,
            key: Secret::new(text.to_owned()),
        })
    }

    /// For the Secret.
    pub(super) fn certificate_pem(&self) -> String {
        inspect::to_pem(std::slice::from_ref(&self.certificate))
    }

    /// For the Secret only.
    pub(super) fn expose_key_pem(&self) -> &str {
        self.key.expose()
    }

    /// What rustls serves.
    pub(super) fn to_served(&self) -> Result<CertifiedKey, Error> {
        let key =
            PrivateKeyDer::from_pem_slice(self.key.expose().as_bytes()).map_err(|_| Error::Key)?;
        Ok(CertifiedKey::from_der(
            vec![self.certificate.clone()],
            key,
            &rustls::crypto::ring::default_provider(),
        )?)
    }
}

fn pem_of(key: &KeyPair) -> Secret {
    Secret::new(key.serialize_pem())
}

fn name(common: &str) -> rcgen::DistinguishedName {
    let mut name = rcgen::DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// A certificate's times are whole seconds.
fn whole(life: Life) -> Life {
    let seconds =
        |instant: Wall| Wall::from_unix_seconds(instant.unix_seconds().clamp(0, YEAR_9999));
    Life {
        not_before: seconds(life.not_before),
        not_after: seconds(life.not_after),
    }
}

fn set_life(params: &mut CertificateParams, life: Life) {
    let life = whole(life);
    // Counted from 1970, so that any wall clock gives a date.
    let date = |instant: Wall| date_time_ymd(1970, 1, 1) + instant.since(Wall::default());
    params.not_before = date(life.not_before);
    params.not_after = date(life.not_after);
}
