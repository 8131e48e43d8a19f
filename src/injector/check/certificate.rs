//! The certificate that the Service shows, against the bundles by which the API server trusts it.
//!
//! Owns one handshake, in which everything is accepted so that it can be judged afterwards. It
//! sends nothing. Called by `check`.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::failure::root_cause;
use crate::finding::Finding;
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
    let (message, fix) = match timeout(LIMIT, presented(host, address)).await {
        Ok(Ok(chain)) => {
            let life = match chain.first() {
                Some(leaf) => life(leaf, now),
                None => Finding::failure(SUBJECT, "there is none", LOOK),
            };
            return vec![trust(&chain, host, address, bundles, now), life];
        }
        Ok(Err(error)) => (
            format!("{address} shows none: {}", root_cause(&error)),
            "look whether the injector's pods are ready: kubectl get pods",
        ),
        Err(_) => (
            format!("{address} does not answer within {LIMIT:?}"),
            "look for a NetworkPolicy or a firewall in between",
        ),
    };
    vec![Finding::failure("service", message, fix)]
}

fn trust(chain: &Chain, host: &str, address: &str, bundles: &[Vec<u8>], now: Wall) -> Finding {
    let trusts = |bundle: &Vec<u8>| {
        inspect::read_pem(bundle).and_then(|bundle| inspect::verify(chain, &bundle, host, now))
    };
    match bundles.iter().try_for_each(trusts) {
        Ok(()) => {
            let message = format!("{address} shows a certificate that caBundle trusts");
            Finding::ok("service", message)
        }
        Err(error) => {
            let message =
                format!("{address} shows a certificate that the API server refuses: {error}");
            let fix = "the injector writes caBundle: look into its log";
            Finding::failure("service", message, fix)
        }
    }
}

fn life(leaf: &CertificateDer<'_>, now: Wall) -> Finding {
    let life = match inspect::life(leaf) {
        Ok(life) => life,
        Err(error) => return Finding::failure(SUBJECT, format!("it {error}"), LOOK),
    };
    let end = life.not_after.rfc3339();
    if life.not_after <= now {
        Finding::failure(SUBJECT, format!("it expired at {end}"), LOOK)
    } else if others_due(life, None) <= now {
        Finding::warning(SUBJECT, format!("it is valid until {end}"), LOOK)
    } else {
        Finding::ok(SUBJECT, format!("it is valid until {end}"))
    }
}

/// The chain of one handshake.
async fn presented(host: &str, address: &str) -> std::io::Result<Chain> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AcceptAny(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
    let socket = TcpStream::connect(address).await?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, socket).await?;
    let (_, session) = stream.get_ref();
    let chain = session.peer_certificates().unwrap_or_default();
    Ok(chain.to_vec())
}

/// Accepts every certificate. The signature is checked, so the server has the certificate's key.
#[derive(Debug)]
struct AcceptAny(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
