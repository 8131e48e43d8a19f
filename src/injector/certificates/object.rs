//! One object of the API server, by its name: get, replace, patch, and hearing that it changed.
//!
//! Owns the requests and their time limits. Objects are raw JSON, so that a field of a newer API
//! server survives being written back, and so that no library logs the answer it could not read:
//! it may be a Secret. It never knows what is in one. Called by `self_signed`, `bundle`, the
//! driver and `registration`.

use std::time::Duration;

use http::header::DATE;
use http_body_util::BodyExt;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::client::Body;
use kube::core::params::{GetParams, Patch, PatchParams, PostParams, WatchParams};
use kube::core::{Request, Status, request};
use kube::{Client, Resource};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::failure::with_causes;
use crate::time::Wall;

/// Shown by the API server in `metadata.managedFields`
/// (<https://kubernetes.io/docs/reference/using-api/server-side-apply/>).
const FIELD_MANAGER: &str = "stsidecar-injector";

/// How long one answer may take. Kubernetes' objective for the read of one object is a second
/// (<https://github.com/kubernetes/community/blob/master/sig-scalability/slos/api_call_latency.md>).
const ANSWER: Duration = Duration::from_secs(5);

/// Pause before a watch that ended is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// Why an object could not be read or written. Never holds any of its content.
#[derive(Debug, thiserror::Error)]
pub(in crate::injector) enum Error {
    #[error("{0} does not exist; `helm upgrade` makes it again")]
    Missing(String),
    #[error("{0} has no webhook that calls this injector; `helm upgrade` brings them back")]
    Unasked(String),
    #[error("{0} was changed by another client in between")]
    Conflict(String),
    #[error("{object}: {reason}")]
    Failed { object: String, reason: String },
}

/// A request, unless kube could not build it.
type Built = Result<http::Request<Vec<u8>>, request::Error>;

/// The name of one object and the way to it.
#[derive(Clone)]
pub(in crate::injector) struct Object {
    client: Client,
    requests: Request,
    name: String,
    /// For people: `Secret ns/name`.
    title: String,
}

impl Object {
    pub(super) fn secret(client: Client, namespace: &str, name: &str) -> Self {
        Self::new::<Secret>(client, Some(namespace), name)
    }

    pub(in crate::injector) fn webhooks(client: Client, name: &str) -> Self {
        Self::new::<MutatingWebhookConfiguration>(client, None, name)
    }

    fn new<K: Resource<DynamicType = ()>>(
        client: Client,
        namespace: Option<&str>,
        name: &str,
    ) -> Self {
        let inside = namespace.map_or_else(String::new, |namespace| format!("{namespace}/"));
        Self {
            client,
            requests: Request::new(K::url_path(&(), namespace)),
            name: name.to_owned(),
            title: format!("{} {inside}{name}", K::kind(&())),
        }
    }

    pub(in crate::injector) fn title(&self) -> &str {
        &self.title
    }

    pub(in crate::injector) async fn read(&self) -> Result<Value, Error> {
        self.read_dated().await.map(|(object, _)| object)
    }

    /// The same, with the time of the API server that answered, if it said so.
    pub(super) async fn read_dated(&self) -> Result<(Value, Option<Wall>), Error> {
        let request = self.requests.get(&self.name, &GetParams::default());
        self.answer(request).await
    }

    /// Replaces the whole object; refused as a conflict unless it still has the
    /// `resourceVersion` that it names.
    pub(super) async fn replace(&self, object: &Value) -> Result<(), Error> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let body = object.to_string().into_bytes();
        let request = self.requests.replace(&self.name, &params, body);
        self.answer(request).await.map(drop)
    }

    /// A strategic merge: lists of named things are merged by name
    /// (<https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/>).
    pub(super) async fn merge(&self, patch: &Value) -> Result<(), Error> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let patch = Patch::Strategic(patch);
        let request = self.requests.patch(&self.name, &params, &patch);
        self.answer(request).await.map(drop)
    }

    /// Notifies `changed` of every change of the object, for ever: a watch
    /// that ends is opened again.
    ///
    /// What the events say is not read: the listener reads the object. So no event can be missed
    /// for good, and a new watch, which begins with the present state, is a look by itself.
    pub(in crate::injector) async fn watch(&self, changed: &Notify) {
        loop {
            if let Err(error) = self.follow(changed).await {
                debug!(object = %self.title, %error, "watch ended");
            }
            sleep(REOPEN).await;
        }
    }

    async fn follow(&self, changed: &Notify) -> Result<(), Error> {
        let params = WatchParams::default().fields(&format!("metadata.name={}", self.name));
        let answer = self
            .in_time(self.send(self.requests.watch(&params, "0")))
            .await?;
        let mut events = answer.into_body();
        while let Some(event) = events.frame().await {
            event.map_err(|error| self.error(&error))?;
            changed.notify_one();
        }
        Ok(())
    }

    async fn answer(&self, request: Built) -> Result<(Value, Option<Wall>), Error> {
        let whole = async {
            let (head, body) = self.send(request).await?.into_parts();
            Ok((head, body.collect().await?.to_bytes()))
        };
        let (head, body) = self.in_time(whole).await?;
        let date = head.headers.get(DATE).and_then(|date| date.to_str().ok());
        match serde_json::from_slice(&body) {
            Ok(object @ Value::Object(_)) => Ok((object, date.and_then(Wall::parse_http_date))),
            _ => Err(self.failed("the API server's answer is not a JSON object".to_owned())),
        }
    }

    /// As `request_text` of kube, which keeps the head, and so the date, to itself.
    async fn send(&self, request: Built) -> Result<http::Response<Body>, kube::Error> {
        let request = request.map_err(kube::Error::BuildRequest)?;
        let answer = self.client.send(request.map(Body::from)).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        let status = serde_json::from_slice::<Status>(&body)
            .unwrap_or_else(|_| Status::failure("it says no more", "").with_code(code));
        Err(kube::Error::Api(status.boxed()))
    }

    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Error> {
        match timeout(ANSWER, work).await {
            Ok(done) => done.map_err(|error| self.error(&error)),
            Err(_) => Err(self.failed(format!("the API server did not answer within {ANSWER:?}"))),
        }
    }

    fn error(&self, error: &kube::Error) -> Error {
        match error {
            kube::Error::Api(status) if status.is_not_found() => Error::Missing(self.title.clone()),
            kube::Error::Api(status) if status.is_conflict() => Error::Conflict(self.title.clone()),
            // Its own text repeats the status in Rust's notation.
            kube::Error::Api(status) => self.failed(format!(
                "the API server answered {}: {}",
                status.code, status.message
            )),
            other => self.failed(with_causes(other)),
        }
    }

    fn failed(&self, reason: String) -> Error {
        let object = self.title.clone();
        Error::Failed { object, reason }
    }
}
