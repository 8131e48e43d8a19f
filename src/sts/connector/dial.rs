//! One new connection: name look-up, TCP, the proxy's tunnel, TLS.
//!
//! Owns the order of these and the errors by which `client/evidence.rs` tells them apart. It limits no time
//! beyond a share for each address: `http.rs` limits the whole.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::{HeaderValue, Uri};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::CONNECT_TIMEOUT;

/// The other family of addresses gets its turn after this long (RFC 8305 recommends 250 ms).
const HAPPY_EYEBALLS: Duration = Duration::from_millis(250);

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 8 * 1024;

/// A byte stream of any depth.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What stands between us and the server.
pub(super) struct Tunnel {
    /// The proxy.
    pub(super) proxy: Uri,
    /// Its `Proxy-Authorization`, if it wants one.
    pub(super) authorization: Option<HeaderValue>,
}

/// Connects to the server of `uri`; with TLS where its scheme says so.
pub(super) async fn dial(
    uri: &Uri,
    tunnel: Option<Tunnel>,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Box<dyn Stream>, ConnectorError> {
    let (host, port) = server(uri);
    let stream: Box<dyn Stream> = match tunnel {
        None => Box::new(tcp(host, port).await?),
        Some(Tunnel { proxy, authorization }) => {
            let (proxy_host, proxy_port) = server(&proxy);
            let to_proxy: Box<dyn Stream> = Box::new(tcp(proxy_host, proxy_port).await?);
            let mut to_proxy = secured(&proxy, proxy_host, to_proxy, tls).await?;
            open(&mut to_proxy, host, port, authorization.as_ref()).await.map_err(failed)?;
            to_proxy
        }
    };
    secured(uri, host, stream, tls).await
}

/// Host without brackets, and port.
fn server(uri: &Uri) -> (&str, u16) {
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    (uri.host().unwrap_or_default().trim_matches(['[', ']']), port)
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream, ConnectorError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found.map_err(|error| failed(ResolveDnsError::new(error)))?.collect();
    let Some(first) = found.first() else { return Err(failed(ResolveDnsError::new("no address"))) };
    let (own, other): (Vec<_>, Vec<_>) = found.iter().partition(|address| address.is_ipv6() == first.is_ipv6());
    let share = CONNECT_TIMEOUT / u32::try_from(found.len()).unwrap_or(u32::MAX);
    let mut preferred = pin!(first_of(own, share));
    let connected = match tokio::time::timeout(HAPPY_EYEBALLS, &mut preferred).await {
        Ok(Err(_)) if !other.is_empty() => first_of(other, share).await,
        Ok(connected) => connected,
        Err(_) if other.is_empty() => preferred.await,
        Err(_) => {
            let mut fallback = pin!(first_of(other, share));
            tokio::select! {
                Ok(stream) = &mut preferred => Ok(stream),
                Ok(stream) = &mut fallback => Ok(stream),
                else => Err(io::ErrorKind::HostUnreachable.into()),
            }
        }
    };
    let stream = connected.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// One after the other; the last gets what is left of the time.
async fn first_of(addresses: Vec<SocketAddr>, share: Duration) -> io::Result<TcpStream> {
    let last = addresses.len() - 1;
    for address in &addresses[..last] {
        if let Ok(Ok(stream)) = tokio::time::timeout(share, TcpStream::connect(address)).await {
            return Ok(stream);
        }
    }
    TcpStream::connect(addresses[last]).await
}

async fn secured(
    uri: &Uri,
    host: &str,
    stream: Box<dyn Stream>,
    tls: Option<&Arc<ClientConfig>>,
) -> Result<Box<dyn Stream>, ConnectorError> {
    if uri.scheme_str() != Some("https") {
        return Ok(stream);
    }
    let config = tls.ok_or_else(|| ConnectorError::user("there are no certificates to speak TLS with".into()))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| ConnectorError::user(error.into()))?;
    let session = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(failed)?;
    Ok(Box::new(session))
}

/// Asks a proxy for a tunnel. Nothing of the request is said to it but the server's name.
async fn open(
    proxy: &mut Box<dyn Stream>,
    host: &str,
    port: u16,
    authorization: Option<&HeaderValue>,
) -> io::Result<()> {
    let host = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut head = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    if let Some(authorization) = authorization {
        head.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    proxy.write_all(&head).await?;
    proxy.flush().await?;
    let mut answer = Vec::new();
    // Byte by byte: what follows the head belongs to the tunnel.
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(proxy.read_u8().await?);
        if answer.len() > LONGEST_HEAD {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
    }
    match answer.get(9..12) {
        Some(status) if answer.starts_with(b"HTTP/1.") && status.starts_with(b"2") => Ok(()),
        Some(b"407") => Err(io::Error::other("the proxy wants credentials: put them into HTTPS_PROXY")),
        Some(status) => {
            let status = String::from_utf8_lossy(status).into_owned();
            Err(io::Error::other(format!("the proxy refuses the tunnel with status {}", status.escape_debug())))
        }
        None => Err(io::Error::other("what answers is no proxy")),
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::io(error.into())
}
