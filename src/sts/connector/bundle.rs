//! What vouches for servers: the certificates of a PEM bundle, each of them a root.
//!
//! Owns the forms of PEM that are accepted, and why another content is no bundle. It reads no file
//! and makes no TLS configuration: `trust` does. `agent` parses the content of `AWS_CA_BUNDLE` with it.

use std::fmt;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pem::readable;
use super::verifier::{Digests, fingerprint};
use crate::text;

/// The certificates of one content of `AWS_CA_BUNDLE`, each of them usable as a root.
pub struct Bundle(pub(super) Arc<Anchors>);

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
