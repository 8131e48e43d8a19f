//! TLS in front of a fake STS, with a certificate that can be replaced while it runs.
//!
//! It passes bytes on and reads none of them. Connections that are open keep the certificate they
//! began with.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::certificates;

/// The front; stops when dropped.
pub struct TlsFront {
    address: SocketAddr,
    config: Arc<Mutex<Arc<ServerConfig>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// In front of the server at this port of loopback, with this certificate.
    pub fn start(behind: u16, certificate: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener
            .set_nonblocking(true)
            .expect("a listener can be set non-blocking");
        let address = listener.local_addr().expect("an address");
        let config = Arc::new(Mutex::new(serving(certificate)));
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&config);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, behind, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_background();
        });
        Self {
            address,
            config,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// `https://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Serves new connections with this certificate.
    pub fn replace(&self, certificate: &str) {
        *self.config.lock().expect("nothing panicked") = serving(certificate);
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serving(certificate: &str) -> Arc<ServerConfig> {
    let chain =
        CertificateDer::from_pem_file(certificates::file(certificate)).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(certificates::file("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_no_client_auth();
    Arc::new(
        builder
            .with_single_cert(vec![chain], key)
            .expect("they belong together"),
    )
}

async fn accept(listener: TcpListener, behind: u16, config: Arc<Mutex<Arc<ServerConfig>>>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime is entered");
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&config.lock().expect("nothing panicked")));
        tokio::spawn(async move {
            // A client that does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                return;
            };
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", behind)).await else {
                return;
            };
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
        });
    }
}
