//! The one connection maker of the STS client: trust, proxy and time-out, prepared once at start.
//!
//! Checks every certificate here, so that a broken one is known at start. Speaks TLS only where the
//! endpoint does, since reading the roots costs milliseconds of start-up. It reads no environment
//! but what the platform's root store defines (`SSL_CERT_FILE`).

mod bundle;
mod deadline;
mod dial;
mod http;
mod pem;
mod proxy;
mod system;
mod trust;
mod verifier;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpConnector;

pub use self::bundle::{Bundle, CaBundle, NotABundle};
#[cfg(test)]
pub(super) use self::deadline::Limit;
pub(super) use self::deadline::{Phase, TimedOut};
pub(super) use self::dial::{AtProxy, Refusal};
use self::http::Http;
use self::trust::Trust;
pub(super) use self::verifier::SelfSigned;
use super::settings::ClientSettings;

/// One connection serves the calls of a chain; none stays open until the next refresh.
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
    /// `AWS_CA_BUNDLE` holds something else than certificates.
    #[error("the CA bundle {}: {source}", path.display())]
    NotABundle {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NotABundle,
    },
    /// There never was a good content of `AWS_CA_BUNDLE`.
    #[error("the CA bundle of AWS_CA_BUNDLE was never usable")]
    NoBundle,
    /// The system has no CA certificates.
    #[error(
        "this system has no CA certificates to check STS with, or none of PEM where SSL_CERT_FILE and SSL_CERT_DIR point; name a bundle with AWS_CA_BUNDLE"
    )]
    NoSystemRoots,
    /// Not a URL of a proxy. The URL itself may hold a password and is not shown.
    #[error("HTTPS_PROXY must look like http://proxy.example.com:3128")]
    Proxy,
}

/// Prepares the connection maker for `https`, or for plain text; never with a proxy for loopback.
///
/// # Errors
/// When the CA bundle, the system's roots or the proxy cannot be used.
pub(super) fn connector(
    settings: &ClientSettings,
    bundle: Option<CaBundle>,
) -> Result<SharedHttpConnector, Error> {
    let endpoint = settings.endpoint.as_ref();
    let proxy = settings
        .proxy
        .as_ref()
        .filter(|_| !endpoint.is_some_and(super::Endpoint::is_loopback));
    let trust = settings
        .is_over_tls()
        .then(|| Trust::new(bundle, settings.has_mounted_roots))
        .transpose()?;
    let proxy = proxy.map(proxy::Proxy::new).transpose()?;
    Ok(SharedHttpConnector::new(Http::new(
        trust,
        proxy,
        settings.timeout,
    )))
}

/// The bundle of a client that lives for one exchange. Its content is read now where the STS needs
/// it.
pub(super) fn read_once(settings: &ClientSettings) -> Result<Option<CaBundle>, Error> {
    let Some(path) = settings.ca_bundle.clone() else {
        return Ok(None);
    };
    if !settings.is_over_tls() {
        return Ok(Some(Arc::new(move || read(&path).ok().map(Arc::new))));
    }
    let bundle = Arc::new(read(&path)?);
    Ok(Some(Arc::new(move || Some(Arc::clone(&bundle)))))
}

fn read(path: &Path) -> Result<Bundle, Error> {
    let content = content(path).map_err(|source| Error::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Bundle::parse(&content).map_err(|source| Error::NotABundle {
        path: path.to_owned(),
        source,
    })
}

fn content(path: &Path) -> std::io::Result<Vec<u8>> {
    // A FIFO would wait for a writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a file"));
    }
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_cannot_be_read_shows_its_cause() {
        let error = read(Path::new("/nonexistent/ca.pem")).expect_err("nothing there");
        assert_eq!(
            error.to_string(),
            "cannot read the CA bundle /nonexistent/ca.pem: No such file or directory (os error 2)"
        );
    }
}
