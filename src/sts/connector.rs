//! The one connection maker of the STS client: roots, proxy and time-out, prepared once at start.
//!
//! Checks every certificate here, so that a broken one is told at start (agent decision A3). Speaks TLS only
//! where the endpoint does, since reading the roots costs milliseconds of start-up (B1). It reads no
//! environment but what the platform's root store defines (`SSL_CERT_FILE`).

mod deadline;
mod dial;
mod http;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

#[cfg(test)]
pub(super) use self::deadline::Limit;
pub(super) use self::deadline::{Phase, TimedOut};
pub(super) use self::dial::{AtProxy, Refusal};
use self::http::Http;
use super::settings::{Proxy, Settings};

/// One connection serves the calls of a chain; none stays open until the next refresh (agent decision B15).
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no connection maker could be prepared; each is a wrong setting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `AWS_CA_BUNDLE` cannot be read.
    #[error("cannot read the CA bundle {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `AWS_CA_BUNDLE` holds no certificate.
    #[error("the CA bundle {} holds no PEM certificate (-----BEGIN CERTIFICATE-----)", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A block of `AWS_CA_BUNDLE` is no certificate.
    #[error("PEM block {number} of the CA bundle {} is not a certificate", path.display())]
    NotACertificate {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
    },
    /// The system has no CA certificates.
    #[error("this system has no CA certificates to check STS with; name a bundle with AWS_CA_BUNDLE")]
    NoSystemRoots,
    /// Not a URL of a proxy. The URL itself may hold a password and is not shown.
    #[error("HTTPS_PROXY must look like http://proxy.example.com:3128")]
    Proxy,
}

/// Prepares the connection maker for `https`, or for plain text; never with a proxy for loopback.
///
/// # Errors
/// When the CA bundle, the system's roots or the proxy cannot be used.
pub(super) fn connector(settings: &Settings) -> Result<SharedHttpConnector, Error> {
    let endpoint = settings.endpoint.as_ref();
    let proxy = settings.proxy.as_ref().filter(|_| !endpoint.is_some_and(super::Endpoint::is_loopback));
    let tls = endpoint.is_none_or(super::Endpoint::is_https);
    let tls = tls.then(|| tls_config(settings.ca_bundle.as_deref())).transpose()?;
    Ok(SharedHttpConnector::new(Http::new(tls, proxy.map(matcher).transpose()?, settings.timeout)))
}

fn tls_config(bundle: Option<&Path>) -> Result<Arc<ClientConfig>, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(match bundle {
        Some(path) => read_bundle(path)?,
        None => system_roots()?,
    });
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.expect("ring speaks TLS 1.2 and 1.3").with_root_certificates(store);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn matcher(proxy: &Proxy) -> Result<Matcher, Error> {
    proxy.url.host().ok_or(Error::Proxy)?;
    Ok(Matcher::builder().https(proxy.url.to_string()).no(proxy.no_proxy.clone()).build())
}

/// The certificates of a bundle, every one of them known to be usable as a root.
fn read_bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let content = std::fs::read(path).map_err(|source| Error::Unreadable { path: path.to_owned(), source })?;
    let mut roots = Vec::new();
    for (index, block) in CertificateDer::pem_slice_iter(&content).enumerate() {
        let broken = || Error::NotACertificate { path: path.to_owned(), number: index + 1 };
        let certificate = block.map_err(|_| broken())?;
        if !is_root(&certificate) {
            return Err(broken());
        }
        roots.push(certificate);
    }
    if roots.is_empty() { Err(Error::Empty { path: path.to_owned() }) } else { Ok(roots) }
}

/// The system's roots without those that cannot be used: distributions ship a few odd ones.
fn system_roots() -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    roots.retain(is_root);
    if roots.is_empty() { Err(Error::NoSystemRoots) } else { Ok(roots) }
}

fn is_root(certificate: &CertificateDer<'static>) -> bool {
    RootCertStore::empty().add(certificate.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_read_is_told_with_its_cause() {
        let error = read_bundle(Path::new("/nonexistent/ca.pem")).expect_err("nothing there");
        assert_eq!(
            error.to_string(),
            "cannot read the CA bundle /nonexistent/ca.pem: No such file or directory (os error 2)"
        );
    }
}
