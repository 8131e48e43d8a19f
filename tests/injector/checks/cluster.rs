//! The webhooks of a cluster as the chart makes them.

use std::path::Path;

use base64::Engine;
use serde_json::{Value, json};
use stsidecar::injector::config::Config;

use crate::certificates;
use crate::started::configuration;

pub(super) fn config() -> Config {
    Config::read(
        Path::new("/config.yaml"),
        configuration(9443, 9912).as_bytes(),
    )
    .expect("a configuration")
}

pub(super) fn bundle(file: &str) -> String {
    base64::engine::general_purpose::STANDARD
        .encode(std::fs::read(certificates::file(file)).expect("a file"))
}

pub(super) fn webhook(name: &str, operator: &str, value: &str, condition: &str) -> Value {
    json!({
        "name": name, "failurePolicy": "Fail",
        "clientConfig": {
            "caBundle": bundle("ca.pem"),
            "service": { "name": "stsidecar-injector", "namespace": "stsidecar-system", "path": "/inject", "port": 443 },
        },
        "namespaceSelector": { "matchExpressions": [
            { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "stsidecar-system"] },
            { "key": "stsidecar.dev/injection", "operator": operator, "values": [value] },
        ] },
        "matchConditions": [{ "name": condition, "expression": "true" }],
    })
}

pub(super) const CONFIGURATION: &str =
    "GET /apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/stsidecar-injector";
pub(super) const DRY_RUN: &str = "POST /api/v1/namespaces/default/pods?dryRun=All";

pub(super) fn right() -> Value {
    json!({ "webhooks": [
        webhook("pods.stsidecar.dev", "NotIn", "disabled", "asks-for-injection"),
        webhook("namespaces.stsidecar.dev", "In", "enabled", "says-nothing-itself"),
    ] })
}

/// The chart's webhook for system namespaces that opt in.
pub(super) fn system() -> Value {
    let mut webhook = webhook(
        "system.stsidecar.dev",
        "In",
        "enabled",
        "asks-for-injection",
    );
    webhook["failurePolicy"] = "Ignore".into();
    webhook["namespaceSelector"]["matchExpressions"][0] = json!({ "key": "kubernetes.io/metadata.name", "operator": "In", "values": ["kube-system"] });
    webhook
}
