//! The `MutatingWebhookConfiguration` as it is in the cluster, against what the chart makes.
//!
//! Owns what must be true of each webhook for pods to be injected and no others to be touched. It
//! reads values only; `check` fetches them, and `registration`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::finding::Finding;
use crate::injector::config::Config;
use crate::injector::review::PATH;

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
    let findings = WEBHOOKS
        .iter()
        .filter_map(|expected| one(configuration, config, expected));
    findings.collect()
}

/// What there is to say of one webhook; nothing of one that may be missing.
fn one(configuration: &Value, config: &Config, expected: &Expected) -> Option<Finding> {
    let name = expected.name;
    let Some(webhook) = find(configuration, name) else {
        let missing = format!("it is missing from {}", config.webhook_configuration);
        return (!expected.opt_in).then(|| Finding::failure(name, missing, UPGRADE));
    };
    let set = "selectors, conditions and caBundle are set";
    Some(match problem(webhook, config, expected) {
        Some((message, fix)) => Finding::failure(name, message, fix),
        None if expected.opt_in => Finding::ok(name, format!("{set}, never refuses")),
        None if webhook["failurePolicy"] == "Fail" => {
            Finding::ok(name, format!("{set}, failurePolicy Fail"))
        }
        None => Finding::warning(
            name,
            "failurePolicy is not Fail: while no injector answers, pods start without credentials",
            "set injector.webhook.*.failurePolicy to Fail, or leave it if that is meant",
        ),
    })
}

/// Those that every release has and that are missing, or call another Service.
pub(in crate::injector) fn absent(configuration: &Value, config: &Config) -> Vec<&'static str> {
    let wanted = WEBHOOKS.iter().filter(|expected| !expected.opt_in);
    let names = wanted.map(|expected| expected.name);
    names
        .filter(|name| !find(configuration, name).is_some_and(|found| calls_us(found, config)))
        .collect()
}

fn calls_us(webhook: &Value, config: &Config) -> bool {
    let service = &webhook["clientConfig"]["service"];
    service["name"] == *config.service_name && service["namespace"] == *config.namespace
}

/// The bundles of the webhooks that have one, as PEM.
pub(super) fn bundles(configuration: &Value) -> Vec<Vec<u8>> {
    let ours = WEBHOOKS
        .iter()
        .filter_map(|expected| find(configuration, expected.name));
    let texts = ours.filter_map(|webhook| webhook["clientConfig"]["caBundle"].as_str());
    let bundles = texts.filter_map(|text| STANDARD.decode(text).ok());
    bundles.filter(|bundle| !bundle.is_empty()).collect()
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
    if !calls_us(webhook, config) || client["service"]["path"] != PATH {
        let service = format!("{}/{}", config.namespace, config.service_name);
        let message = format!("it does not call Service {service} with path {PATH}");
        return Some((message, UPGRADE));
    }
    if client["caBundle"].as_str().is_none_or(str::is_empty) {
        let message = "caBundle is not set, so the API server trusts no injector".to_owned();
        return Some((message, "the injector writes it: look into its log"));
    }
    if expected.opt_in && webhook["failurePolicy"] != "Ignore" {
        let message = "failurePolicy is not Ignore: while no injector answers, pods of a system \
                       namespace are refused";
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
    const NAME: &str = "kubernetes.io/metadata.name";
    if expected.opt_in {
        let included = listed(webhook, NAME, "In");
        if included.is_empty() {
            return Some("names no namespaces that may opt in".to_owned());
        }
        if included.contains(&config.namespace.as_str()) {
            return Some(format!("includes {}, the injector's own", config.namespace));
        }
    } else {
        let excluded = listed(webhook, NAME, "NotIn");
        let mut wanted = config.excluded_namespaces.iter();
        if let Some(name) = wanted.find(|name| !excluded.contains(&name.as_str())) {
            return Some(format!("does not exclude {name}"));
        }
    }
    let (operator, value) = (expected.operator, expected.value);
    let selects = listed(webhook, "stsidecar.dev/injection", operator).contains(&value);
    (!selects).then(|| format!("lacks stsidecar.dev/injection {operator} {value}"))
}

/// The values of a webhook's `namespaceSelector` for a label and an operator.
fn listed<'a>(webhook: &'a Value, key: &str, operator: &str) -> Vec<&'a str> {
    let expressions = webhook["namespaceSelector"]["matchExpressions"].as_array();
    let of_key = expressions
        .into_iter()
        .flatten()
        .filter(|one| one["key"] == key && one["operator"] == operator);
    let values = of_key.filter_map(|one| one["values"].as_array()).flatten();
    values.filter_map(Value::as_str).collect()
}
