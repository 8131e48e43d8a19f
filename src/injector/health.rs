//! Probes and metrics of the injector, over plain HTTP.
//!
//! Owns `/livez`, `/readyz` and `/metrics`, which show the same readiness. It judges nothing: each condition of it is
//! handed in by who knows it. The kubelet and Prometheus ask.

use std::sync::Arc;

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode, Uri};

use super::metrics::Ready;
use crate::admin::metrics::{CONTENT_TYPE, text as render};
use crate::admin::{answer, parameter, text};
use crate::http::{Connection, Reply, Request, Respond, Response};
use crate::metrics::Registry;

/// That a condition holds, with what is worth knowing of it, or why it does not hold.
pub type Judgement = Result<Option<String>, String>;

/// One thing that holds, or not.
pub struct Condition {
    /// Its name on `/readyz?verbose`.
    pub name: &'static str,
    /// Whether it holds now.
    pub holds: Box<dyn Fn() -> Judgement + Send + Sync>,
}

/// What the surface shows.
pub struct Health {
    /// Without which no review could be answered: all must hold.
    pub conditions: Vec<Condition>,
    /// What an operator should know, and what keeps no review from being answered.
    pub notes: Vec<Condition>,
    /// The process's.
    pub registry: Registry,
    /// On that registry.
    pub ready: Ready,
}

impl Health {
    fn is_ready(&self) -> bool {
        self.conditions
            .iter()
            .all(|condition| (condition.holds)().is_ok())
    }

    fn readiness(&self, verbose: bool) -> Response {
        let ready = self.is_ready();
        let status = if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        if !verbose {
            return text(status, if ready { "ok\n" } else { "not ready\n" });
        }
        let line = |mark: &str, Condition { name, holds }: &Condition| match holds() {
            Ok(None) => format!("[+]{name} ok\n"),
            Ok(Some(note)) => format!("[+]{name} ok: {note}\n"),
            Err(problem) => format!("[{mark}]{name}: {problem}\n"),
        };
        let conditions = self.conditions.iter().map(|condition| line("-", condition));
        let mut lines: String = conditions
            .chain(self.notes.iter().map(|note| line("!", note)))
            .collect();
        lines.push_str(if ready {
            "readyz check passed\n"
        } else {
            "readyz check failed\n"
        });
        text(status, lines)
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
            // Whoever answers lives: this surface shares its thread with everything else.
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
    fn respond(&self, request: Request, _: &Arc<Connection>) -> Reply {
        Reply::now(self.route(request.method(), request.uri()))
    }
}
