//! The roots that servers are checked against: the certificates of `AWS_CA_BUNDLE`, or the
//! system's.
//!
//! Owns the TLS configuration. It follows the bundle: the first connection after a rotation is made
//! under the new one alone, and none is resumed or kept from before. It reads no bundle; the caller
//! says where the newest comes from. Called by `http.rs` before each request.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Error;
use super::pem::readable;
use super::system::System;
use super::verifier::{Digests, Verifier, fingerprint};
use crate::text;

/// The certificates of one content of `AWS_CA_BUNDLE`, each of them usable as a root.
pub struct Bundle(Arc<Anchors>);

/// What vouches for servers.
pub(super) struct Anchors {
    pub(super) roots: Arc<RootCertStore>,
    /// Certificates that are trusted as servers' too.
    pub(super) servers: Arc<Digests>,
    /// Distinguishes this content from another one; empty where that is known otherwise.
    pub(super) content: Vec<u8>,
}

/// Why a content is no bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABundle {
    /// No block of PEM in it is a certificate.
    #[error("it holds no PEM certificate (-----BEGIN CERTIFICATE-----)")]
    Empty,
    /// One block is broken; its number counts from 1.
    #[error("PEM block {0} is not a certificate")]
    Block(usize),
    /// A form of OpenSSL alone, with its own notes behind the certificate.
    #[error("it has a TRUSTED CERTIFICATE, which only OpenSSL reads: write it with `openssl x509`")]
    Trusted,
    /// A container of certificates.
    #[error("it has a block of PKCS7: write its certificates with `openssl pkcs7 -print_certs`")]
    Pkcs7,
    /// No PEM can be in it.
    #[error("it cannot be read: {0}")]
    Text(#[from] text::Error),
}

impl Bundle {
    /// The longest bundle, in bytes: ten times that of a distribution with all public CAs.
    pub const LONGEST: usize = 4 << 20;

    /// Reads PEM, with any text between the certificates.
    ///
    /// # Errors
    /// When there is no certificate, or one that no root can be made of.
    pub fn parse(content: &[u8]) -> Result<Self, NotABundle> {
        let content = readable(content)?;
        let (mut roots, mut servers) = (RootCertStore::empty(), Digests::new());
        for (index, block) in CertificateDer::pem_slice_iter(&content).enumerate() {
            let certificate = block.map_err(|_| NotABundle::Block(index + 1))?;
            servers.insert(fingerprint(&certificate));
            roots
                .add(certificate)
                .map_err(|_| NotABundle::Block(index + 1))?;
        }
        if roots.is_empty() {
            return Err(NotABundle::Empty);
        }
        Ok(Self(Arc::new(Anchors {
            roots: Arc::new(roots),
            servers: Arc::new(servers),
            content: Vec::new(),
        })))
    }

    /// How many certificates it holds.
    #[must_use]
    pub fn certificates(&self) -> usize {
        self.0.roots.len()
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bundle({} certificates)", self.certificates())
    }
}

/// Answers the newest good content of `AWS_CA_BUNDLE`; nothing while there never was one.
pub type CaBundle = Arc<dyn Fn() -> Option<Arc<Bundle>> + Send + Sync>;

/// What TLS is spoken with.
pub(super) struct Trust {
    source: Source,
    made: Mutex<Option<Made>>,
}

enum Source {
    Bundle(CaBundle),
    System(System),
}

/// A configuration and what it is made from.
struct Made {
    of: Arc<Anchors>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// Makes the first configuration, so that what cannot be used is known at start. Without a
    /// bundle the system's roots are trusted, which may be mounted ones.
    pub(super) fn new(bundle: Option<CaBundle>, has_mounted_roots: bool) -> Result<Self, Error> {
        let source = bundle.map_or_else(
            || Source::System(System::new(has_mounted_roots)),
            Source::Bundle,
        );
        let trust = Self {
            source,
            made: Mutex::default(),
        };
        trust.config().map(|_| trust)
    }

    /// The configuration for a request that begins now: the same one for as long as nothing was
    /// rotated.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = match &self.source {
            Source::Bundle(newest) => Arc::clone(&newest().ok_or(Error::NoBundle)?.0),
            Source::System(system) => system.newest(made.as_ref().map(|made| &made.of))?,
        };
        if let Some(Made { of, config }) = &*made
            && Arc::ptr_eq(of, &newest)
        {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(configuration(&newest));
        *made = Some(Made {
            of: newest,
            config: Arc::clone(&config),
        });
        Ok(config)
    }
}

fn configuration(anchors: &Anchors) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new(
        Arc::clone(&anchors.roots),
        Arc::clone(&anchors.servers),
        Arc::clone(&provider),
    );
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring speaks TLS 1.2 and 1.3").dangerous();
    let mut config = builder
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session skips the certificate, and minutes lie between two connections.
    config.resumption = Resumption::disabled();
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bundle_says_which_block_is_wrong() {
        let broken =
            "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        for (content, wrong) in [
            ("", NotABundle::Empty),
            ("just text", NotABundle::Empty),
            (broken, NotABundle::Block(1)),
            ("-----BEGIN CERTIFICATE-----\nbm90", NotABundle::Block(1)),
        ] {
            assert_eq!(
                Bundle::parse(content.as_bytes()).err(),
                Some(wrong),
                "{content}"
            );
        }
    }

    fn authority() -> String {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("ring makes keys");
        params.self_signed(&key).expect("it signs itself").pem()
    }

    #[test]
    fn no_certificate_of_a_bundle_is_left_out() {
        let (one, other) = (authority(), authority());
        let old = other.replace("CERTIFICATE", "X509 CERTIFICATE");
        for bundle in [
            format!("{}{other}", one.trim_end()),
            format!("{one}{old}"),
            format!("{old}{one}"),
        ] {
            let Bundle(anchors) = Bundle::parse(bundle.as_bytes()).expect("a bundle");
            assert_eq!(
                (anchors.roots.len(), anchors.servers.len()),
                (2, 2),
                "{bundle}"
            );
        }
        let trusted = other.replace("CERTIFICATE", "TRUSTED CERTIFICATE");
        let pkcs7 = other.replace("CERTIFICATE", "PKCS7");
        for (bundle, said) in [
            (
                format!("{one}{trusted}"),
                "it has a TRUSTED CERTIFICATE, which only OpenSSL reads: write it with `openssl x509`",
            ),
            (
                format!("{pkcs7}{one}"),
                "it has a block of PKCS7: write its certificates with `openssl pkcs7 -print_certs`",
            ),
            (
                format!("{one}-----BEGIN CERTIFICATE-----MII\n"),
                "PEM block 2 is not a certificate",
            ),
        ] {
            assert_eq!(
                Bundle::parse(bundle.as_bytes())
                    .expect_err(&bundle)
                    .to_string(),
                said,
                "{bundle}"
            );
        }
        let request = format!(
            "{one}-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"
        );
        assert!(
            Bundle::parse(request.as_bytes()).is_ok(),
            "what is no certificate may be beside one"
        );
    }

    #[test]
    fn a_configuration_lasts_until_the_bundle_is_another_one() {
        let authority = || Arc::new(Bundle::parse(authority().as_bytes()).expect("a bundle"));
        let newest = Arc::new(Mutex::new(None));
        let read = Arc::clone(&newest);
        let source = move || read.lock().expect("no panic").clone();
        assert!(matches!(
            Trust::new(Some(Arc::new(source.clone())), false).err(),
            Some(Error::NoBundle)
        ));
        *newest.lock().expect("no panic") = Some(authority());
        let trust = Trust::new(Some(Arc::new(source)), false).expect("a bundle is there");
        let first = trust.config().expect("a configuration");
        assert!(Arc::ptr_eq(
            &first,
            &trust.config().expect("a configuration")
        ));
        *newest.lock().expect("no panic") = Some(authority());
        let second = trust.config().expect("a configuration");
        assert!(
            !Arc::ptr_eq(&first, &second)
                && Arc::ptr_eq(&second, &trust.config().expect("a configuration"))
        );
    }
}
