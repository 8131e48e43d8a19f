//! An injector with a certificate of the test's, and a client like the API server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::{Value, json};
use stsidecar::http::Limits;
use stsidecar::inject::Template;
use stsidecar::injector::clients::Clients;
use stsidecar::injector::registration::Current;
use stsidecar::injector::server::{Drain, Parts};
use stsidecar::injector::webhook::LIMITS;
use stsidecar::injector::{Error, server};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::api_server::ApiServer;
use crate::certificates;

pub(crate) const BOUND: Duration = Duration::from_mins(1);

/// An injector and its API server.
pub(crate) struct Running {
    pub(crate) webhook: SocketAddr,
    pub(crate) health: SocketAddr,
    pub(crate) api: ApiServer,
    pub(crate) stop: mpsc::Sender<&'static str>,
    pub(crate) ended: JoinHandle<Result<(), Error>>,
}

/// `server.pem` is for 127.0.0.1 and localhost.
pub(crate) fn served() -> Arc<SingleCertAndKey> {
    let chain = CertificateDer::pem_file_iter(certificates::file("server.pem")).expect("a file");
    let key = PrivateKeyDer::from_pem_file(certificates::file("server.key")).expect("a key");
    let provider = rustls::crypto::ring::default_provider();
    let key = CertifiedKey::from_der(chain.map(|one| one.expect("PEM")).collect(), key, &provider)
        .expect("a pair");
    Arc::new(SingleCertAndKey::from(key))
}

/// The chart's values of every test: a region, so that pods need none.
pub(crate) fn template() -> Template {
    Template::from_values(json!({ "agent": { "region": "eu-central-1" } })).expect("values")
}

pub(crate) async fn start() -> Running {
    start_with(
        ApiServer::start().await,
        Drain {
            grace: Duration::from_secs(10),
            idle: Duration::from_millis(400),
        },
    )
}

pub(crate) fn start_with(api: ApiServer, drain: Drain) -> Running {
    start_within(LIMITS, api, drain)
}

pub(crate) fn start_within(limits: Limits, api: ApiServer, drain: Drain) -> Running {
    start_for(None, limits, api, drain)
}

pub(crate) fn start_for(
    clients: Option<Clients>,
    limits: Limits,
    api: ApiServer,
    drain: Drain,
) -> Running {
    let bind =
        || stsidecar::http::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let (webhook, health) = (bind(), bind());
    let addresses = [&webhook, &health].map(|listener| listener.local_addr().expect("bound"));
    let registry = stsidecar::metrics::registry().expect("a fresh registry");
    let parts = Parts {
        current: Arc::new(Current::new(template())),
        client: api.client(),
        namespace: "stsidecar-system".to_owned(),
        certificate: served(),
        clients: clients.map(Arc::new),
        conditions: Vec::new(),
        webhook: vec![webhook].into(),
        limits,
        health: vec![health].into(),
        registry,
    };
    let (stop, mut stopped) = mpsc::channel(2);
    let next = async move || match stopped.recv().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    };
    let ended = tokio::spawn(server::run(parts, JoinSet::new(), drain, next));
    Running {
        webhook: addresses[0],
        health: addresses[1],
        api,
        stop,
        ended,
    }
}

impl Running {
    /// A connection whose certificate the test's CA has signed.
    pub(crate) async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        connect(self.webhook, "ca.pem", "localhost").await
    }

    /// The response to one review, on a connection of its own.
    pub(crate) async fn review(&self, review: &Value) -> Value {
        let answer = self.post(review.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let answer: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }

    pub(crate) async fn post(&self, body: &[u8]) -> Answer {
        let head = format!(
            "POST /inject HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.send(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn send(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect().await.expect("a handshake");
        // It may be refused before the end of its body.
        let _ = stream.write_all(bytes).await;
        Answer::read(&mut stream).await.expect("an answer")
    }

    /// A page of the health port.
    pub(crate) async fn page(&self, target: &str) -> Answer {
        page(self.health, target).await.expect("an answer")
    }

    /// A counter of `/metrics`.
    pub(crate) async fn counted(&self, outcome: &str, reason: &str) -> u32 {
        let line =
            format!("_admission_requests_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} ");
        let text = self.page("/metrics").await.text;
        let value = text
            .split(&line)
            .nth(1)
            .unwrap_or_else(|| panic!("no {line} in {text}"));
        value
            .lines()
            .next()
            .expect("a value")
            .parse()
            .expect("a number")
    }

    pub(crate) async fn ready(&self) {
        let ready = async {
            while self.page("/readyz").await.status != 200 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(BOUND, ready).await.expect("ready");
    }
}

pub(crate) async fn page(of: SocketAddr, target: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(of).await?;
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await?;
    Answer::read(&mut stream).await
}

pub(crate) async fn connect(
    to: SocketAddr,
    ca: &str,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(None, to, ca, name).await
}

/// The same with a certificate of the client's own, whose key is `server.key`.
pub(crate) async fn connect_as(
    own: Option<&str>,
    to: SocketAddr,
    ca: &str,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(certificates::file(ca)).expect("PEM"))
        .expect("a CA");
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("ring has them")
    .with_root_certificates(roots);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let chain = CertificateDer::pem_file_iter(certificates::file(own)).expect("a file");
            let key =
                PrivateKeyDer::from_pem_file(certificates::file("server.key")).expect("a key");
            builder
                .with_client_auth_cert(chain.map(|one| one.expect("PEM")).collect(), key)
                .expect("a pair")
        }
    };
    let socket = TcpStream::connect(to).await?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name).expect("a name"), socket)
        .await
}

/// One HTTP answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn read(
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> std::io::Result<Self> {
        let reading = async {
            let mut bytes = Vec::new();
            let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
            loop {
                let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
                if let Some(end) = end {
                    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
                    let length = head
                        .split("content-length: ")
                        .nth(1)
                        .and_then(|rest| rest.lines().next());
                    let length: usize = length
                        .and_then(|text| text.parse().ok())
                        .expect("every answer has a length");
                    if bytes.len() >= end + 4 + length {
                        let text = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
                        return Ok(Self {
                            status: head[9..12].parse().expect("a status"),
                            head,
                            text,
                        });
                    }
                }
                if stream.read_buf(&mut bytes).await? == 0 {
                    return Err(broken());
                }
            }
        };
        tokio::time::timeout(BOUND, reading)
            .await
            .expect("an answer in time")
    }
}
