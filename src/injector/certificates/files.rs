//! Modes `certManager` and `external`: certificates that somebody else renews, mounted from a Secret.
//!
//! Owns the last good pair of `tls.crt` and `tls.key`, and the last good `ca.crt`, which names the CAs for caBundle.
//! Bad content never takes good content away. It never writes a file. Called by the driver at each look.

use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tracing::info;

use super::inspect;
use super::metrics::Metrics;
use super::serving::Servable;
use crate::rotated_file::{self, Latest, RotatedFile};

/// Longest file: a chain or bundle of some dozen certificates.
const LONGEST: usize = 256 * 1024;

/// Why the files are not usable. Never holds any of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    File(#[from] std::sync::Arc<rotated_file::Error>),
    #[error("{0} has not been read yet")]
    Unread(String),
    #[error("tls.key does not fit tls.crt, what was read before stays in use: {0}")]
    OtherKey(rustls::Error),
    #[error(transparent)]
    Certificate(#[from] inspect::Error),
    #[error(
        "{0}; caBundle needs the CA of tls.crt there: an ACME issuer gives none, take another or mode self"
    )]
    Authorities(#[source] Box<Self>),
}

type Certificates = Vec<CertificateDer<'static>>;

/// The mounted files.
pub(super) struct Files {
    certificate: RotatedFile<Certificates>,
    key: RotatedFile<PrivateKeyDer<'static>>,
    authorities: RotatedFile<Certificates>,
    generations: (u64, u64),
    pair: Option<Servable>,
    trusted: Certificates,
    failure: Option<String>,
    metrics: Metrics,
}

impl Files {
    pub(super) fn new(folder: &Path, metrics: Metrics) -> Self {
        let certificates =
            |name| RotatedFile::new(folder.join(name), LONGEST, inspect::read_pem, None);
        // What the parser says of a key might quote it.
        let key = |text: &[u8]| {
            PrivateKeyDer::from_pem_slice(text).map_err(|_| "holds no private key in PEM")
        };
        Self {
            certificate: certificates("tls.crt"),
            key: RotatedFile::new(folder.join("tls.key"), LONGEST, key, None),
            authorities: certificates("ca.crt"),
            generations: (0, 0),
            pair: None,
            trusted: Vec::new(),
            failure: None,
            metrics,
        }
    }

    /// The file whose folder is worth watching: the kubelet replaces all three at once.
    pub(super) fn watched(&self) -> RotatedFile<Certificates> {
        self.certificate.clone()
    }

    /// Reads the files; an error leaves in use what was read before.
    pub(super) fn look(&mut self) -> Result<(), Error> {
        let (pair, authorities) = (self.read_pair(), self.read_authorities());
        let looked = pair.and(authorities);
        let failure = looked.as_ref().err().map(ToString::to_string);
        if failure.is_some() && failure != self.failure {
            self.metrics.failed();
        }
        self.failure = failure;
        looked
    }

    fn read_pair(&mut self) -> Result<(), Error> {
        let (certificate, key) = (self.certificate.reload(), self.key.reload());
        let generations = (certificate.generation, key.generation);
        let (chain, key) = (
            good(&certificate, &self.certificate)?,
            good(&key, &self.key)?,
        );
        if generations == self.generations {
            return Ok(());
        }
        let life = chain
            .first()
            .ok_or(inspect::Error::NoChain)
            .and_then(inspect::life)?;
        let provider = rustls::crypto::ring::default_provider();
        // Both are replaced at once, but read one after the other: the next look finds the other half.
        let key = CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider)
            .map_err(Error::OtherKey)?;
        info!(file = %self.certificate.path().display(), not_after = life.not_after.rfc3339(), "certificate read");
        self.pair = Some(Servable {
            key: key.into(),
            life,
        });
        self.generations = generations;
        self.metrics.renewed();
        Ok(())
    }

    fn read_authorities(&mut self) -> Result<(), Error> {
        let found = good(&self.authorities.reload(), &self.authorities);
        self.trusted
            .clone_from(&*found.map_err(|error| Error::Authorities(error.into()))?);
        Ok(())
    }

    /// What is served of the files.
    pub(super) fn candidate(&self) -> Option<Servable> {
        self.pair.clone()
    }

    /// The CAs of `ca.crt`.
    pub(super) fn authorities(&self) -> Certificates {
        self.trusted.clone()
    }
}

fn good<T>(latest: &Latest<T>, file: &RotatedFile<T>) -> Result<std::sync::Arc<T>, Error> {
    match (&latest.error, &latest.value) {
        (Some(error), _) => Err(Error::File(error.clone())),
        (None, Some(value)) => Ok(value.clone()),
        (None, None) => Err(Error::Unread(file.path().display().to_string())),
    }
}
