//! The `MutatingWebhookConfiguration` as it is in the cluster, against what the chart makes.
//!
//! Owns what must be true of each webhook for pods to be injected and no others to be touched. It reads values
//! only; `check` fetches them, and `registration`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::finding::Finding;
use crate::injector::config::Config;
use crate::injector::webhook::PATH;

/// A webhook as the chart makes it.
struct Expected {
    name: &'static str,
    /// How it selects namespaces by the label.
    operator: &'static str,
    value: &'static str,
    /// Its first CEL condition.
    condition: &'static str,
    /// Serves excluded namespaces that opted in: it may be missing, and must never refuse a pod.
    opt_in: bool,
}

const WEBHOOKS: [Expected; 3] = [
    Expected {
        name: "pods.stsidecar.dev",
        operator: "NotIn",
        value: "disabled",
        condition: "asks-for-injection",
        opt_in: false,
    },
    Expected {
        name: "namespaces.stsidecar.dev",
        operator: "In",
        value: "enabled",
        condition: "says-nothing-itself",
        opt_in: false,
    },
    Expected {
        name: "system.stsidecar.dev",
        operator: "In",
        value: "enabled",
        condition: "asks-for-injection",
        opt_in: true,
    },
];
/// The way back to what the chart makes.
pub(in crate::injector) const UPGRADE: &str =
    "run helm upgrade, and keep other tools from changing the object";

pub(super) fn judge(configuration: &Value, config: &Config) -> Vec<Finding> {
    let one = |expected: &Expected| {
        let name = expected.name;
        let Some(webhook) = find(configuration, name) else {
            let missing = format!("it is missing from {}", config.webhook_configuration);
            return (!expected.opt_in).then(|| Finding::failure(name, missing, UPGRADE));
        };
        Some(match problem(webhook, config, expected) {
            Some((message, fix)) => Finding::failure(name, message, fix),
            None if expected.opt_in => Finding::ok(
                name,
                "selectors, conditions and caBundle are set, never refuses",
            ),
            None if webhook["failurePolicy"] == "Fail" => Finding::ok(
                name,
                "selectors, conditions and caBundle are set, failurePolicy Fail",
            ),
            None => Finding::warning(
                name,
                "failurePolicy is not Fail: while no injector answers, pods start without credentials",
                "set injector.webhook.*.failurePolicy to Fail, or leave it if that is meant",
            ),
        })
    };
    WEBHOOKS.iter().filter_map(one).collect()
}

/// Those that every release has and that are missing, or call another Service.
pub(in crate::injector) fn absent(configuration: &Value, config: &Config) -> Vec<&'static str> {
    let calls_us = |webhook: &Value| {
        let service = &webhook["clientConfig"]["service"];
        service["name"] == *config.service_name && service["namespace"] == *config.namespace
    };
    let wanted = WEBHOOKS
        .iter()
        .filter(|expected| !expected.opt_in)
        .map(|expected| expected.name);
    wanted
        .filter(|name| !find(configuration, name).is_some_and(calls_us))
        .collect()
}

/// The bundles of the webhooks that have one, as PEM.
pub(super) fn bundles(configuration: &Value) -> Vec<Vec<u8>> {
    let bundle = |expected: &Expected| {
        let text = find(configuration, expected.name)?["clientConfig"]["caBundle"].as_str()?;
        STANDARD
            .decode(text)
            .ok()
            .filter(|bundle| !bundle.is_empty())
    };
    WEBHOOKS.iter().filter_map(bundle).collect()
}

fn find<'a>(configuration: &'a Value, name: &str) -> Option<&'a Value> {
    configuration["webhooks"]
        .as_array()?
        .iter()
        .find(|webhook| webhook["name"] == name)
}

/// What is wrong with one webhook, and what to do about it.
fn problem(
    webhook: &Value,
    config: &Config,
    expected: &Expected,
) -> Option<(String, &'static str)> {
    let client = &webhook["clientConfig"];
    let service = &client["service"];
    if service["name"] != *config.service_name
        || service["namespace"] != *config.namespace
        || service["path"] != PATH
    {
        let expected = format!(
            "{}/{} with path {PATH}",
            config.namespace, config.service_name
        );
        return Some((format!("it does not call Service {expected}"), UPGRADE));
    }
    if client["caBundle"].as_str().is_none_or(str::is_empty) {
        let fix = "the injector writes it: look into its log";
        return Some((
            "caBundle is not set, so the API server trusts no injector".to_owned(),
            fix,
        ));
    }
    if expected.opt_in && webhook["failurePolicy"] != "Ignore" {
        let message = "failurePolicy is not Ignore: while no injector answers, pods of a system namespace are refused";
        return Some((message.to_owned(), UPGRADE));
    }
    if let Some(message) = namespaces(webhook, config, expected) {
        return Some((format!("its namespaceSelector {message}"), UPGRADE));
    }
    let condition = expected.condition;
    let mut conditions = webhook["matchConditions"].as_array().into_iter().flatten();
    if !conditions.any(|one| one["name"] == condition) {
        return Some((
            format!("its matchConditions lack {condition}, so pods that did not ask reach it"),
            UPGRADE,
        ));
    }
    None
}

/// What is wrong with the namespaces that a webhook selects.
fn namespaces(webhook: &Value, config: &Config, expected: &Expected) -> Option<String> {
    let listed = |key: &str, operator: &str| -> Vec<&str> {
        let expressions = webhook["namespaceSelector"]["matchExpressions"]
            .as_array()
            .into_iter()
            .flatten();
        let of_key = expressions.filter(|one| one["key"] == key && one["operator"] == operator);
        of_key
            .filter_map(|one| one["values"].as_array())
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    if expected.opt_in {
        let included = listed("kubernetes.io/metadata.name", "In");
        if included.is_empty() {
            return Some("names no namespaces that may opt in".to_owned());
        }
        if included.contains(&config.namespace.as_str()) {
            return Some(format!("includes {}, the injector's own", config.namespace));
        }
    } else {
        let excluded = listed("kubernetes.io/metadata.name", "NotIn");
        if let Some(name) = config
            .excluded_namespaces
            .iter()
            .find(|name| !excluded.contains(&name.as_str()))
        {
            return Some(format!("does not exclude {name}"));
        }
    }
    let (operator, value) = (expected.operator, expected.value);
    let selects = listed("stsidecar.dev/injection", operator).contains(&value);
    (!selects).then(|| format!("lacks stsidecar.dev/injection {operator} {value}"))
}
