//! TLS below HTTP, with a certificate that may be replaced between two handshakes.
//!
//! Owns the protocol settings. Which certificate is shown is its resolver's business, which one a
//! client must show is that of `clients.rs`; how long a handshake may take is the listener's.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::clients::Clients;
use crate::http::Transport;

/// How long a refused client may go on sending: it reads the reason within a round trip.
const LINGER: Duration = Duration::from_millis(500);

/// TLS 1.2 and 1.3 with HTTP/1.1 in it, which is what API servers speak to webhooks.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// With `certificate`, for `clients` or for all.
    ///
    /// # Errors
    /// Never in practice: ring has both versions.
    pub fn new(
        certificate: Arc<dyn ResolvesServerCert>,
        clients: Option<Arc<Clients>>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = match clients {
            Some(clients) => builder.with_client_cert_verifier(clients),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // API servers keep their connections and resume none.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }
}

impl Transport for Tls {
    type Stream = TokioIo<TlsStream<TcpStream>>;

    async fn establish(&self, socket: TcpStream) -> std::io::Result<Self::Stream> {
        match self.0.accept(socket).into_fallible().await {
            Ok(stream) => Ok(TokioIo::new(stream)),
            Err((error, refused)) => {
                // Over, or as long as it may take: the alert was sent.
                let _ = timeout(LINGER, read_to_the_end(refused)).await;
                Err(error)
            }
        }
    }
}

/// Reads what a refused client still sends. A client of TLS 1.3 has sent its request before it
/// reads that its certificate is refused
/// (<https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4>); a socket closed with that unread
/// resets the connection, and the API server would say `broken pipe` instead of the reason.
async fn read_to_the_end(mut refused: TcpStream) -> std::io::Result<()> {
    refused.shutdown().await?;
    let mut sink = [0; 4096];
    while refused.read(&mut sink).await? > 0 {}
    Ok(())
}
