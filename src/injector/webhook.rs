//! The webhook: one review in, one answer out.
//!
//! Owns the way of a request to `inject` and back: its limits and the objects that are read
//! for it. What happens to a pod is decided by `inject` alone, and what becomes of that
//! decision by `webhook/decide.rs`. A pod's content reaches neither log nor metrics. Served
//! over TLS by the composition.

mod decide;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::watch;

use super::body::{LARGEST, Problem, Room, SMALL, Whole};
use super::events::Events;
use super::metrics::{AdmissionOutcome, Failure, Metrics};
use super::objects::Objects;
use super::registration::Current;
use super::review::{self, MOST_MEMORY, PATH, Review, memory_needed};
use super::turns::Turns;
use crate::admin::{answer, text};
use crate::http::{Activity, Connection, Limits, Request, Respond, Response, ResponseFuture};
use crate::inject;
use crate::time::Boot;

/// KiB that all small reviews may need at a time once they are read: an ordinary one
/// needs 25, a forged one 3,600.
const MEMORY_OF_SMALL: u32 = 8 << 10;

/// Limits of the webhook's connections. A handshake and a head have two seconds together; an answer
/// ends before the API server gives up, which is after 5 s. An idle connection outlives the 90 s
/// after which the API server closes it: closed by us at the moment it is used, its review would
/// fail, because a POST is not repeated
/// (<https://pkg.go.dev/net/http#Transport>).
pub const LIMITS: Limits = Limits {
    head: Duration::from_secs(2),
    answering: Duration::from_secs(4),
    idle: Duration::from_mins(3),
    connections: 256,
};

/// What answers reviews.
pub struct Webhook {
    current: Arc<Current>,
    uses: Dependencies,
    /// Memory of bodies on their way.
    room: Arc<Room>,
    /// Memory that small reviews need once they are read, and large ones: no small
    /// one waits for a large one.
    small: Turns,
    large: Turns,
}

/// What [`Webhook::new`] takes besides what decides.
pub struct Dependencies {
    /// Reads what surrounds a pod.
    pub objects: Objects,
    /// Informs owners.
    pub events: Events,
    /// Counts.
    pub metrics: Metrics,
    /// What a shutdown looks at.
    pub activity: Arc<Activity>,
    /// True from SIGTERM on: answers then close their connections.
    pub draining: watch::Receiver<bool>,
    /// The boot clock.
    pub clock: fn() -> Boot,
    /// Makes the random text of a legacy client's token.
    pub draw: fn() -> String,
}

impl Webhook {
    /// A webhook that injects by what `current` holds when a review is decided.
    #[must_use]
    pub fn new(current: Arc<Current>, uses: Dependencies) -> Self {
        Self {
            current,
            uses,
            room: Room::new(),
            small: Turns::new(MEMORY_OF_SMALL),
            large: Turns::new(MOST_MEMORY),
        }
    }

    async fn answer(self: Arc<Self>, request: Request, connection: Arc<Connection>) -> Response {
        let began = (self.uses.clock)();
        let length = match length(&request) {
            Ok(length) => length,
            Err((status, reason)) => return text(status, reason),
        };
        let body = self
            .room
            .read(request.into_body(), length, &connection)
            .await;
        let body = match body {
            Ok(body) => body,
            Err(problem @ Problem::Cut) => {
                return text(StatusCode::BAD_REQUEST, format!("{problem}\n"));
            }
            Err(problem @ Problem::Slow) => {
                let peer = connection.peer();
                tracing::warn!(%peer, length, "a review is given up: {problem}");
                return text(StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n"));
            }
        };
        connection.arrived();
        self.uses.activity.note((self.uses.clock)());
        let response = match self.reviewed(body, &connection).await {
            Ok(body) => {
                connection.authenticate();
                answer(StatusCode::OK, "application/json", body)
            }
            Err(problem) => {
                self.count(AdmissionOutcome::Error(Failure::BadReview));
                tracing::warn!(%problem, "a request was no review");
                text(StatusCode::BAD_REQUEST, format!("{problem}\n"))
            }
        };
        self.uses.metrics.took((self.uses.clock)().since(began));
        response
    }

    /// The answer to a body, or why it is no review.
    async fn reviewed(
        self: &Arc<Self>,
        body: Whole,
        connection: &Connection,
    ) -> Result<Bytes, review::Error> {
        let is_large = body.len() > SMALL;
        let measure = move || {
            let needed = memory_needed(&body);
            (body, needed)
        };
        let (body, needed) = apart(is_large, measure).await;
        let turns = if is_large { &self.large } else { &self.small };
        let turn = turns.take(connection.peer(), needed).await;
        connection.take_up();
        let review = apart(is_large, move || Review::parse(&body)).await?;
        let account = inject::service_account_name(&review.pod);
        let surroundings = match self.uses.objects.read(&review.namespace, account).await {
            Ok(surroundings) => surroundings,
            Err(error) => return Ok(turn.answer(self.unread(&review, &error).body(&review.uid))),
        };
        let webhook = Arc::clone(self);
        let decide = move || webhook.decide(&review, &surroundings).body(&review.uid);
        Ok(turn.answer(apart(is_large, decide).await))
    }
}

/// Does work that may take milliseconds where it delays no other review.
async fn apart<T: Send + 'static>(is_large: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if is_large {
        tokio::task::spawn_blocking(work)
            .await
            .expect("it does not panic, and the runtime lives while it is awaited")
    } else {
        work()
    }
}

/// How long the body is, which API servers always say; or the refusal.
fn length(request: &Request) -> Result<usize, (StatusCode, &'static str)> {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    match length {
        Some(length) if length <= LARGEST => Ok(length),
        Some(_) => Err((
            StatusCode::PAYLOAD_TOO_LARGE,
            "a review has at most 4 MiB\n",
        )),
        None => Err((
            StatusCode::LENGTH_REQUIRED,
            "a review needs a Content-Length\n",
        )),
    }
}

/// The webhook as its connections share it.
pub struct Shared(pub Arc<Webhook>);

impl Respond for Shared {
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> ResponseFuture {
        let webhook = Arc::clone(&self.0);
        let connection = Arc::clone(connection);
        ResponseFuture::later(async move {
            let draining = webhook.uses.draining.clone();
            let mut response = match (request.uri().path(), request.method()) {
                (PATH, &Method::POST) => webhook.answer(request, connection).await,
                (PATH, _) => {
                    let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "use POST\n");
                    refused
                        .headers_mut()
                        .insert(ALLOW, HeaderValue::from_static("POST"));
                    refused
                }
                _ => text(StatusCode::NOT_FOUND, "not found: /inject\n"),
            };
            // The next review then finds another injector, or comes on a new connection
            // (<https://www.rfc-editor.org/rfc/rfc9112#section-9.6>).
            if *draining.borrow() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    }
}
