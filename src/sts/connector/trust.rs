//! The roots that servers are checked against: the certificates of `AWS_CA_BUNDLE`, or the
//! system's.
//!
//! Owns the TLS configuration. It follows the bundle: the first connection after a rotation is made
//! under the new one alone, and none is resumed or kept from before. It reads no bundle; the caller
//! says where the newest comes from. Called by `http.rs` before each request.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::client::Resumption;

use super::Error;
use super::bundle::{Anchors, CaBundle};
use super::system::System;
use super::verifier::Verifier;

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
    // A resumed session skips the certificate
    // (<https://www.rfc-editor.org/rfc/rfc8446#section-2.2>), and minutes lie
    // between two connections.
    config.resumption = Resumption::disabled();
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sts::connector::{Bundle, NotABundle};

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
