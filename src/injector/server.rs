//! The injector's two surfaces while they run: the webhook over TLS, and health beside it.
//!
//! Owns the tasks, from the first connection to the end of the drain. It makes neither
//! certificate nor client: both are handed in. Called by the composition, and by tests with a
//! certificate of their own.

use std::sync::Arc;
use std::time::Duration;

use kube::Client;
use rustls::server::ResolvesServerCert;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Error;
use super::clients::Clients;
use super::events;
use super::health::{Condition, Health};
use super::metrics::{Metrics, Ready};
use super::objects::{self, Objects};
use super::registration::Current;
use super::tls::Tls;
use super::webhook::{Dependencies, Shared, Webhook};
use crate::clock;
use crate::http::{Activity, Limits, Listeners, serve, serve_over};
use crate::metrics::Registry;
use crate::shutdown::abandoned;

/// Probes and a scraper are few.
const HEALTH_CONNECTIONS: usize = 64;
/// How long the first read of the API server waits for the next attempt.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// How long tasks may take to end after the last connection.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long the drain goes on.
#[derive(Clone, Copy, Debug)]
pub struct Drain {
    /// At most.
    pub grace: Duration,
    /// Since the last review: until the API server's node has heard that this pod is no endpoint
    /// any more. Then it ends with the last connection.
    pub idle: Duration,
}

/// Measured: endpoints spread within two seconds. The chart's grace period is 30 s, of which most
/// is for connections that an API server keeps without use, 90 s long by itself
/// (<https://github.com/kubernetes/apimachinery/blob/master/pkg/util/net/http.go>,
/// `SetTransportDefaults`): in a burst it sends a review into one, and repeats none that meets the
/// end of it.
pub const DRAIN: Drain = Drain {
    grace: Duration::from_secs(25),
    idle: Duration::from_secs(5),
};

/// What the surfaces are made of.
pub struct Parts {
    /// By what reviews are decided.
    pub current: Arc<Current>,
    /// The API server.
    pub client: Client,
    /// The namespace that is read to find out whether reading works.
    pub namespace: String,
    /// Shown at each handshake.
    pub certificate: Arc<dyn ResolvesServerCert>,
    /// Who may call the webhook; nothing when all may.
    pub clients: Option<Arc<Clients>>,
    /// Readiness, besides what is known here.
    pub conditions: Vec<Condition>,
    /// The webhook's port, taken or still waited for.
    pub webhook: Listeners,
    /// What its connections may take.
    pub limits: Limits,
    /// The port of health and metrics.
    pub health: Listeners,
    /// The process's registry.
    pub registry: Registry,
}

/// Serves until `stop` has answered once and the drain is over, or it has answered twice; `tasks`
/// are those that must not end before.
///
/// # Errors
/// When something cannot start, or ends by itself.
pub async fn run(
    parts: Parts,
    mut tasks: JoinSet<&'static str>,
    drain: Drain,
    mut stop: impl AsyncFnMut() -> &'static str,
) -> Result<(), Error> {
    let (draining, closed) = (watch::Sender::new(false), watch::Sender::new(false));
    let activity = start(parts, &mut tasks, &draining, &closed)?;
    tokio::select! {
        signal = stop() => tracing::info!(signal, grace = ?drain.grace, "draining"),
        ended = ended(&mut tasks) => return Err(ended),
    }
    draining.send_replace(true);
    tokio::select! {
        () = abandoned(&activity, drain.grace, drain.idle) => tracing::info!("drained"),
        signal = stop() => {
            tracing::info!(signal, "ending at once");
            return Ok(());
        }
        ended = ended(&mut tasks) => return Err(ended),
    }
    closed.send_replace(true);
    // What is left in the queue of events is worth a moment.
    let joined = async {
        while tasks
            .join_next()
            .await
            .is_some_and(|task| !matches!(task, Ok(EVENTS)))
        {}
    };
    let _ = tokio::time::timeout(LAST_WORDS, joined).await;
    Ok(())
}

const EVENTS: &str = "events";

fn start(
    parts: Parts,
    tasks: &mut JoinSet<&'static str>,
    draining: &watch::Sender<bool>,
    closed: &watch::Sender<bool>,
) -> Result<Arc<Activity>, Error> {
    let objects = Objects::new(parts.client.clone(), objects::LIMIT);
    let (events, poster) = events::queue(parts.client, clock::boot, clock::wall, super::draw);
    tasks.spawn(async move {
        poster.run().await;
        EVENTS
    });
    let has_read = first_read(objects.clone(), parts.namespace, tasks);
    let mut conditions = parts.conditions;
    conditions.extend(own_conditions(
        has_read,
        draining.subscribe(),
        parts.clients.clone(),
    ));
    conditions.extend(of_registration(&parts.current));
    let activity = Arc::new(Activity::default());
    let dependencies = Dependencies {
        objects,
        events,
        metrics: Metrics::register(&parts.registry)?,
        activity: Arc::clone(&activity),
        draining: draining.subscribe(),
        clock: clock::boot,
        draw: super::draw,
    };
    let answers = Shared(Arc::new(Webhook::new(parts.current, dependencies)));
    let tls = Tls::new(parts.certificate, parts.clients)?;
    let (of_webhook, stop) = (Arc::clone(&activity), closed.subscribe());
    tasks.spawn(async move {
        let (listeners, answers) = (parts.webhook, Arc::new(answers));
        let served = serve_over(tls, listeners, answers, parts.limits, of_webhook, stop).await;
        report("webhook", served)
    });
    let surface = Arc::new(Health {
        conditions,
        ready: Ready::register(&parts.registry)?,
        registry: parts.registry,
    });
    let stop = closed.subscribe();
    tasks.spawn(async move {
        let (limits, unread) = (Limits::new(HEALTH_CONNECTIONS), Arc::default());
        report(
            "health",
            serve(parts.health, surface, limits, unread, stop).await,
        )
    });
    Ok(activity)
}

/// What is known here of readiness.
fn own_conditions(
    has_read: watch::Receiver<bool>,
    draining: watch::Receiver<bool>,
    clients: Option<Arc<Clients>>,
) -> impl Iterator<Item = Condition> {
    let reads = Condition::unless("reads", move || {
        let problem = "no ServiceAccount and Namespace could be read yet; the log says why";
        (!*has_read.borrow()).then(|| problem.to_owned())
    });
    let draining = Condition::unless("draining", move || {
        draining
            .borrow()
            .then(|| "the injector is shutting down".to_owned())
    });
    let clients =
        clients.map(|clients| Condition::unless("client-ca", move || clients.known().err()));
    [reads, draining].into_iter().chain(clients)
}

/// An injector answers every review that comes, registered or not.
fn of_registration(current: &Arc<Current>) -> [Condition; 2] {
    let [configuration, webhooks] = [Arc::clone(current), Arc::clone(current)];
    [
        Condition::unless("configuration", move || configuration.configuration().err()),
        Condition::unless("webhook", move || webhooks.webhooks().err()),
    ]
    .map(Condition::optional)
}

fn report(name: &'static str, served: std::io::Result<()>) -> &'static str {
    if let Err(error) = served {
        tracing::error!(%error, "the {name} surface cannot serve");
    }
    name
}

/// Becomes true for good when a ServiceAccount and a Namespace could be read: rights,
/// network and token are right.
fn first_read(
    objects: Objects,
    namespace: String,
    tasks: &mut JoinSet<&'static str>,
) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tasks.spawn(async move {
        let mut said = false;
        while let Err(error) = objects.read(&namespace, "default").await {
            if !std::mem::replace(&mut said, true) {
                tracing::warn!(%error, "not ready, trying again each second");
            }
            tokio::time::sleep(READ_AGAIN).await;
        }
        sender.send_replace(true);
        // For ever: the health surface holds a receiver.
        sender.closed().await;
        "first read"
    });
    receiver
}

/// Waits for the end of anything that runs for ever.
async fn ended(tasks: &mut JoinSet<&'static str>) -> Error {
    match tasks.join_next().await {
        None => std::future::pending().await,
        Some(Ok(name)) => Error::Ended(name),
        Some(Err(_)) => Error::Ended("task that panicked"),
    }
}
