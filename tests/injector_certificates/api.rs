//! An API server of two objects on loopback: one Secret, one `MutatingWebhookConfiguration`.
//!
//! It allows what the chart's rbac.yaml allows and refuses the rest, demands resource
//! versions, ends watches at each change of its health, and keeps every caBundle that
//! there ever was with its time.

mod state;
mod wire;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_types::date_time::{DateTime, Format};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::scene::Time;
use state::{State, is_own};
use wire::{Body, answer, refusal};

pub const SECRET: &str = "/api/v1/namespaces/stsidecar-system/secrets/stsidecar-injector-tls";
pub const WEBHOOKS: &str =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Up,
    /// Watches are open but silent.
    Deaf,
    /// Watches are forbidden.
    NoWatches,
    /// Requests are accepted and never answered.
    Hanging,
    /// Connections are closed without an answer.
    Down,
    /// The Secret is forbidden.
    NoSecrets,
    /// The Secret does not exist.
    SecretGone,
}

pub struct Api {
    state: Mutex<State>,
    time: Time,
    pub url: String,
}

impl Api {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let api = Arc::new(Self {
            state: Mutex::new(State::new()),
            time: Time::start(),
            url,
        });
        let served = api.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let api = served.clone();
                let service = service_fn(move |request| api.clone().dated(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        api
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no test panics while it holds this")
    }

    /// Ends every watch, as each change of an API server's health does.
    pub fn set(&self, health: Health) {
        let mut state = self.state();
        state.health = health;
        state.watchers.clear();
    }

    /// What `helm upgrade --force` does to what was not in the chart.
    pub fn wipe(&self) {
        self.edit(WEBHOOKS, |configuration| {
            drop(
                configuration["metadata"]
                    .as_object_mut()
                    .expect("an object")
                    .remove("annotations"),
            );
        });
        self.edit(SECRET, |secret| {
            drop(secret.as_object_mut().expect("an object").remove("data"));
        });
        self.edit(WEBHOOKS, |configuration| {
            for webhook in configuration["webhooks"]
                .as_array_mut()
                .expect("webhooks")
                .iter_mut()
                .filter(|webhook| is_own(webhook))
            {
                webhook["clientConfig"]
                    .as_object_mut()
                    .expect("an object")
                    .remove("caBundle");
            }
        });
    }

    /// What an operator with `kubectl edit` does.
    pub fn edit(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state();
        let mut object = state.object(path).clone();
        change(&mut object);
        state.store(path, object);
    }

    pub fn webhooks(&self) -> Value {
        self.state().webhooks.clone()
    }

    pub fn secret(&self) -> Value {
        self.state().secret.clone()
    }

    /// The writes that were accepted from replicas.
    pub fn writes(&self) -> Vec<String> {
        self.state().writes.clone()
    }

    /// How often objects were read.
    pub fn reads(&self) -> usize {
        self.state().reads
    }

    /// The caBundle of both webhooks as an API server sees it that is behind by `lag`, base64.
    pub fn bundle(&self, lag: std::time::Duration) -> Option<String> {
        let at = Instant::now().checked_sub(lag)?;
        self.state()
            .bundles
            .iter()
            .rev()
            .find(|(since, _)| *since <= at)
            .map(|(_, bundle)| bundle.clone())
    }

    /// With the time of the test, as every answer of an API server has its own.
    async fn dated(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        let time = self.time;
        let mut response = self.answer(request).await?;
        let date = DateTime::from_secs(time.wall().unix_seconds())
            .fmt(Format::HttpDate)
            .expect("within its years");
        response
            .headers_mut()
            .insert(http::header::DATE, date.parse().expect("ASCII"));
        Ok(response)
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let health = self.state().health;
        match health {
            Health::Down => return Err(io::ErrorKind::ConnectionReset.into()),
            Health::Hanging => std::future::pending().await,
            Health::NoWatches
                if head
                    .uri
                    .query()
                    .is_some_and(|query| query.contains("watch=true")) =>
            {
                return Ok(refusal(StatusCode::FORBIDDEN, "no watches"));
            }
            Health::NoSecrets if head.uri.path().contains("secrets") => {
                return Ok(refusal(StatusCode::FORBIDDEN, "secrets is forbidden"));
            }
            Health::SecretGone if head.uri.path() == SECRET => {
                return Ok(refusal(StatusCode::NOT_FOUND, "secrets not found"));
            }
            _ => {}
        }
        let (path, query) = (
            head.uri.path().to_owned(),
            head.uri.query().unwrap_or_default(),
        );
        let named = [SECRET, WEBHOOKS]
            .into_iter()
            .find(|object| *object == path);
        let collection = [SECRET, WEBHOOKS]
            .into_iter()
            .find(|object| object.rsplit_once('/').expect("a path").0 == path);
        let mut state = self.state();
        Ok(match (&head.method, named, collection) {
            (&Method::GET, Some(path), _) => {
                state.reads += 1;
                answer(state.object(path))
            }
            (&Method::PUT, Some(path @ SECRET), _) | (&Method::PATCH, Some(path @ WEBHOOKS), _) => {
                state.write(path, &serde_json::from_slice(&body).expect("JSON"))
            }
            (&Method::GET, None, Some(path)) if watches_one(query, path) => state.watch(path),
            _ => refusal(
                StatusCode::FORBIDDEN,
                &format!("{} {} is forbidden", head.method, head.uri),
            ),
        })
    }
}

fn watches_one(query: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().expect("a name");
    query.contains("watch=true") && query.contains(&format!("fieldSelector=metadata.name%3D{name}"))
}
