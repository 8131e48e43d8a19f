//! The `MutatingWebhookConfiguration` as it stands in the cluster, against what the chart makes.
//!
//! Owns what must be true of both webhooks for pods to be injected and no others to be touched. It reads values
//! only; `check` fetches them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Finding;
use crate::injector::config::Config;
use crate::injector::webhook::PATH;

/// A webhook's name, how it selects namespaces by the label, and its first CEL condition.
const WEBHOOKS: [(&str, &str, &str, &str); 2] = [
    ("pods.stsidecar.dev", "NotIn", "disabled", "asks-for-injection"),
    ("namespaces.stsidecar.dev", "In", "enabled", "says-nothing-itself"),
];
const UPGRADE: &str = "run helm upgrade, and keep other tools from changing the object";

pub(super) fn judge(configuration: &Value, config: &Config) -> Vec<Finding> {
    let one = |&(name, operator, value, condition): &(&'static str, &str, &str, &str)| {
        let Some(webhook) = find(configuration, name) else {
            return Finding::wrong(name, format!("it is missing from {}", config.webhook_configuration), UPGRADE);
        };
        let label = (operator, value);
        match problem(webhook, config, label, condition) {
            Some((message, fix)) => Finding::wrong(name, message, fix),
            None if webhook["failurePolicy"] == "Fail" => {
                Finding::fine(name, "selectors, conditions and caBundle are set, failurePolicy Fail")
            }
            None => Finding::doubtful(
                name,
                "failurePolicy is not Fail: while no injector answers, pods start without credentials",
                "set injector.webhook.*.failurePolicy to Fail, or leave it if that is meant",
            ),
        }
    };
    WEBHOOKS.iter().map(one).collect()
}

/// The bundles of the webhooks that have one, as PEM.
pub(super) fn bundles(configuration: &Value) -> Vec<Vec<u8>> {
    let bundle = |(name, ..): &(&str, &str, &str, &str)| {
        let text = find(configuration, name)?["clientConfig"]["caBundle"].as_str()?;
        STANDARD.decode(text).ok().filter(|bundle| !bundle.is_empty())
    };
    WEBHOOKS.iter().filter_map(bundle).collect()
}

fn find<'a>(configuration: &'a Value, name: &str) -> Option<&'a Value> {
    configuration["webhooks"].as_array()?.iter().find(|webhook| webhook["name"] == name)
}

/// What is wrong with one webhook, and what to do about it.
fn problem(webhook: &Value, config: &Config, label: (&str, &str), condition: &str) -> Option<(String, &'static str)> {
    let client = &webhook["clientConfig"];
    let service = &client["service"];
    if service["name"] != *config.service_name || service["namespace"] != *config.namespace || service["path"] != PATH {
        let expected = format!("{}/{} with path {PATH}", config.namespace, config.service_name);
        return Some((format!("it does not call Service {expected}"), UPGRADE));
    }
    if client["caBundle"].as_str().is_none_or(str::is_empty) {
        let fix = "look into the injector's log, or cert-manager's: one of them writes it";
        return Some(("caBundle is not set, so the API server trusts no injector".to_owned(), fix));
    }
    let listed = |key: &str, operator: &str| -> Vec<&str> {
        let expressions = webhook["namespaceSelector"]["matchExpressions"].as_array().into_iter().flatten();
        let of_key = expressions.filter(|one| one["key"] == key && one["operator"] == operator);
        of_key.filter_map(|one| one["values"].as_array()).flatten().filter_map(Value::as_str).collect()
    };
    let excluded = listed("kubernetes.io/metadata.name", "NotIn");
    if let Some(name) = config.excluded_namespaces.iter().find(|name| !excluded.contains(&name.as_str())) {
        return Some((format!("its namespaceSelector does not exclude {name}"), UPGRADE));
    }
    if !listed("stsidecar.dev/injection", label.0).contains(&label.1) {
        return Some((format!("its namespaceSelector lacks stsidecar.dev/injection {} {}", label.0, label.1), UPGRADE));
    }
    let mut conditions = webhook["matchConditions"].as_array().into_iter().flatten();
    if !conditions.any(|one| one["name"] == condition) {
        return Some((format!("its matchConditions lack {condition}, so pods that did not ask reach it"), UPGRADE));
    }
    None
}
