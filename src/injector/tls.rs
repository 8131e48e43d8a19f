//! TLS below HTTP, with a certificate that may be replaced between two handshakes.
//!
//! Owns the protocol settings. Which certificate is shown is its resolver's business, which one a client must show is
//! that of `clients.rs`; how long a handshake may take is the listener's.

use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::clients::Clients;
use crate::http::Transport;

/// TLS 1.2 and 1.3 with HTTP/1.1 in it, which is what API servers speak to webhooks.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// With `certificate`, for `clients` or for all.
    ///
    /// # Errors
    /// Never in practice: ring has both versions.
    pub fn new(certificate: Arc<dyn ResolvesServerCert>, clients: Option<Arc<Clients>>) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
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
        self.0.accept(socket).await.map(TokioIo::new)
    }
}
