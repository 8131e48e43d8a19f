//! One new connection: name look-up, TCP, the proxy's tunnel, TLS.
//!
//! Owns the order of these and the errors by which `client/evidence.rs` distinguishes them. Each
//! lasts until the attempt ends, but one address of several gets its share of TCP only
//! (`deadline.rs`). Called by `http.rs`.

use std::error::Error;
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

use super::deadline::{Deadline, Phase, within_address};

/// The other family of addresses gets its turn after this long (250 ms, as
/// <https://www.rfc-editor.org/rfc/rfc8305#section-8> recommends).
const HAPPY_EYEBALLS: Duration = Duration::from_millis(250);

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 8 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// A byte stream of any depth.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What is between us and the server.
pub(super) struct Tunnel {
    /// The proxy.
    pub(super) proxy: Uri,
    /// Its `Proxy-Authorization`, if it wants one.
    pub(super) authorization: Option<HeaderValue>,
}

/// What failed on the way to the proxy, not to the server behind it.
#[derive(Debug, thiserror::Error)]
#[error("the proxy {proxy}")]
pub(in crate::sts) struct AtProxy {
    /// Host and port, without user and password.
    pub(in crate::sts) proxy: String,
    source: ConnectorError,
}

/// Why a proxy opens no tunnel, as it answers.
#[derive(Debug, thiserror::Error)]
pub(in crate::sts) enum Refusal {
    #[error("the proxy wants credentials: put them into HTTPS_PROXY")]
    NoCredentials,
    #[error(
        "the proxy refuses the credentials of HTTPS_PROXY: correct user and password, or let it take Basic ones"
    )]
    Credentials,
    #[error("the proxy refuses the tunnel with status {0}: let it connect to that host and port")]
    Status(u16),
    #[error("what answers at HTTPS_PROXY is no proxy")]
    NoProxy,
}

/// Connects to the server of `uri`; with TLS where its scheme says so.
pub(super) async fn dial(
    uri: &Uri,
    tunnel: Option<Tunnel>,
    tls: Option<&Arc<ClientConfig>>,
    deadline: Deadline,
) -> Result<Box<dyn Stream>, ConnectorError> {
    let (host, port) = host_and_port(uri);
    let stream: Box<dyn Stream> = match tunnel {
        None => Box::new(tcp(host, port, deadline).await?),
        Some(tunnel) => through(&tunnel, host, port, tls, deadline).await?,
    };
    secured(uri, host, stream, tls, deadline).await
}

/// Host without brackets, and port.
pub(super) fn host_and_port(uri: &Uri) -> (&str, u16) {
    let is_https = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let host = uri.host().unwrap_or_default();
    (host.trim_matches(['[', ']']), port)
}

/// The proxy's tunnel to a server.
async fn through(
    tunnel: &Tunnel,
    host: &str,
    port: u16,
    tls: Option<&Arc<ClientConfig>>,
    deadline: Deadline,
) -> Result<Box<dyn Stream>, ConnectorError> {
    let Tunnel {
        proxy,
        authorization,
    } = tunnel;
    let (proxy_host, proxy_port) = host_and_port(proxy);
    let opened = async {
        let stream: Box<dyn Stream> = Box::new(tcp(proxy_host, proxy_port, deadline).await?);
        let mut stream = secured(proxy, proxy_host, stream, tls, deadline).await?;
        let opening = open(&mut stream, host, port, authorization.as_ref());
        let answered = deadline
            .within(Phase::Tunnel, opening)
            .await
            .map_err(failed)?;
        answered.map(|()| stream).map_err(failed)
    };
    opened.await.map_err(|source| {
        let proxy = format!("{}:{proxy_port}", proxy.host().unwrap_or_default());
        failed(AtProxy { proxy, source })
    })
}

async fn tcp(host: &str, port: u16, deadline: Deadline) -> Result<TcpStream, ConnectorError> {
    let looked_up = deadline
        .within(Phase::LookUp, tokio::net::lookup_host((host, port)))
        .await
        .map_err(failed)?;
    let found: Vec<SocketAddr> = looked_up
        .map_err(|error| failed(ResolveDnsError::new(error)))?
        .collect();
    let connected = deadline
        .within(Phase::Connect, race(&found, TcpStream::connect))
        .await
        .map_err(failed)?;
    let stream = connected.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// Connects to the first address that answers: the resolver's order, and the other family beside it
/// from [`HAPPY_EYEBALLS`] on. `connect` is TCP's, or a test's.
async fn race<S, F>(found: &[SocketAddr], connect: impl Fn(SocketAddr) -> F) -> Result<S, BoxError>
where
    F: Future<Output = io::Result<S>>,
{
    let Some(first) = found.first() else {
        return Err(ResolveDnsError::new("no address").into());
    };
    let (own, other): (Vec<_>, Vec<_>) = found
        .iter()
        .partition(|address| address.is_ipv6() == first.is_ipv6());
    if other.is_empty() {
        return first_of(&own, &connect).await;
    }
    let (mut preferred, mut fallback) = (
        pin!(first_of(&own, &connect)),
        pin!(first_of(&other, &connect)),
    );
    match tokio::time::timeout(HAPPY_EYEBALLS, &mut preferred).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(first)) => fallback.await.map_err(|second| decisive(first, second)),
        Err(_) => tokio::select! {
            first = &mut preferred => match first {
                Ok(stream) => Ok(stream),
                Err(first) => fallback.await.map_err(|second| decisive(first, second)),
            },
            second = &mut fallback => match second {
                Ok(stream) => Ok(stream),
                Err(second) => preferred.await.map_err(|first| decisive(first, second)),
            },
        },
    }
}

/// One after the other, each within its own time.
async fn first_of<S, F>(
    addresses: &[SocketAddr],
    connect: &impl Fn(SocketAddr) -> F,
) -> Result<S, BoxError>
where
    F: Future<Output = io::Result<S>>,
{
    let mut last: BoxError = ResolveDnsError::new("no address").into();
    for address in addresses {
        match within_address(connect(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.into(),
            Err(late) => last = late.into(),
        }
    }
    Err(last)
}

/// Of both families' errors the one to act on: a machine without routes for a family says so of
/// each address.
fn decisive(first: BoxError, second: BoxError) -> BoxError {
    let kind = first.downcast_ref::<io::Error>().map(io::Error::kind);
    let has_no_route = matches!(
        kind,
        Some(
            io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::HostUnreachable
                | io::ErrorKind::AddrNotAvailable
        )
    );
    if has_no_route { second } else { first }
}

async fn secured(
    uri: &Uri,
    host: &str,
    stream: Box<dyn Stream>,
    tls: Option<&Arc<ClientConfig>>,
    deadline: Deadline,
) -> Result<Box<dyn Stream>, ConnectorError> {
    if uri.scheme_str() != Some("https") {
        return Ok(stream);
    }
    let config = tls.ok_or_else(|| {
        ConnectorError::user("there are no certificates to speak TLS with".into())
    })?;
    let name = ServerName::try_from(host.to_owned())
        .map_err(|error| ConnectorError::user(error.into()))?;
    let session = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    let session = deadline
        .within(Phase::Handshake, session)
        .await
        .map_err(failed)?;
    Ok(Box::new(session.map_err(failed)?))
}

/// Asks a proxy for a tunnel. Nothing of the request is said to it but the server's name.
async fn open(
    proxy: &mut Box<dyn Stream>,
    host: &str,
    port: u16,
    authorization: Option<&HeaderValue>,
) -> Result<(), BoxError> {
    let host = if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    };
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
            return Err(Refusal::NoProxy.into());
        }
    }
    let status = answer.get(9..12).filter(|_| answer.starts_with(b"HTTP/1."));
    let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        Some(407) if authorization.is_none() => Err(Refusal::NoCredentials.into()),
        Some(407) => Err(Refusal::Credentials.into()),
        Some(status) => Err(Refusal::Status(status).into()),
        None => Err(Refusal::NoProxy.into()),
    }
}

/// A failure of the network.
pub(super) fn failed(error: impl Into<BoxError>) -> ConnectorError {
    ConnectorError::io(error.into())
}

#[cfg(test)]
mod tests;
