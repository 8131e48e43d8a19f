//! The container credentials endpoint: what the SDKs in the application's containers ask
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
//!
//! Owns the way from a guarded request to the published answer of the client's profile, on a thread
//! and a runtime of its own, so that a stuck refresh, DNS lookup or scrape cannot slow it. It never
//! calls STS, takes no lock, and waits only while nothing can be vended yet. `agent` binds its
//! listeners and runs it.

pub mod guard;
pub mod metrics;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::Full;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::cache::{Published, Reader, Refused};
use crate::credentials::Secret;
use crate::http::{
    Activity, Connection, LastRequest, Limits, Listeners, Request, Respond, Response,
    ResponseFuture, explanation, serve,
};
use crate::response;
use crate::time::Boot;
use guard::{Decision, Guard, Refusal};
use metrics::Metrics;

/// How long a request waits for credentials that may come at any moment; then it is answered with
/// 503. Java, C++, PHP and JS v2 give up after a second
/// (<https://github.com/aws/aws-sdk-php/blob/master/src/Credentials/EcsCredentialProvider.php>,
/// <https://github.com/aws/aws-sdk-js/blob/master/lib/credentials/remote_credentials.js>).
pub const HOLD: Duration = Duration::from_millis(800);

/// Without a charset, with which Go and Kotlin do not read errors.
const JSON: &str = "application/json";

/// Header lines that a kept map has room for; no SDK without tracers sends more than 12.
const LARGEST_KEPT: usize = 32;

/// The runtime of the endpoint's thread, on which nothing else runs.
///
/// # Errors
/// When the kernel has no descriptors for it.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
}

/// One container that may ask: its authorization token, and the profile it gets.
pub struct Client {
    /// The exact content of its token file.
    pub token: Secret,
    /// The answers of its profile.
    pub answers: Reader,
    /// Takes the moment of each request with its token, whatever the answer: what shows it shows a
    /// container that uses other credentials.
    pub last_request: Arc<LastRequest>,
}

/// The endpoint, ready to be served.
pub struct Endpoint {
    guard: Guard,
    /// In the order of the guard's tokens.
    answers: Vec<(Reader, Arc<LastRequest>)>,
    /// In the order of [`Refusal::ALL`].
    refusals: [Bytes; Refusal::ALL.len()],
    clock: fn() -> Boot,
    metrics: Metrics,
    activity: Arc<Activity>,
    hold: Duration,
}

impl Endpoint {
    /// The endpoint of `clients` on the listeners at `port`. `clock` is read once for each request;
    /// `hold` is [`HOLD`] outside tests; `activity` is what a shutdown looks at.
    #[must_use]
    pub fn new(
        clients: Vec<Client>,
        port: u16,
        clock: fn() -> Boot,
        metrics: Metrics,
        hold: Duration,
        activity: Arc<Activity>,
    ) -> Self {
        let parts = |client: Client| (client.token, (client.answers, client.last_request));
        let (tokens, answers) = clients.into_iter().map(parts).unzip();
        let refusals = Refusal::ALL.map(|refusal| {
            let (code, message) = refusal.explanation();
            response::error_body(code, message)
        });
        Self {
            guard: Guard::new(port, tokens),
            answers,
            refusals,
            clock,
            metrics,
            activity,
            hold,
        }
    }

    /// Serves `listeners` on the current runtime until `stop` is true.
    ///
    /// # Errors
    /// When a listener cannot be registered with the runtime.
    pub async fn serve(
        self,
        listeners: impl Into<Listeners>,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let activity = Arc::clone(&self.activity);
        serve(
            listeners,
            Arc::new(Shared(Arc::new(self))),
            limits,
            activity,
            stop,
        )
        .await
    }

    /// `headers` are those of any answer, and so are those of [`Endpoint::send`].
    fn refuse(&self, refusal: Refusal, mut headers: HeaderMap) -> Response {
        self.metrics.refused(refusal);
        if refusal == Refusal::Method {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        let status = StatusCode::from_u16(refusal.status()).expect("a constant of the guard");
        response(status, headers, self.refusals[refusal as usize].clone())
    }

    fn send(&self, answer: Published, headers: HeaderMap) -> Response {
        let (status, body) = match answer {
            Published::Served(served) => (StatusCode::OK, served.body),
            Published::Refused(Refused { status: 403, body }) => (StatusCode::FORBIDDEN, body),
            // Never 404, whose body the SDKs for Java discard, nor 429, which Rust and Java do not
            // try again.
            Published::Refused(Refused { body, .. }) => (StatusCode::SERVICE_UNAVAILABLE, body),
        };
        self.metrics.answered(status.as_u16());
        response(status, headers, body)
    }

    /// Nothing can be vended now: waits for what may come at any moment.
    async fn hold(self: Arc<Self>, client: usize, headers: HeaderMap) -> Response {
        let (answers, _) = &self.answers[client];
        let answer = match tokio::time::timeout(self.hold, answers.available()).await {
            Ok(served) => Published::Served(served),
            Err(_) => answers.current(),
        };
        self.send(answer, headers)
    }
}

/// The endpoint as its connections share it; a request that waits keeps it.
struct Shared(Arc<Endpoint>);

impl Respond for Shared {
    fn respond(&self, mut request: Request, connection: &Arc<Connection>) -> ResponseFuture {
        let endpoint = &self.0;
        let now = (endpoint.clock)();
        endpoint.activity.note(now);
        let decision = endpoint
            .guard
            .decide(request.method(), request.uri(), request.headers());
        let headers = headers(std::mem::take(request.headers_mut()));
        let client = match decision {
            Decision::Vend(client) => client,
            Decision::Refuse(refusal) => {
                return ResponseFuture::now(endpoint.refuse(refusal, headers));
            }
        };
        connection.authenticate();
        let (answers, last_request) = &endpoint.answers[client];
        last_request.note(now);
        match answers.at(now) {
            Published::Refused(Refused { status, .. }) if status != 403 => {
                ResponseFuture::later(Arc::clone(endpoint).hold(client, headers))
            }
            answer => ResponseFuture::now(endpoint.send(answer, headers)),
        }
    }

    fn refused(&self, status: u16) {
        self.0.metrics.answered(status);
    }

    fn explain(&self, status: u16) -> (&'static str, Bytes) {
        let (code, message) = explanation(status);
        (JSON, response::error_body(code, message))
    }
}

/// The headers of every answer, in the emptied map of its request: hyper uses it again for the next
/// request on the connection, so none of them allocates one; a map that was made for many more is
/// not kept for as long as the connection. hyper adds Date and Content-Length.
fn headers(mut used: HeaderMap) -> HeaderMap {
    used.clear();
    if used.capacity() > LARGEST_KEPT {
        used = HeaderMap::new();
    }
    used.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    used.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    used
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
