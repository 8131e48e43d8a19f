//! Events on a pod's owner: the webhook's answer goes to a controller, and `kubectl describe`
//! shows the reason to its user.
//!
//! Owns their shape, a queue of limited length and the one task that posts them. An admission never
//! waits for it: an event that does not fit is dropped. The same sentence again within ten minutes
//! raises the count of the event that is there. Fed by the webhook.

use std::collections::VecDeque;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::request::Builder;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::config::is_object_name;
use crate::failure::{root_cause, safe_line};
use crate::time::{Boot, Wall};

/// Events that wait to be posted; a burst beyond it says nothing new.
const QUEUE: usize = 256;
/// How many events are remembered, to be counted up.
const REMEMBERED: usize = 256;
/// For how long.
const SAME_WITHIN: Duration = Duration::from_mins(10);
/// The longest text by which an owner is named, in bytes. The API server checks references only
/// after us, and what waits in the queue or is remembered must stay small, since every client that
/// reaches the port can send a review.
const LONGEST_PART: usize = 512;
/// The longest name of an object, and how much of it makes an event's name unlike any other.
const LONGEST_NAME: usize = 253;
const DRAWN: usize = 16;
/// How long a post may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The component that kubectl shows.
const COMPONENT: &str = "stsidecar-injector";

/// What manages a pod, such as its `ReplicaSet`; from the reference that is marked as controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    uid: String,
}

impl Owner {
    /// The controller of a raw pod, if it has one that can exist.
    #[must_use]
    pub fn of(pod: &Value) -> Option<Self> {
        let references = pod["metadata"]["ownerReferences"].as_array()?;
        let controller = references
            .iter()
            .find(|reference| reference["controller"] == true)?;
        Some(Self {
            api_version: part(controller, "apiVersion")?,
            kind: part(controller, "kind")?,
            name: part(controller, "name")?,
            uid: part(controller, "uid")?,
        })
    }
}

fn part(reference: &Value, key: &str) -> Option<String> {
    let text = reference[key].as_str()?;
    (text.len() <= LONGEST_PART).then(|| text.to_owned())
}

/// Why an event is there; its `reason` in kubectl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The pod was left alone although something asked for its injection.
    Skipped,
    /// The pod was injected, and something about it is doubtful.
    Warned,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Skipped => "InjectionSkipped",
            Self::Warned => "InjectionWarning",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The namespace of pod and owner.
    pub namespace: String,
    /// The object that shows it.
    pub owner: Owner,
    /// What kind.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

/// Where events are put.
#[derive(Clone, Debug)]
pub struct Events(mpsc::Sender<Event>);

/// Posts what is put into its [`Events`].
pub struct Poster {
    client: Client,
    events: mpsc::Receiver<Event>,
    posted: VecDeque<Posted>,
    boot: fn() -> Boot,
    wall: fn() -> Wall,
    draw: fn() -> String,
}

struct Posted {
    event: Event,
    name: String,
    count: u32,
    at: Boot,
}

/// A queue and its other end. `draw` makes the part of an event's name that no other has.
#[must_use]
pub fn queue(
    client: Client,
    boot: fn() -> Boot,
    wall: fn() -> Wall,
    draw: fn() -> String,
) -> (Events, Poster) {
    let (sender, events) = mpsc::channel(QUEUE);
    let poster = Poster {
        client,
        events,
        posted: VecDeque::new(),
        boot,
        wall,
        draw,
    };
    (Events(sender), poster)
}

impl Events {
    /// Puts one at the end, or drops it when the queue is full.
    pub fn put(&self, event: Event) {
        let event = Event {
            message: safe_line(&event.message),
            ..event
        };
        if self.0.try_send(event).is_err() {
            tracing::debug!("an event was dropped: too many wait to be posted");
        }
    }
}

impl Poster {
    /// Posts until every [`Events`] is gone.
    pub async fn run(mut self) {
        while let Some(event) = self.events.recv().await {
            let (namespace, owner) = (event.namespace.clone(), event.owner.name.clone());
            let problem = match timeout(LIMIT, self.post(event)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => root_cause(&error),
                Err(_) => format!("no answer of the API server within {LIMIT:?}"),
            };
            tracing::warn!(namespace, owner, problem, "an event could not be posted");
        }
    }

    async fn post(&mut self, event: Event) -> Result<(), kube::Error> {
        // Every client that reaches the port can send a review, and its names become a path of the
        // API server. No event is worth an error.
        if !is_object_name(&event.namespace) || !is_object_name(&event.owner.name) {
            return Ok(());
        }
        let now = (self.boot)();
        self.posted
            .retain(|posted| now.since(posted.at) < SAME_WITHIN);
        if let Some(at) = self.posted.iter().position(|posted| posted.event == event) {
            let mut posted = self.posted.remove(at).expect("just found");
            posted.count += 1;
            if self.count_up(&posted).await? {
                self.posted.push_back(posted);
                return Ok(());
            }
        }
        let name = name(&event.owner.name, &(self.draw)());
        let request = http::Request::post(format!("/api/v1/namespaces/{}/events", event.namespace))
            .header(CONTENT_TYPE, "application/json");
        let body = document(&event, &name, (self.wall)());
        self.send(request, &body).await?;
        self.posted.truncate(REMEMBERED - 1);
        self.posted.push_front(Posted {
            event,
            name,
            count: 1,
            at: now,
        });
        Ok(())
    }

    /// Whether the event was still there.
    async fn count_up(&self, posted: &Posted) -> Result<bool, kube::Error> {
        let (namespace, name) = (&posted.event.namespace, &posted.name);
        let target = format!("/api/v1/namespaces/{namespace}/events/{name}");
        let request =
            http::Request::patch(target).header(CONTENT_TYPE, "application/merge-patch+json");
        let patch = json!({ "count": posted.count, "lastTimestamp": (self.wall)().rfc3339() });
        match self.send(request, &patch).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            sent => sent.map(|()| true),
        }
    }

    async fn send(&self, request: Builder, body: &Value) -> Result<(), kube::Error> {
        let body = body.to_string().into_bytes();
        let request = request.body(body).map_err(kube::Error::HttpError)?;
        self.client.request_text(request).await.map(drop)
    }
}

/// The owner's name, cut where both would be too long for one, and what was drawn.
fn name(owner: &str, drawn: &str) -> String {
    let cut: String = owner.chars().take(LONGEST_NAME - DRAWN - 1).collect();
    format!("{}.{drawn:.DRAWN$}", cut.trim_end_matches(['-', '.']))
}

/// `describe` shows an event at its owner only when it has the owner's uid.
fn document(event: &Event, name: &str, now: Wall) -> Value {
    let Event {
        namespace,
        owner,
        reason,
        message,
    } = event;
    let now = now.rfc3339();
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": { "name": name, "namespace": namespace },
        "involvedObject": {
            "apiVersion": owner.api_version,
            "kind": owner.kind,
            "name": owner.name,
            "namespace": namespace,
            "uid": owner.uid,
        },
        "type": "Warning",
        "reason": reason.as_str(),
        "message": message,
        "source": { "component": COMPONENT },
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}

#[cfg(test)]
mod tests;
