//! The webhook: one review in, one answer out.
//!
//! Owns the way of a request to `inject` and back: its limits, the objects that are read for it, and what is
//! counted, logged and told besides. What happens to a pod is decided by `inject` alone. A pod's content reaches
//! neither log nor metrics. Served over TLS by the composition.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use tokio::sync::watch;

use super::body::{LARGEST, Problem, Room, SMALL, Whole};
use super::events::{Event, Events, Owner, Reason as EventReason};
use super::metrics::{Failure, Metrics, Outcome};
use super::objects::{Objects, Surroundings};
use super::registration::Current;
use super::review::{MOST_MEMORY, Review, Verdict, memory_needed};
use super::turns::Turns;
use crate::admin::{answer, text};
use crate::failure::safe_line;
use crate::http::{Activity, Connection, Limits, Reply, Request, Respond, Response};
use crate::inject::{self, Decision};
use crate::time::Boot;

/// Where the API server posts reviews.
pub const PATH: &str = "/inject";

/// KiB that all small reviews may need at a time once they are read: an ordinary one needs 25, a forged one 3,600.
const MEMORY_OF_SMALL: u32 = 8 << 10;

/// Limits of the webhook's connections. A handshake and a head have two seconds together; an answer ends before
/// the API server gives up, which is after 5 s. An idle connection outlives the 90 s after which the API server
/// closes it: closed by us at the moment it is used, its review would fail, because a POST is not repeated.
pub const LIMITS: Limits = Limits {
    head: Duration::from_secs(2),
    answering: Duration::from_secs(4),
    idle: Duration::from_mins(3),
    connections: 256,
};

/// What answers reviews.
pub struct Webhook {
    current: Arc<Current>,
    objects: Objects,
    events: Events,
    metrics: Metrics,
    activity: Arc<Activity>,
    draining: watch::Receiver<bool>,
    clock: fn() -> Boot,
    draw: fn() -> String,
    /// Memory of bodies on their way.
    room: Arc<Room>,
    /// Memory that small reviews need once they are read, and large ones: no small one waits for a large one.
    small: Turns,
    large: Turns,
}

/// What [`Webhook::new`] takes besides what decides.
pub struct Means {
    /// Reads what surrounds a pod.
    pub objects: Objects,
    /// Tells owners.
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
    pub fn new(current: Arc<Current>, means: Means) -> Self {
        let Means {
            objects,
            events,
            metrics,
            activity,
            draining,
            clock,
            draw,
        } = means;
        let (room, small, large) = (
            Room::new(),
            Turns::new(MEMORY_OF_SMALL),
            Turns::new(MOST_MEMORY),
        );
        Self {
            current,
            objects,
            events,
            metrics,
            activity,
            draining,
            clock,
            draw,
            room,
            small,
            large,
        }
    }

    async fn answer(self: Arc<Self>, request: Request, connection: Arc<Connection>) -> Response {
        let began = (self.clock)();
        let length = match length(&request) {
            Some(length) if length <= LARGEST => length,
            Some(_) => {
                return text(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "a review has at most 4 MiB\n",
                );
            }
            None => {
                return text(
                    StatusCode::LENGTH_REQUIRED,
                    "a review needs a Content-Length\n",
                );
            }
        };
        let body = match self
            .room
            .read(request.into_body(), length, &connection)
            .await
        {
            Ok(body) => body,
            Err(problem @ Problem::Cut) => {
                return text(StatusCode::BAD_REQUEST, format!("{problem}\n"));
            }
            Err(problem @ Problem::Slow) => {
                tracing::warn!(peer = %connection.peer(), length, "a review is given up: {problem}");
                return text(StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n"));
            }
        };
        connection.arrived();
        self.activity.note((self.clock)());
        let response = match self.reviewed(body, &connection).await {
            Ok(body) => {
                connection.authenticate();
                answer(StatusCode::OK, "application/json", body)
            }
            Err(problem) => {
                self.metrics.count(Outcome::Error(Failure::BadReview));
                tracing::warn!(problem, "a request was no review");
                text(StatusCode::BAD_REQUEST, format!("{problem}\n"))
            }
        };
        self.metrics.took((self.clock)().since(began));
        response
    }

    /// The answer to a body, or why it is no review.
    async fn reviewed(
        self: &Arc<Self>,
        body: Whole,
        connection: &Connection,
    ) -> Result<Bytes, String> {
        let is_large = body.len() > SMALL;
        let (body, needed) = apart(is_large, move || {
            let needed = memory_needed(&body);
            (body, needed)
        })
        .await;
        let turns = if is_large { &self.large } else { &self.small };
        let turn = turns.take(connection.peer(), needed).await;
        connection.take_up();
        let review = apart(is_large, move || Review::parse(&body))
            .await
            .map_err(|error| error.to_string())?;
        let account = inject::service_account_name(&review.pod);
        let surroundings = match self.objects.read(&review.namespace, account).await {
            Ok(surroundings) => surroundings,
            Err(error) => {
                let (namespace, owner) = (safe_line(&review.namespace), shown(&review));
                tracing::error!(namespace, owner, %error, "a pod is refused");
                self.metrics.count(Outcome::Error(Failure::ReadFailed));
                let refused = Verdict::Refused {
                    code: 500,
                    message: format!("stsidecar: {error}"),
                };
                return Ok(turn.answer(refused.body(&review.uid)));
            }
        };
        let webhook = Arc::clone(self);
        Ok(turn.answer(
            apart(is_large, move || {
                webhook.decide(&review, &surroundings).body(&review.uid)
            })
            .await,
        ))
    }

    fn decide(&self, review: &Review, surroundings: &Surroundings) -> Verdict {
        let request = inject::Request {
            pod: &review.pod,
            namespace: &review.namespace,
            account: surroundings.account.as_ref(),
            namespace_object: surroundings.namespace.as_ref(),
            asked_by_caller: false,
            fallback_role: None,
        };
        let namespace = review.namespace.as_str();
        match inject::decide(&request, &self.current.template(), &mut || (self.draw)()) {
            Decision::Deny(denial) => {
                self.metrics.count(Outcome::Denied(denial.reason));
                tracing::info!(
                    namespace,
                    owner = shown(review),
                    reason = denial.reason.as_str(),
                    "a pod is refused"
                );
                Verdict::Refused {
                    code: 403,
                    message: denial.to_string(),
                }
            }
            Decision::Skip(skip) => {
                self.metrics.count(Outcome::Skipped(skip.reason));
                let owner = shown(review);
                let Some(message) = skip.message else {
                    tracing::debug!(
                        namespace,
                        owner,
                        reason = skip.reason,
                        "a pod is left alone"
                    );
                    return Verdict::Admitted {
                        patch: None,
                        warnings: Vec::new(),
                    };
                };
                tracing::info!(
                    namespace,
                    owner,
                    reason = skip.reason,
                    "a pod is left alone"
                );
                self.tell(review, EventReason::Skipped, &message);
                Verdict::Admitted {
                    patch: None,
                    warnings: vec![format!("not injected: {message}")],
                }
            }
            // The second call for a pod that is complete: the first one has said everything.
            Decision::Inject(injection) if injection.operations.is_empty() => Verdict::Admitted {
                patch: None,
                warnings: Vec::new(),
            },
            Decision::Inject(injection) => {
                self.metrics.count(Outcome::Injected);
                tracing::debug!(namespace, owner = shown(review), "a pod is injected");
                for warning in &injection.warnings {
                    self.tell(review, EventReason::Warned, warning);
                }
                Verdict::Admitted {
                    patch: Some(injection.to_json()),
                    warnings: injection.warnings,
                }
            }
        }
    }

    /// Puts an event on the owner, whose user does not see our answer; never for a dry run.
    fn tell(&self, review: &Review, reason: EventReason, message: &str) {
        if review.dry_run {
            return;
        }
        if let Some(owner) = Owner::of(&review.pod) {
            let (namespace, message) = (review.namespace.clone(), message.to_owned());
            self.events.put(Event {
                namespace,
                owner,
                reason,
                message,
            });
        }
    }
}

/// Who made the pod, for a log line: `ReplicaSet/web-1`, or the pod itself, whose name may not be there yet.
fn shown(review: &Review) -> String {
    if let Some(Owner { kind, name, .. }) = Owner::of(&review.pod) {
        return safe_line(&format!("{kind}/{name}"));
    }
    let metadata = &review.pod["metadata"];
    let name = metadata["name"]
        .as_str()
        .or(metadata["generateName"].as_str());
    safe_line(&format!("Pod/{}", name.unwrap_or_default()))
}

/// Does work that may take milliseconds where it delays nobody.
async fn apart<T: Send + 'static>(is_large: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if is_large {
        tokio::task::spawn_blocking(work)
            .await
            .expect("it does not panic, and the runtime lives while it is awaited")
    } else {
        work()
    }
}

/// How long the body is; API servers always say.
fn length(request: &Request) -> Option<usize> {
    request
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The webhook as its connections share it.
pub struct Shared(pub Arc<Webhook>);

impl Respond for Shared {
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> Reply {
        let webhook = Arc::clone(&self.0);
        let connection = Arc::clone(connection);
        Reply::later(async move {
            let draining = webhook.draining.clone();
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
            // The next review then finds another injector, or comes on a new connection.
            if *draining.borrow() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    }
}
