//! Which certificate of a server is accepted: webpki's judgement, with one addition.
//!
//! Owns the addition: a certificate that is in `AWS_CA_BUNDLE` itself, byte by byte, is trusted as
//! what it is, also when it says CA:TRUE, as those that `openssl req -x509` makes do. Host name,
//! dates and the handshake's signature are checked all the same. The system's roots are never taken
//! for servers. Called by rustls.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::verify_server_name,
};
use webpki::{EndEntityCert, KeyUsage};

/// SHA-256 of certificates: that is less to keep than they are.
pub(super) type Digests = HashSet<[u8; 32]>;

/// Of a certificate's bytes.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    digest(&SHA256, certificate)
        .as_ref()
        .try_into()
        .expect("SHA-256 has 32 bytes")
}

/// No CA vouches for a certificate that its own key has signed.
#[derive(Debug, thiserror::Error)]
#[error("it is self-signed")]
pub(in crate::sts) struct SelfSigned;

/// The verifier of one set of roots.
pub(super) struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
    /// The bundle's certificates; empty for the system's roots.
    servers: Arc<Digests>,
}

impl Verifier {
    pub(super) fn new(
        roots: Arc<RootCertStore>,
        servers: Arc<Digests>,
        provider: Arc<CryptoProvider>,
    ) -> Self {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
        Self {
            webpki: webpki.expect("there are roots, and no revocation lists"),
            provider,
            servers,
        }
    }

    /// What is checked of a certificate that is trusted as it is.
    fn judge_by_itself(
        &self,
        server: &CertificateDer<'_>,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let certificate = EndEntityCert::try_from(server).map_err(|error| other(error.into()))?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        match certificate.verify_for_usage(algorithms, &[], &[], now, usage, None, None) {
            // Dates come before both of these: `check_issuer_independent_properties` of
            // <https://github.com/rustls/webpki/blob/v/0.103.16/src/verify_cert.rs>.
            Ok(_) | Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity) => {
                verify_server_name(&ParsedCertificate::try_from(server)?, name)
            }
            Err(webpki::Error::CertExpired { time, not_after }) => {
                Err(CertificateError::ExpiredContext { time, not_after }.into())
            }
            Err(webpki::Error::CertNotValidYet { time, not_before }) => {
                Err(CertificateError::NotValidYetContext { time, not_before }.into())
            }
            Err(error) => Err(other(error.into())),
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judged = self
            .webpki
            .verify_server_cert(server, intermediates, name, ocsp, now);
        match judged {
            Err(_) if self.servers.contains(&fingerprint(server)) => self
                .judge_by_itself(server, name, now)
                .map(|()| ServerCertVerified::assertion()),
            Err(error) if is_unvouched(&error) && is_self_signed(server) => {
                Err(other(SelfSigned.into()))
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, server, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        server: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, server, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

/// Whether no root vouches for the certificate, whatever the reason.
fn is_unvouched(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => true,
        Error::InvalidCertificate(CertificateError::Other(OtherError(error))) => {
            matches!(error.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
        }
        _ => false,
    }
}

fn is_self_signed(server: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(server)
        .is_ok_and(|certificate| certificate.issuer() == certificate.subject())
}

fn other(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(error.into())))
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Verifier")
    }
}
