//! Which clients may call the webhook, where not all may: those with a certificate of an authority.
//!
//! Owns the file with the authorities' certificates, which may be replaced at any time; the last
//! good content counts. Which of them it is does not matter: the authority is the API servers' own,
//! as the documentation asks for. Made by the composition, asked at each handshake in which a
//! client shows a certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::certificates::inspect;
use crate::rotated_file::RotatedFile;

/// Longest file: some dozen certificates.
const LONGEST: usize = 256 * 1024;

type Verifier = Arc<dyn ClientCertVerifier>;

/// The clients that are let in.
#[derive(Debug)]
pub struct Clients {
    authorities: RotatedFile<Verifier>,
    provider: CryptoProvider,
}

impl Clients {
    /// Those with a certificate that one of the authorities in this file has
    /// signed; nothing is read yet.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let authorities = RotatedFile::new(file, LONGEST, verifier, None);
        Self {
            authorities,
            provider: rustls::crypto::ring::default_provider(),
        }
    }

    /// Whether a client could be let in.
    ///
    /// # Errors
    /// Why not.
    pub fn known(&self) -> Result<(), String> {
        let latest = self.authorities.reload();
        match (latest.value, latest.error) {
            (Some(_), _) => Ok(()),
            (None, Some(error)) => Err(error.to_string()),
            (None, None) => Err(format!(
                "{} has not been read yet",
                self.authorities.path().display()
            )),
        }
    }
}

fn verifier(content: &[u8]) -> Result<Verifier, String> {
    let mut roots = RootCertStore::empty();
    for certificate in inspect::read_pem(content).map_err(|error| error.to_string())? {
        roots
            .add(certificate)
            .map_err(|error| format!("holds what is no authority's certificate: {error}"))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let built = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
    built.map_err(|error| error.to_string())
}

impl ClientCertVerifier for Clients {
    /// None: a client that has one certificate shows it whichever authority signed it (Go does:
    /// `CertificateRequestInfo.SupportsCertificate`,
    /// <https://pkg.go.dev/crypto/tls#CertificateRequestInfo>), and the names may change.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Read on use: an authority that was taken off the file is refused
        // from the next handshake on.
        let verifier = self
            .authorities
            .reload()
            .value
            .ok_or(CertificateError::UnknownIssuer)?;
        verifier.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
