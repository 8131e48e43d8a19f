//! The two objects of the fake API server: versions, conflicts, merges, and who watches them.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::wire::{Body, answer, refusal};
use super::{Health, SECRET};

pub(super) struct State {
    pub(super) health: Health,
    pub(super) version: u64,
    pub(super) secret: Value,
    pub(super) webhooks: Value,
    pub(super) watchers: Vec<(&'static str, mpsc::UnboundedSender<Bytes>)>,
    pub(super) reads: usize,
    pub(super) writes: Vec<String>,
    pub(super) bundles: Vec<(Instant, String)>,
}

/// Whether the chart made it; a configuration can hold webhooks of others.
pub(super) fn is_own(webhook: &Value) -> bool {
    webhook["name"]
        .as_str()
        .is_some_and(|name| name.ends_with(".stsidecar.dev"))
}

impl State {
    /// As the chart makes both: without data, and without caBundle.
    pub(super) fn new() -> Self {
        let service = json!({"name": "stsidecar-injector", "namespace": "stsidecar-system"});
        let webhook = |name: &str| json!({"name": name, "clientConfig": {"service": service}});
        let webhooks = ["pods.stsidecar.dev", "namespaces.stsidecar.dev"].map(webhook);
        let secret = json!({"name": "stsidecar-injector-tls", "labels": {"kept": "yes"},
            "resourceVersion": "1"});
        let configuration = json!({"name": "stsidecar-injector", "resourceVersion": "1"});
        Self {
            health: Health::Up,
            version: 1,
            secret: json!({"kind": "Secret", "apiVersion": "v1", "type": "Opaque",
                "metadata": secret}),
            webhooks: json!({"kind": "MutatingWebhookConfiguration", "metadata": configuration,
                "webhooks": webhooks}),
            watchers: Vec::new(),
            reads: 0,
            writes: Vec::new(),
            bundles: Vec::new(),
        }
    }

    pub(super) fn object(&self, path: &str) -> &Value {
        if path == SECRET {
            &self.secret
        } else {
            &self.webhooks
        }
    }

    pub(super) fn write(&mut self, path: &'static str, sent: &Value) -> Response<Body> {
        let stored = self.object(path).clone();
        if sent["metadata"]["resourceVersion"] != stored["metadata"]["resourceVersion"] {
            return refusal(StatusCode::CONFLICT, "the object has been modified");
        }
        let written = if path == SECRET {
            sent.clone()
        } else {
            merged(stored, sent)
        };
        self.writes.push(path.to_owned());
        self.store(path, written);
        answer(self.object(path))
    }

    pub(super) fn store(&mut self, path: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let event = Bytes::from(json!({"type": "MODIFIED", "object": object}).to_string() + "\n");
        if path == SECRET {
            self.secret = object;
        } else {
            let own = object["webhooks"]
                .as_array()
                .expect("webhooks")
                .iter()
                .filter(|webhook| is_own(webhook));
            let bundles: BTreeSet<&str> = own
                .map(|webhook| {
                    webhook["clientConfig"]["caBundle"]
                        .as_str()
                        .unwrap_or_default()
                })
                .collect();
            assert!(bundles.len() <= 1, "the webhooks differ: {bundles:?}");
            self.bundles
                .push((Instant::now(), bundles.into_iter().collect()));
            self.webhooks = object;
        }
        if self.health == Health::Up {
            self.watchers
                .retain(|(own, watcher)| *own != path || watcher.send(event.clone()).is_ok());
        }
    }

    pub(super) fn watch(&mut self, path: &'static str) -> Response<Body> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let event = json!({"type": "ADDED", "object": self.object(path)}).to_string() + "\n";
        sender.send(event.into()).expect("the receiver is here");
        self.watchers.push((path, sender));
        Response::new(Body(receiver))
    }
}

/// A strategic merge of `webhooks` by name, and of annotations; unlike the real one it
/// refuses a name that is new.
fn merged(mut stored: Value, patch: &Value) -> Value {
    for (key, value) in patch["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        stored["metadata"]["annotations"][key] = value.clone();
    }
    for change in patch["webhooks"].as_array().expect("a list") {
        let webhooks = stored["webhooks"].as_array_mut().expect("a list");
        let webhook = webhooks
            .iter_mut()
            .find(|webhook| webhook["name"] == change["name"])
            .expect("a known name");
        webhook["clientConfig"]["caBundle"] = change["clientConfig"]["caBundle"].clone();
    }
    stored
}
