//! Which request of the admin surface is answered with what, and where it may come from.
//!
//! Owns paths, methods and query parameters, and what connections share: the places of those who
//! wait, the turn of a retry, the lines that were handed out. `locality` decides what comes from
//! this pod. `admin` serves it.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, HeaderValue};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::incidents::Incidents;
use super::locality::{self, is_local};
use super::turn::Turn;
use super::waiting::{LONGEST_WAIT, Waiting};
use super::{Admin, parameter, text};
use crate::http::{Connection, Request, Respond, Response, ResponseFuture};

const FOR_THIS_POD: &str = " is for this pod only: ask 127.0.0.1, localhost or [::1] directly, from within or by kubectl port-forward\n";

/// The surface as its connections share it.
pub(super) struct Surface {
    pub(super) admin: Arc<Admin>,
    waiting: Waiting,
    pub(super) turn: Turn,
    incidents: Incidents,
}

impl Respond for Surface {
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> ResponseFuture {
        self.route(
            request.method(),
            request.uri(),
            request.headers(),
            connection,
        )
    }
}

impl Surface {
    pub(super) fn of(admin: Admin) -> Self {
        let incidents = Incidents::of(admin.profiles.len());
        Self {
            admin: Arc::new(admin),
            waiting: Waiting::begin(),
            turn: Turn::default(),
            incidents,
        }
    }

    pub(super) fn route(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        connection: &Connection,
    ) -> ResponseFuture {
        let path = uri.path();
        let allowed: &[Method] = match path {
            "/livez" | "/readyz" | "/metrics" | "/status" => &[Method::GET, Method::HEAD],
            // A reader must not take a line from the kubelet.
            "/retry" | "/incident" => &[Method::POST],
            _ => {
                return ResponseFuture::now(text(
                    StatusCode::NOT_FOUND,
                    "not found: /livez /readyz /metrics /status /retry\n",
                ));
            }
        };
        if !allowed.contains(method) {
            return ResponseFuture::now(not_allowed(allowed));
        }
        let local = is_local(connection.peer(), uri, headers);
        let query = uri.query().unwrap_or_default();
        match path {
            "/livez" => ResponseFuture::now(self.admin.liveness()),
            "/readyz" => ResponseFuture::now(
                self.admin
                    .readiness(parameter(query, "verbose").is_some(), local),
            ),
            "/metrics" => ResponseFuture::now(self.admin.scrape()),
            _ if !local => {
                ResponseFuture::now(text(StatusCode::FORBIDDEN, format!("{path}{FOR_THIS_POD}")))
            }
            "/status" => self.status(query, connection),
            _ => match locality::refusal(headers) {
                Some(refusal) => ResponseFuture::now(refusal),
                None if path == "/retry" => self.retry(query, connection),
                None => ResponseFuture::now(self.incident(query)),
            },
        }
    }

    /// A line for the pod's events, or nothing; `period` is until the next call. What ends in order
    /// is no incident.
    fn incident(&self, query: &str) -> Response {
        let Some(Ok(period)) = parameter(query, "period").map(str::parse::<u32>) else {
            return text(StatusCode::BAD_REQUEST, "period is a number of seconds\n");
        };
        if *self.admin.draining.borrow() {
            return text(StatusCode::OK, "");
        }
        let (now, period) = (
            (self.admin.clock)().boot,
            Duration::from_secs(period.into()),
        );
        text(
            StatusCode::OK,
            self.incidents
                .next(&self.admin.profiles, now, period)
                .unwrap_or_default(),
        )
    }

    /// `/status`, at once or when the agent has started, at most `?wait=SECONDS` later.
    fn status(&self, query: &str, connection: &Connection) -> ResponseFuture {
        let wait = match wait(query) {
            Ok(wait) => wait,
            Err(refusal) => return ResponseFuture::now(*refusal),
        };
        let admin = Arc::clone(&self.admin);
        if wait.is_zero() || *admin.started.borrow() {
            return ResponseFuture::now(admin.status(Vec::new()));
        }
        let Some(turn) = self.waiting.turn() else {
            return ResponseFuture::now(admin.status(Vec::new()));
        };
        connection.extend(wait);
        ResponseFuture::later(async move {
            turn.over(&admin, wait).await;
            admin.status(Vec::new())
        })
    }
}

fn not_allowed(allowed: &[Method]) -> Response {
    let names = if allowed.len() > 1 {
        "GET, HEAD"
    } else {
        "POST"
    };
    let reason = format!("use {}\n", allowed[0]);
    let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, reason);
    let headers = refused.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(names));
    refused
}

/// For how long `?wait=SECONDS` lets an answer wait, or the refusal of what is no number.
pub(super) fn wait(query: &str) -> Result<Duration, Box<Response>> {
    match parameter(query, "wait").map(str::parse::<u16>) {
        None => Ok(Duration::ZERO),
        Some(Ok(seconds)) => Ok(Duration::from_secs(seconds.into()).min(LONGEST_WAIT)),
        Some(Err(_)) => Err(Box::new(text(
            StatusCode::BAD_REQUEST,
            "wait is a number of seconds\n",
        ))),
    }
}
