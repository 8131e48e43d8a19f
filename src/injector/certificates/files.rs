//! Modes `certManager` and `external`: certificates that somebody else renews, mounted from a Secret.
//!
//! Owns the last good pair of `tls.crt` and `tls.key`, and, when caBundle is ours to write, what `ca.crt` asks
//! for. Bad content never takes a good pair away. It never writes a file. Called by the driver at each look.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tokio::time::Instant;
use tracing::info;

use super::inspect;
use super::metrics::Metrics;
use super::serving::Servable;
use crate::rotated_file::{self, Latest, RotatedFile};
use crate::time::Wall;

/// Longest file: a chain or bundle of some dozen certificates.
const LONGEST: usize = 256 * 1024;

/// How long a CA that left `ca.crt` stays in caBundle: kubelets bring a changed Secret to their pods within two
/// minutes or so, each at its own time, and another replica may serve the old certificate until then.
const STAYS: Duration = Duration::from_mins(10);

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
}

type Certificates = Vec<CertificateDer<'static>>;

/// The mounted files.
pub(super) struct Files {
    certificate: RotatedFile<Certificates>,
    key: RotatedFile<PrivateKeyDer<'static>>,
    /// Only when caBundle is ours to write.
    authorities: Option<RotatedFile<Certificates>>,
    generations: (u64, u64),
    pair: Option<Servable>,
    trusted: Certificates,
    left: Vec<(CertificateDer<'static>, Instant)>,
    failure: Option<String>,
    metrics: Metrics,
}

impl Files {
    pub(super) fn new(folder: &Path, writes_bundle: bool, metrics: Metrics) -> Self {
        let certificates = |name| RotatedFile::new(folder.join(name), LONGEST, inspect::read_pem, None);
        // What the parser says of a key might quote it.
        let key = |text: &[u8]| PrivateKeyDer::from_pem_slice(text).map_err(|_| "holds no private key in PEM");
        Self {
            certificate: certificates("tls.crt"),
            key: RotatedFile::new(folder.join("tls.key"), LONGEST, key, None),
            authorities: writes_bundle.then(|| certificates("ca.crt")),
            generations: (0, 0),
            pair: None,
            trusted: Vec::new(),
            left: Vec::new(),
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
        let looked = self.read_pair().and_then(|()| self.read_authorities());
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
        let (chain, key) = (good(&certificate, &self.certificate)?, good(&key, &self.key)?);
        if generations == self.generations {
            return Ok(());
        }
        let life = chain.first().ok_or(inspect::Error::NoChain).and_then(inspect::life)?;
        let provider = rustls::crypto::ring::default_provider();
        // Both are replaced at once, but read one after the other: the next look finds the other half.
        let key = CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider).map_err(Error::OtherKey)?;
        info!(file = %self.certificate.path().display(), not_after = life.not_after.rfc3339(), "certificate read");
        self.pair = Some(Servable { key: key.into(), life });
        self.generations = generations;
        self.metrics.renewed();
        Ok(())
    }

    fn read_authorities(&mut self) -> Result<(), Error> {
        let Some(file) = &self.authorities else { return Ok(()) };
        let found = good(&file.reload(), file)?;
        let now = Instant::now();
        for gone in self.trusted.iter().filter(|ca| !found.contains(ca)) {
            self.left.push((gone.clone(), now));
        }
        self.left.retain(|(ca, _)| !found.contains(ca));
        self.trusted.clone_from(&found);
        Ok(())
    }

    /// What is served of the files.
    pub(super) fn candidate(&self) -> Option<Servable> {
        self.pair.clone()
    }

    /// What caBundle must hold, given what it holds; nothing when it is not ours to write.
    ///
    /// Other CAs in it stay while they are valid: another replica may have read newer files. Those that left
    /// `ca.crt` under our eyes go some time later.
    pub(super) fn wanted(&self, present: &[CertificateDer<'static>], now: Wall) -> Option<Certificates> {
        if self.authorities.is_none() || self.trusted.is_empty() {
            return None;
        }
        let is_valid = |ca: &CertificateDer<'_>| inspect::life(ca).is_ok_and(|life| life.includes(now));
        let is_gone = |ca: &CertificateDer<'_>| self.left.iter().any(|(left, at)| left == ca && at.elapsed() >= STAYS);
        let mut wanted = self.trusted.clone();
        for ca in present.iter().filter(|ca| is_valid(ca) && !is_gone(ca)) {
            if !wanted.contains(ca) {
                wanted.push(ca.clone());
            }
        }
        Some(wanted)
    }
}

fn good<T>(latest: &Latest<T>, file: &RotatedFile<T>) -> Result<std::sync::Arc<T>, Error> {
    match (&latest.error, &latest.value) {
        (Some(error), _) => Err(Error::File(error.clone())),
        (None, Some(value)) => Ok(value.clone()),
        (None, None) => Err(Error::Unread(file.path().display().to_string())),
    }
}
