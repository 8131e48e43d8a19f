//! Modes `certManager` and `external`: certificates that others renew, mounted from a Secret.
//!
//! Owns the last good pair of `tls.crt` and `tls.key`, and the last good `ca.crt`, which names the
//! CAs for caBundle. Bad content never takes good content away. It never writes a file. Called by
//! the driver at each look.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tracing::info;

use super::inspect;
use super::metrics::Metrics;
use super::pair::Servable;
use crate::rotated_file::{self, Latest, RotatedFile};

/// Longest file: a chain or bundle of some dozen certificates.
const LONGEST: usize = 256 * 1024;

/// Why the files are not usable. Never holds any of a key.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    File(#[from] Arc<rotated_file::Error>),
    #[error("tls.key does not fit tls.crt, what was read before stays in use: {0}")]
    OtherKey(#[from] rustls::Error),
    #[error(transparent)]
    Certificate(#[from] inspect::Error),
    #[error(
        "{0}; caBundle needs the CA of tls.crt there: an ACME issuer gives none, take another or \
         mode self"
    )]
    Authorities(#[source] Box<Self>),
}

type Certificates = Vec<CertificateDer<'static>>;

/// The mounted files.
pub(super) struct Files {
    certificate: RotatedFile<Certificates>,
    key: RotatedFile<PrivateKeyDer<'static>>,
    authority: RotatedFile<Certificates>,
    generations: (u64, u64),
    /// The last good pair.
    pub(super) pair: Option<Servable>,
    /// The CAs of the last good `ca.crt`.
    pub(super) authorities: Certificates,
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
            authority: certificates("ca.crt"),
            generations: (0, 0),
            pair: None,
            authorities: Vec::new(),
            failure: None,
            metrics,
        }
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
        let (chain, key) = (good(certificate)?, good(key)?);
        if generations == self.generations {
            return Ok(());
        }
        let leaf = chain.first().ok_or(inspect::Error::NoChain)?;
        let life = inspect::life(leaf)?;
        // Both are replaced at once, but read one after the other: the next
        // look finds the other half.
        let pair = Servable::new(chain.to_vec(), key.clone_key(), life)?;
        let (file, not_after) = (self.certificate.path().display(), life.not_after.rfc3339());
        info!(%file, not_after, "certificate read");
        self.pair = Some(pair);
        self.generations = generations;
        self.metrics.renewed();
        Ok(())
    }

    fn read_authorities(&mut self) -> Result<(), Error> {
        let found = good(self.authority.reload());
        let found = found.map_err(|error| Error::Authorities(error.into()))?;
        self.authorities.clone_from(&found);
        Ok(())
    }
}

fn good<T>(latest: Latest<T>) -> Result<Arc<T>, Error> {
    match latest.error {
        Some(error) => Err(Error::File(error)),
        None => Ok(latest.value.expect("a read gives a value or an error")),
    }
}
