//! One object of the API server, by its name: get, replace, patch, and hearing that it changed.
//!
//! Owns the requests and their time limits. Objects are raw JSON, so that a field of a newer API server survives
//! being written back, and so that no library logs the answer it could not read: it may be a Secret. It never
//! knows what is in one. Called by `secret`, `bundle`, the driver and `registration`.

use std::time::Duration;

use bytes::Bytes;
use http::header::DATE;
use http_body_util::BodyExt;
use k8s_openapi::Resource;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::client::Body;
use kube::core::params::{GetParams, Patch, PatchParams, PostParams, WatchParams};
use kube::core::{Request, Status};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::failure::with_causes;
use crate::time::Wall;

/// Shown by the API server in `metadata.managedFields`.
const FIELD_MANAGER: &str = "stsidecar-injector";

/// How long one answer may take. An API server under load answers reads of one object within a second.
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
    #[error("{0} was changed by somebody else in between")]
    Conflict(String),
    #[error("{object}: {reason}")]
    Refused { object: String, reason: String },
    #[error("{0}: the API server did not answer within {ANSWER:?}")]
    Late(String),
    #[error("{0}: the API server's answer is not a JSON object")]
    NotJson(String),
}

/// The name of one object and the way to it.
#[derive(Clone)]
pub(in crate::injector) struct Object {
    client: Client,
    path: String,
    name: String,
    /// For people: `Secret ns/name`.
    title: String,
}

impl Object {
    pub(super) fn secret(client: Client, namespace: &str, name: &str) -> Self {
        let path =
            Request::new(<Secret as kube::Resource>::url_path(&(), Some(namespace))).url_path;
        let title = format!("{} {namespace}/{name}", Secret::KIND);
        Self {
            client,
            path,
            name: name.to_owned(),
            title,
        }
    }

    pub(in crate::injector) fn webhooks(client: Client, name: &str) -> Self {
        let path = Request::new(<MutatingWebhookConfiguration as kube::Resource>::url_path(
            &(),
            None,
        ))
        .url_path;
        let title = format!("{} {name}", MutatingWebhookConfiguration::KIND);
        Self {
            client,
            path,
            name: name.to_owned(),
            title,
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
        self.answer(self.requests().get(&self.name, &GetParams::default()))
            .await
    }

    /// Replaces the whole object; refused as a conflict unless it still has the `resourceVersion` that it names.
    pub(super) async fn replace(&self, object: &Value) -> Result<Value, Error> {
        let params = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let request = self
            .requests()
            .replace(&self.name, &params, object.to_string().into_bytes());
        self.answer(request).await.map(|(object, _)| object)
    }

    /// A strategic merge: lists of named things are merged by name.
    pub(super) async fn merge(&self, patch: &Value) -> Result<Value, Error> {
        let params = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let request = self
            .requests()
            .patch(&self.name, &params, &Patch::Strategic(patch));
        self.answer(request).await.map(|(object, _)| object)
    }

    /// Tells `changed` of every change of the object, for ever: a watch that ends is opened again.
    ///
    /// What the events say is not read: whoever is told reads the object. So no event can be missed for good, and
    /// a new watch, which begins with the present state, is a look by itself.
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
        let request = self
            .requests()
            .watch(&params, "0")
            .map_err(|error| self.refused(&kube::Error::BuildRequest(error)))?;
        let answer = timeout(ANSWER, self.client.send(request.map(Body::from))).await;
        let answer = answer
            .map_err(|_| Error::Late(self.title.clone()))?
            .map_err(|error| self.refused(&error))?;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            // Its body says why, and is no change.
            let reason = format!(
                "the API server answered {} to a watch",
                head.status.as_u16()
            );
            return Err(Error::Refused {
                object: self.title.clone(),
                reason,
            });
        }
        while let Some(frame) = body.frame().await {
            frame.map_err(|error| self.refused(&error))?;
            changed.notify_one();
        }
        Ok(())
    }

    fn requests(&self) -> Request {
        Request::new(self.path.clone())
    }

    async fn answer(
        &self,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
    ) -> Result<(Value, Option<Wall>), Error> {
        let request = request.map_err(|error| self.refused(&kube::Error::BuildRequest(error)))?;
        let answered = timeout(ANSWER, self.whole(request)).await;
        let (head, body) = answered
            .map_err(|_| Error::Late(self.title.clone()))?
            .map_err(|error| self.refused(&error))?;
        let date = head
            .headers
            .get(DATE)
            .and_then(|date| Wall::parse_http_date(date.to_str().ok()?));
        let object = serde_json::from_slice(&body).ok().filter(Value::is_object);
        object
            .map(|object| (object, date))
            .ok_or_else(|| Error::NotJson(self.title.clone()))
    }

    /// As `request_text` of kube, which keeps the head to itself.
    async fn whole(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<(http::response::Parts, Bytes), kube::Error> {
        let (head, body) = self
            .client
            .send(request.map(Body::from))
            .await?
            .into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status.is_success() {
            return Ok((head, body));
        }
        let status = serde_json::from_slice::<Status>(&body);
        let status = status.unwrap_or_else(|_| {
            Status::failure("it says no more", "").with_code(head.status.as_u16())
        });
        Err(kube::Error::Api(status.boxed()))
    }

    fn refused(&self, error: &kube::Error) -> Error {
        match error {
            kube::Error::Api(status) if status.is_not_found() => Error::Missing(self.title.clone()),
            kube::Error::Api(status) if status.is_conflict() => Error::Conflict(self.title.clone()),
            // Its own text repeats the status in Rust's notation.
            kube::Error::Api(status) => {
                let reason = format!(
                    "the API server answered {}: {}",
                    status.code, status.message
                );
                Error::Refused {
                    object: self.title.clone(),
                    reason,
                }
            }
            other => Error::Refused {
                object: self.title.clone(),
                reason: with_causes(other),
            },
        }
    }
}
