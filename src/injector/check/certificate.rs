//! The certificate that the Service shows, against the bundles by which the API server trusts it.
//!
//! Owns one handshake, in which everything is accepted so that it can be judged afterwards. It sends nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Finding;
use crate::failure::root_cause;
use crate::injector::certificates::{inspect, others_due};
use crate::time::Wall;

const SUBJECT: &str = "certificate";
const LIMIT: Duration = Duration::from_secs(10);
const LOOK: &str = "look into the injector's log for why no certificate is made or read";

type Chain = Vec<CertificateDer<'static>>;

pub(super) async fn judge(
    host: &str,
    address: &str,
    bundles: &[Vec<u8>],
    now: Wall,
) -> Vec<Finding> {
    let chain = match timeout(LIMIT, shown(host, address)).await {
        Ok(Ok(chain)) => chain,
        Ok(Err(error)) => {
            let message = format!("{address} shows none: {}", root_cause(&error));
            return vec![Finding::wrong(
                "service",
                message,
                "look whether the injector's pods are ready: kubectl get pods",
            )];
        }
        Err(_) => {
            let message = format!("{address} does not answer within {LIMIT:?}");
            return vec![Finding::wrong(
                "service",
                message,
                "look for a NetworkPolicy or a firewall in between",
            )];
        }
    };
    let trusts = |bundle: &Vec<u8>| {
        inspect::read_pem(bundle).and_then(|bundle| inspect::verify(&chain, &bundle, host, now))
    };
    let service = match bundles.iter().try_for_each(trusts) {
        Ok(()) => Finding::fine(
            "service",
            format!("{address} shows a certificate that caBundle trusts"),
        ),
        Err(error) => {
            let message =
                format!("{address} shows a certificate that the API server refuses: {error}");
            Finding::wrong(
                "service",
                message,
                "the injector writes caBundle: look into its log",
            )
        }
    };
    vec![
        service,
        chain.first().map_or_else(
            || Finding::wrong(SUBJECT, "there is none", LOOK),
            |leaf| life(leaf, now),
        ),
    ]
}

fn life(leaf: &CertificateDer<'_>, now: Wall) -> Finding {
    match inspect::life(leaf) {
        Err(error) => Finding::wrong(SUBJECT, format!("it {error}"), LOOK),
        Ok(life) if life.not_after <= now => Finding::wrong(
            SUBJECT,
            format!("it expired at {}", life.not_after.rfc3339()),
            LOOK,
        ),
        Ok(life) => {
            let message = format!("it is valid until {}", life.not_after.rfc3339());
            if others_due(life, None) <= now {
                Finding::doubtful(SUBJECT, message, LOOK)
            } else {
                Finding::fine(SUBJECT, message)
            }
        }
    }
}

/// The chain of one handshake.
async fn shown(host: &str, address: &str) -> std::io::Result<Chain> {
    let provider = Arc::new(ring::default_provider());
    let seen = Arc::new(Seen {
        provider: Arc::clone(&provider),
        chain: Mutex::default(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&seen) as _)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let socket = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, socket)
        .await?;
    let chain = std::mem::take(&mut *seen.chain.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(chain)
}

/// Keeps what is shown. The signature is checked, so the server has the certificate's key.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Chain>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(leaf)
            .chain(intermediates)
            .map(|one| one.clone().into_owned())
            .collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signed,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
