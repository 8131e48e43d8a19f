//! The admin surface: probes, metrics and status, for kubelet, Prometheus and `stsidecar status`.
//!
//! Owns `/livez`, `/readyz`, `/metrics`, `/status`, `/retry` and `/incident` on a port of its own
//! that never serves credentials. Probes and metrics take any Host and forwarding headers, because
//! the API server's proxy sends them; role and claims are shown to requests from this pod only
//! (`locality.rs`). It never decides anything: readers, reports and flags come in, and the wish for
//! a retry goes out (`retry.rs`). `surface.rs` routes.

mod clients;
mod incidents;
mod locality;
pub mod metrics;
mod retry;
mod status;
mod surface;
mod turn;
mod waiting;

use std::net::TcpListener;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use tokio::sync::watch;

use crate::http::{Activity, Limits, Response, serve};
use crate::time::{Boot, Now};
pub use clients::{Client, ClientStatus};
use metrics::Metrics;
pub use retry::{Retried, RetryOutcome};
pub use status::{Profile, Status};
use surface::Surface;
pub use waiting::LONGEST_WAIT;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What the admin surface shows.
pub struct Admin {
    /// In the order of the configuration.
    pub profiles: Vec<Profile>,
    /// In the order of the configuration.
    pub clients: Vec<Client>,
    /// Reads the clocks.
    pub clock: fn() -> Now,
    /// When the agent started: before it nothing is known of the clients.
    pub since: Boot,
    /// What the injector decided by, as a hash; none where no injector made this agent.
    pub settings_hash: Option<String>,
    /// Whether the process and its tasks run; never depends on STS.
    pub live: Box<dyn Fn() -> bool + Send + Sync>,
    /// True for good once all profiles held credentials at the same time.
    pub started: watch::Receiver<bool>,
    /// True once the credentials endpoint's port is ours.
    pub listening: watch::Receiver<bool>,
    /// True from SIGTERM on.
    pub draining: watch::Receiver<bool>,
    /// The registry.
    pub metrics: Metrics,
}

impl Admin {
    /// Serves `listener` on the current runtime until `stop` is true.
    ///
    /// # Errors
    /// When the listener cannot be registered with the runtime.
    pub async fn serve(
        self,
        listener: TcpListener,
        limits: Limits,
        stop: watch::Receiver<bool>,
    ) -> std::io::Result<()> {
        let surface = Surface::of(self);
        serve(
            vec![listener],
            Arc::new(surface),
            limits,
            Arc::new(Activity::default()),
            stop,
        )
        .await
    }

    /// A request for credentials would reach us and be answered with them, whichever profile it is
    /// for, and it will stay so: not while draining.
    fn is_ready(&self) -> bool {
        *self.listening.borrow()
            && !*self.draining.borrow()
            && self
                .profiles
                .iter()
                .all(|profile| profile.answers.is_available())
    }

    fn liveness(&self) -> Response {
        if (self.live)() {
            text(StatusCode::OK, "ok\n")
        } else {
            text(StatusCode::SERVICE_UNAVAILABLE, "not live\n")
        }
    }

    fn readiness(&self, verbose: bool, detailed: bool) -> Response {
        let ready = self.is_ready();
        let status = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        if !verbose {
            return text(status, if ready { "ok\n" } else { "not ready\n" });
        }
        let mut lines: String = self
            .profiles
            .iter()
            .map(|profile| profile.line(detailed))
            .collect();
        lines.push_str(if *self.listening.borrow() {
            "[+]endpoint ok\n"
        } else {
            "[-]endpoint: its port cannot be taken; is another process using it?\n"
        });
        lines.push_str(if *self.draining.borrow() {
            "[-]draining: the agent is shutting down\n"
        } else {
            "[+]draining ok\n"
        });
        lines.push_str(if ready {
            "readyz check passed\n"
        } else {
            "readyz check failed\n"
        });
        text(status, lines)
    }

    fn scrape(&self) -> Response {
        answer(
            StatusCode::OK,
            metrics::CONTENT_TYPE,
            self.metrics
                .render(self.is_ready(), &self.clients, (self.clock)()),
        )
    }

    fn status(&self, retries: Vec<Retried>) -> Response {
        let document = serde_json::to_vec(&Status::of(self, retries));
        answer(
            StatusCode::OK,
            JSON,
            document.expect("strings, numbers and instants serialize"),
        )
    }
}

/// The value of a query parameter; empty when it has none.
pub(crate) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })
}

/// A plain text that no cache keeps.
pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Response {
    answer(status, TEXT, body)
}

/// An answer of this type that no cache keeps.
pub(crate) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
