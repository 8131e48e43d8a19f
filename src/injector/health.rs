//! Probes and metrics of the injector, over plain HTTP.
//!
//! Owns `/livez`, `/readyz` and `/metrics`, which show the same readiness. It judges nothing: the
//! parts of the injector hand their conditions in. The kubelet and Prometheus ask.

use std::sync::Arc;

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode, Uri};

use super::metrics::Ready;
use crate::admin::metrics::{CONTENT_TYPE, text as render};
use crate::admin::{answer, parameter, text};
use crate::http::{Connection, Request, Respond, Response, ResponseFuture};
use crate::metrics::Registry;

/// One thing that holds, or not.
pub struct Condition {
    /// Its name on `/readyz?verbose`.
    pub name: &'static str,
    /// Whether the injector is ready without it. If so, it is only shown: what an operator should
    /// know, and what keeps no review from being answered.
    pub is_optional: bool,
    /// Whether it holds now, with what is worth knowing of it; or why it does not.
    pub holds: Box<dyn Fn() -> Result<Option<String>, String> + Send + Sync>,
}

impl Condition {
    /// One without which no review could be answered.
    pub fn new(
        name: &'static str,
        holds: impl Fn() -> Result<Option<String>, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            is_optional: false,
            holds: Box::new(holds),
        }
    }

    /// One that holds while `problem` answers nothing.
    pub fn unless(
        name: &'static str,
        problem: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, move || problem().map_or(Ok(None), Err))
    }

    /// The same, but only shown.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            is_optional: true,
            ..self
        }
    }

    fn line(&self) -> String {
        let (name, mark) = (self.name, if self.is_optional { "!" } else { "-" });
        match (self.holds)() {
            Ok(None) => format!("[+]{name} ok\n"),
            Ok(Some(note)) => format!("[+]{name} ok: {note}\n"),
            Err(problem) => format!("[{mark}]{name}: {problem}\n"),
        }
    }
}

/// What the surface shows.
pub struct Health {
    /// In the order in which they are shown.
    pub conditions: Vec<Condition>,
    /// The process's.
    pub registry: Registry,
    /// On that registry.
    pub ready: Ready,
}

impl Health {
    fn is_ready(&self) -> bool {
        let mut needed = self.conditions.iter().filter(|one| !one.is_optional);
        needed.all(|condition| (condition.holds)().is_ok())
    }

    fn readiness(&self, verbose: bool) -> Response {
        let (status, word, last) = if self.is_ready() {
            (StatusCode::OK, "ok\n", "readyz check passed\n")
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "not ready\n",
                "readyz check failed\n",
            )
        };
        if !verbose {
            return text(status, word);
        }
        let lines: String = self.conditions.iter().map(Condition::line).collect();
        text(status, lines + last)
    }

    fn route(&self, method: &Method, uri: &Uri) -> Response {
        if !matches!(uri.path(), "/livez" | "/readyz" | "/metrics") {
            return text(
                StatusCode::NOT_FOUND,
                "not found: /livez /readyz /metrics\n",
            );
        }
        if method != Method::GET && method != Method::HEAD {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            refused
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match uri.path() {
            // An answer is proof of life: this surface shares its thread with everything else.
            "/livez" => text(StatusCode::OK, "ok\n"),
            "/readyz" => {
                self.readiness(parameter(uri.query().unwrap_or_default(), "verbose").is_some())
            }
            _ => {
                self.ready.set(self.is_ready());
                answer(StatusCode::OK, CONTENT_TYPE, render(&self.registry))
            }
        }
    }
}

impl Respond for Health {
    fn respond(&self, request: Request, _: &Arc<Connection>) -> ResponseFuture {
        ResponseFuture::now(self.route(request.method(), request.uri()))
    }
}
