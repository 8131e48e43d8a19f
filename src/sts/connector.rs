//! The one connection maker of the STS client: roots, proxy and time-outs, prepared once at start.
//!
//! Checks every certificate here, because the SDK panics on a broken one and takes none for enough (agent
//! decision A3). Speaks TLS only where the endpoint does, since reading the roots costs milliseconds of
//! start-up (B1). It reads no environment but what the platform's root store defines (`SSL_CERT_FILE`).

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Connector, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::settings::{Proxy, Settings};

/// The longest wait for a connection, name resolution and TLS handshake included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest attempt, from the first look-up to the last byte of the answer.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

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
    let time_outs = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let mut builder = Connector::builder().connector_settings(time_outs).pool_idle_timeout(IDLE_TIMEOUT);
    if let Some(proxy) = settings.proxy.as_ref().filter(|_| !endpoint.is_some_and(super::Endpoint::is_loopback)) {
        builder = builder.proxy_config(proxy_config(proxy)?);
    }
    let connector = if endpoint.is_none_or(super::Endpoint::is_https) {
        with_tls(builder, settings.ca_bundle.as_deref())?
    } else {
        builder.build_http()
    };
    Ok(SharedHttpConnector::new(connector))
}

fn with_tls(builder: ConnectorBuilder, bundle: Option<&Path>) -> Result<Connector, Error> {
    let roots = match bundle {
        Some(path) => read_bundle(path)?,
        None => system_roots()?,
    };
    let store = TrustStore::empty().with_pem_certificate(to_pem(&roots));
    let context = TlsContext::builder().with_trust_store(store).build().map_err(|_| Error::NoSystemRoots)?;
    Ok(builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(context).build())
}

fn proxy_config(proxy: &Proxy) -> Result<ProxyConfig, Error> {
    let config = ProxyConfig::https(proxy.url.clone()).map_err(|_| Error::Proxy)?;
    Ok(config.no_proxy(&proxy.no_proxy))
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

/// The only form the SDK takes roots in.
fn to_pem(certificates: &[CertificateDer<'static>]) -> Vec<u8> {
    let mut pem = String::new();
    for certificate in certificates {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        STANDARD.encode_string(certificate, &mut pem);
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    pem.into_bytes()
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
