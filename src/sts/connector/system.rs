//! The system's CA certificates: those of the image, or what `SSL_CERT_FILE` and `SSL_CERT_DIR`
//! name instead.
//!
//! Owns when they are read. The image's do not change while it runs; what is mounted there does,
//! and is read before each request, some milliseconds every few minutes. Without any certificate
//! what was read before stays in use. Called by `trust.rs`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, fs};

use ring::digest::{Context, SHA256};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_native_certs::load_certs_from_paths;

use super::Error;
use super::bundle::{Anchors, Bundle};
use super::pem::readable;

/// The system's roots, as far as this process has seen them.
pub(super) struct System {
    is_mounted: bool,
    /// The newest read found nothing, which is said once.
    is_missing: AtomicBool,
}

impl System {
    /// `is_mounted` when one of the two variables is set.
    pub(super) fn new(is_mounted: bool) -> Self {
        Self {
            is_mounted,
            is_missing: AtomicBool::new(false),
        }
    }

    /// The newest roots; the known ones where nothing has changed.
    pub(super) fn newest(&self, known: Option<&Arc<Anchors>>) -> Result<Arc<Anchors>, Error> {
        match known {
            Some(known) if !self.is_mounted => Ok(Arc::clone(known)),
            known => self.read(known),
        }
    }

    fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let mut found = native();
        if self.is_mounted {
            for certificate in mounted().iter().flat_map(|file| overlooked(file)) {
                if !found.contains(&certificate) {
                    found.push(certificate);
                }
            }
        }
        found
    }

    fn read(&self, known: Option<&Arc<Anchors>>) -> Result<Arc<Anchors>, Error> {
        let certificates = self.certificates();
        let mut content = Context::new(&SHA256);
        for certificate in &certificates {
            content.update(certificate);
        }
        let content = content.finish().as_ref().to_vec();
        let mut roots = RootCertStore::empty();
        // Without those that cannot be used: distributions ship a few odd ones.
        roots.add_parsable_certificates(certificates);
        let was_missing = self.is_missing.swap(roots.is_empty(), Ordering::Relaxed);
        match known {
            None if roots.is_empty() => return Err(Error::NoSystemRoots),
            Some(known) if roots.is_empty() => {
                if !was_missing {
                    tracing::warn!(
                        "no CA certificate is in SSL_CERT_FILE and SSL_CERT_DIR; those read before stay in use"
                    );
                }
                return Ok(Arc::clone(known));
            }
            Some(known) if known.content == content => return Ok(Arc::clone(known)),
            Some(_) => tracing::info!(
                certificates = roots.len(),
                "the system's CA certificates were replaced"
            ),
            None => {}
        }
        Ok(Arc::new(Anchors {
            roots: Arc::new(roots),
            servers: Arc::default(),
            content,
        }))
    }
}

/// What the two variables name, else what this system has. An empty variable is none;
/// `rustls_native_certs` would take it for a file.
fn native() -> Vec<CertificateDer<'static>> {
    if env::var_os("SSL_CERT_FILE").is_none_or(|file| !file.is_empty()) {
        return rustls_native_certs::load_native_certs().certs;
    }
    let named = env::var_os("SSL_CERT_DIR").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&named).collect();
    folders.retain(|folder| !folder.as_os_str().is_empty());
    let (file, folders) = if folders.is_empty() {
        let found = openssl_probe::probe();
        (found.cert_file, found.cert_dir)
    } else {
        (None, folders)
    };
    let mut certificates = load_certs_from_paths(file.as_deref(), None).certs;
    certificates.extend(
        folders
            .iter()
            .flat_map(|folder| load_certs_from_paths(None, Some(folder)).certs),
    );
    certificates.sort_unstable_by(|one, other| one.as_ref().cmp(other.as_ref()));
    certificates.dedup();
    certificates
}

/// The files that the two variables name.
fn mounted() -> Vec<PathBuf> {
    let folders = env::var_os("SSL_CERT_DIR").unwrap_or_default();
    let entries = env::split_paths(&folders)
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten();
    let files = env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    files
        .into_iter()
        .chain(entries.filter_map(|entry| Some(entry.ok()?.path())))
        .collect()
}

/// What `rustls_native_certs` may not see in a file: its parser looks for certificates at the
/// beginnings of lines, and for one label. What cannot be read is its to pass over.
fn overlooked(file: &Path) -> Vec<CertificateDer<'static>> {
    let is_readable =
        fs::metadata(file).is_ok_and(|file| file.is_file() && file.len() <= Bundle::LONGEST as u64);
    // A FIFO would wait for a writer.
    let content = is_readable.then(|| fs::read(file).ok()).flatten();
    let content = content
        .and_then(|content| readable(&content).ok())
        .unwrap_or_default();
    CertificateDer::pem_slice_iter(&content)
        .filter_map(Result::ok)
        .collect()
}
