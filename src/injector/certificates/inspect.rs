//! What certificates say of themselves, and whether a chain is trusted by a bundle.
//!
//! Owns reading of PEM and X.509, and the one question that the API server asks of the webhook's
//! certificate. It never reads a file, an object or a clock. Used by all of `certificates`, and by
//! `stsidecar-injector check`.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::text;
use crate::time::Wall;

/// Why certificates cannot be read, or are not trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is not PEM, or holds no certificate.
    #[error("holds no certificate in PEM")]
    NoPem,
    /// The content of a PEM block is not a certificate.
    #[error("holds what is not an X.509 certificate")]
    NotX509,
    /// Nothing was given to verify.
    #[error("there is no certificate to verify")]
    NoChain,
    /// The name is not a DNS name.
    #[error("{0:?} is not a DNS name")]
    Name(String),
    /// The bundle holds nothing that could be trusted.
    #[error("the bundle holds no CA")]
    NoAuthorities,
    /// The chain does not end in a certificate of the bundle, is expired, or is for another name.
    #[error("the certificate is not trusted: {0}")]
    NotTrusted(#[source] rustls::Error),
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// Its `notBefore`.
    pub not_before: Wall,
    /// Its `notAfter`.
    pub not_after: Wall,
}

impl Life {
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            not_before: Wall::from_unix_seconds(validity.not_before.timestamp()),
            not_after: Wall::from_unix_seconds(validity.not_after.timestamp()),
        }
    }

    /// Whether `now` lies in it. A certificate from the future was made by a clock that was wrong.
    pub(super) fn includes(self, now: Wall) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// The life of a certificate.
///
/// # Errors
/// When it is not an X.509 certificate.
pub fn life(certificate: &CertificateDer<'_>) -> Result<Life, Error> {
    parse(certificate).map(|parsed| Life::of(&parsed))
}

/// All certificates of a PEM text, in its order; other blocks, such as keys, are passed over.
///
/// # Errors
/// When it holds none, or what only calls itself one.
pub fn read_pem(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = text::pem(text).map_err(|_| Error::NoPem)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates = read.map_err(|_| Error::NoPem)?;
    if certificates.is_empty() {
        return Err(Error::NoPem);
    }
    certificates
        .iter()
        .try_for_each(|certificate| parse(certificate).map(drop))?;
    Ok(certificates)
}

/// The PEM text of certificates, in their order.
#[must_use]
pub fn to_pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        // 64 characters a line: <https://www.rfc-editor.org/rfc/rfc7468#section-2>.
        for line in STANDARD.encode(certificate).as_bytes().chunks(64) {
            text.extend(line.iter().map(|byte| char::from(*byte)));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Whether a client that trusts `bundle` accepts `chain` (the leaf first) for `name` at `now`, as
/// the API server would with `<service>.<namespace>.svc`.
///
/// # Errors
/// When it would not, saying why.
pub fn verify(
    chain: &[CertificateDer<'_>],
    bundle: &[CertificateDer<'_>],
    name: &str,
    now: Wall,
) -> Result<(), Error> {
    let (leaf, intermediates) = chain.split_first().ok_or(Error::NoChain)?;
    // A bundle may hold the certificate itself (`openssl req -x509`): Go
    // accepts that, webpki does not.
    if bundle.contains(leaf) {
        let parsed = parse(leaf)?;
        if Life::of(&parsed).includes(now) && names(&parsed).contains(name) {
            return Ok(());
        }
    }
    let server = ServerName::try_from(name).map_err(|_| Error::Name(name.to_owned()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(
        bundle
            .iter()
            .map(|certificate| certificate.clone().into_owned()),
    );
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|_| Error::NoAuthorities)?;
    let at = UnixTime::since_unix_epoch(now.since(Wall::default()));
    verifier
        .verify_server_cert(leaf, intermediates, &server, &[], at)
        .map(drop)
        .map_err(Error::NotTrusted)
}

/// The subject alternative names.
pub(super) fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names
        .iter()
        .flat_map(|extension| &extension.value.general_names);
    names
        .map(|name| match name {
            GeneralName::DNSName(name) => (*name).to_owned(),
            other => other.to_string(),
        })
        .collect()
}

pub(super) fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        _ => Err(Error::NotX509),
    }
}
