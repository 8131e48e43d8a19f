//! HTTP/1.1 over connections of our own: what the SDK sends its requests through.
//!
//! Owns the one connection that is kept for the next call, for as long as a chain takes. The SDK's
//! own connector would bring HTTP/2 and a pool, a twentieth of the program, for a call in ten
//! minutes. It never repeats a request that was sent: only one that found the kept connection
//! closed goes out on a new one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::header::HOST;
use http::{HeaderValue, Request, Uri};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;

use super::IDLE_TIMEOUT;
use super::deadline::{Deadline, Phase, Timely};
use super::dial::{Tunnel, dial, failed};
use super::proxy::Proxy;
use super::trust::Trust;
use crate::assume::AttemptTimeout;

/// How servers are reached. Clones share the kept connection.
#[derive(Clone)]
pub(super) struct Http(Arc<Inner>);

struct Inner {
    /// Nothing for a server in plain text.
    tls: Option<Trust>,
    proxy: Option<Proxy>,
    timeout: AttemptTimeout,
    kept: Mutex<Option<Kept>>,
    /// Keepings so far.
    keepings: AtomicU64,
}

struct Kept {
    /// Scheme and authority.
    server: String,
    /// What it was trusted by.
    tls: Option<Arc<ClientConfig>>,
    sender: SendRequest<SdkBody>,
    /// Distinguishes this keeping from a later one.
    number: u64,
}

impl Http {
    pub(super) fn new(tls: Option<Trust>, proxy: Option<Proxy>, timeout: AttemptTimeout) -> Self {
        Self(Arc::new(Inner {
            tls,
            proxy,
            timeout,
            kept: Mutex::default(),
            keepings: AtomicU64::new(0),
        }))
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (uri, mut request) = in_origin_form(request).map_err(ConnectorError::user)?;
        let server = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or_default(),
            uri.authority().map_or("", |a| a.as_str())
        );
        let deadline = Deadline::begin(self.0.timeout);
        // Lets the kept connection's task see that the server has closed it, or that its last body
        // is read.
        tokio::task::yield_now().await;
        let tls = self
            .0
            .tls
            .as_ref()
            .map(Trust::config)
            .transpose()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let kept = self.take(&server, tls.as_ref());
        let was_kept = kept.is_some();
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.connect(&uri, tls.as_ref(), deadline).await?,
        };
        let sending = deadline.within(Phase::Answer, sender.try_send_request(request));
        let sent = match sending.await.map_err(failed)? {
            Err(mut refused) => match refused.take_message() {
                // The server had closed the kept connection, and has seen nothing.
                Some(unsent) if was_kept => {
                    request = unsent;
                    sender = self.connect(&uri, tls.as_ref(), deadline).await?;
                    let sending = deadline.within(Phase::Answer, sender.send_request(request));
                    sending.await.map_err(failed)?
                }
                _ => Err(refused.into_error()),
            },
            Ok(response) => Ok(response),
        };
        let response = sent.map_err(failed)?;
        self.keep(server, tls, sender);
        HttpResponse::try_from(
            response.map(|body| SdkBody::from_body_1_x(Timely::new(body, deadline))),
        )
        .map_err(|error| ConnectorError::other(error.into(), None))
    }

    async fn connect(
        &self,
        uri: &Uri,
        tls: Option<&Arc<ClientConfig>>,
        deadline: Deadline,
    ) -> Result<SendRequest<SdkBody>, ConnectorError> {
        let intercept = self.0.proxy.as_ref().and_then(|proxy| proxy.intercept(uri));
        let tunnel = intercept.map(|proxy| Tunnel {
            proxy: proxy.uri().clone(),
            authorization: proxy.basic_auth().cloned(),
        });
        let stream = dial(uri, tunnel, tls, deadline).await?;
        let made = handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(failed)?;
        // Its errors are those of the call that it carries; it ends when its sender is dropped.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// The kept connection, if it is to this server, trusted by what is trusted now, and still
    /// there.
    fn take(&self, server: &str, tls: Option<&Arc<ClientConfig>>) -> Option<SendRequest<SdkBody>> {
        let kept = self.kept().take()?;
        let is_trusted = kept.tls.as_ref().map(Arc::as_ptr) == tls.map(Arc::as_ptr);
        (kept.server == server && is_trusted && kept.sender.is_ready()).then_some(kept.sender)
    }

    /// Keeps a connection while a chain may need it; the body of its answer is still to be read.
    fn keep(&self, server: String, tls: Option<Arc<ClientConfig>>, sender: SendRequest<SdkBody>) {
        let number = self.0.keepings.fetch_add(1, Ordering::Relaxed);
        *self.kept() = Some(Kept {
            server,
            tls,
            sender,
            number,
        });
        let http = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(IDLE_TIMEOUT).await;
            http.kept().take_if(|kept| kept.number == number);
        });
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Kept>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request with only its path in the first line, and the server's name in `Host`.
fn in_origin_form(
    mut request: Request<SdkBody>,
) -> Result<(Uri, Request<SdkBody>), Box<dyn std::error::Error + Send + Sync>> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or("the request names no server")?;
    // What the signature covers: the signer leaves a scheme's own port out.
    let is_own_port = matches!(
        (uri.scheme_str(), uri.port_u16()),
        (Some("https"), Some(443)) | (Some("http"), Some(80))
    );
    let host = HeaderValue::try_from(if is_own_port {
        authority.host()
    } else {
        authority.as_str()
    })?;
    request.headers_mut().entry(HOST).or_insert(host);
    *request.uri_mut() = uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .parse()?;
    Ok((uri, request))
}

impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().send(request))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Http")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_what_the_signature_covers_and_the_first_line_has_the_path_only() {
        // The signer leaves a scheme's own port out (aws-sigv4, canonical request), so the header
        // must too.
        for (url, host, path) in [
            ("https://sts.example.com:443", "sts.example.com", "/"),
            ("http://[::1]:80/sts?a=b", "[::1]", "/sts?a=b"),
            ("https://sts.example.com:80/", "sts.example.com:80", "/"),
            ("http://127.0.0.1:443/", "127.0.0.1:443", "/"),
            ("https://sts.example.com/", "sts.example.com", "/"),
        ] {
            let request = Request::builder()
                .uri(url)
                .body(SdkBody::empty())
                .expect("a request");
            let (_, request) = in_origin_form(request).expect("a server");
            assert_eq!(
                (
                    request.headers()[HOST].as_bytes(),
                    request.uri().to_string()
                ),
                (host.as_bytes(), path.into())
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_its_own_time_and_not_that_of_the_one_before() {
        let http = Http::new(None, None, AttemptTimeout::default());
        let mut servers = Vec::new();
        for _ in 0..2 {
            let (ours, theirs) = tokio::io::duplex(1024);
            let (sender, connection) = handshake(TokioIo::new(ours))
                .await
                .expect("nothing is said yet");
            tokio::spawn(connection);
            servers.push(theirs);
            http.keep("http://sts".to_owned(), None, sender);
            tokio::time::sleep(IDLE_TIMEOUT * 3 / 4).await;
        }
        assert!(
            http.kept().is_some(),
            "the first one's end is not the second one's"
        );
        tokio::time::sleep(IDLE_TIMEOUT / 2).await;
        assert!(
            http.kept().is_none(),
            "no connection stays open until the next refresh"
        );
    }
}
