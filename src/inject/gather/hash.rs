//! The hash of what decided an injection: equal for equal decisions, so that a list of pods shows
//! which of them run by settings that are no longer today's.
//!
//! Owns the canonical text that is hashed; docs/annotations.md describes it for other programs. It
//! names every setting once, whichever object it came from. The image and the version stay out: the
//! pod shows both, and every release changes them. Called by `gather`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::{Amounts, PodSettings};
use crate::inject::template::Template;
use crate::role::{Region, RoleArn};

/// Of the canonical text. Another meaning of a member makes another version; hashes of two versions
/// say nothing about each other.
const VERSION: u32 = 1;
/// Bytes of the SHA-256 that are shown: enough that the settings of a cluster never meet by chance.
const LENGTH: usize = 8;

/// `1-0123456789abcdef`, the version and the first 8 bytes of a SHA-256: of a pod's settings, and
/// of the chart's values that no annotation replaces.
pub(super) fn of(settings: &PodSettings, template: &Template) -> String {
    of_text(&text(settings, template))
}

fn of_text(text: &str) -> String {
    let mut hash = format!("{VERSION}-");
    for byte in &digest(&SHA256, text.as_bytes()).as_ref()[..LENGTH] {
        write!(hash, "{byte:02x}").expect("a String takes every text");
    }
    hash
}

/// What is hashed.
fn text(settings: &PodSettings, template: &Template) -> String {
    let mut members = template.decided();
    members.extend(decided(settings, template));
    members.extend(of_process(settings));
    if settings.config.is_none() {
        members.extend(of_profiles(settings));
    }
    members.retain(|_, value| says_something(value));
    let mut text = format!("stsidecar settings {VERSION}\n");
    canonical(&Value::Object(members), &mut text);
    text
}

/// No `..` in the pattern, so that a setting which is added cannot be forgotten here.
fn decided(settings: &PodSettings, template: &Template) -> Map<String, Value> {
    let PodSettings {
        role: _,
        has_callers_role: _,
        chain: _,
        container_roles: _,
        config,
        region,
        has_explicit_region,
        sts_endpoint,
        sts_timeout,
        server: _,
        audience,
        token_expiration,
        session_name: _,
        session_duration: _,
        policy_arns: _,
        containers,
        skip_containers,
        port: _,
        metrics_port: _,
        log_level: _,
        log_format: _,
        requests,
        limits,
        image: _,
        legacy_clients,
        wait_for_credentials,
        readiness_probe,
        ec2_metadata,
    } = settings;
    map(json!({
        "audience": audience,
        "config": config,
        "containers": containers.as_deref().map(set),
        "ec2Metadata": ec2_metadata,
        "legacyClients": legacy_clients,
        "limits": amounts(limits),
        "readinessProbe": readiness_probe,
        "region": region.as_ref().map(Region::as_str),
        // Over an envFrom the chart's is not written. What a caller's flag named stays with the pod
        // as an annotation.
        "regionIsNamed": *has_explicit_region || template.has_callers_region,
        "requests": amounts(requests),
        "skipContainers": set(skip_containers),
        "stsEndpoint": sts_endpoint,
        "stsTimeout": sts_timeout.to_string(),
        "tokenExpiration": token_expiration,
        "waitForCredentials": wait_for_credentials,
    }))
}

/// How the sidecar listens and logs.
fn of_process(settings: &PodSettings) -> Map<String, Value> {
    let PodSettings {
        port,
        metrics_port,
        log_level,
        log_format,
        ..
    } = settings;
    map(json!({
        "logFormat": log_format,
        "logLevel": log_level,
        "metricsPort": metrics_port,
        "port": port,
    }))
}

/// Whose sessions, and which; the `ConfigMap` of an author has its own.
fn of_profiles(settings: &PodSettings) -> Map<String, Value> {
    let PodSettings {
        role,
        chain,
        container_roles,
        session_name,
        session_duration,
        policy_arns,
        ..
    } = settings;
    let by_container = container_roles
        .iter()
        .map(|(container, role)| (container.clone(), role.as_str().into()));
    map(json!({
        "containerRoles": by_container.collect::<Map<_, _>>(),
        "policyArns": policy_arns,
        "role": role.as_ref().map(RoleArn::as_str),
        "roleChain": chain.iter().map(RoleArn::as_str).collect::<Vec<_>>(),
        "sessionDuration": session_duration,
        "sessionName": session_name,
    }))
}

fn map(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else {
        unreachable!("it is written as a map")
    };
    map
}

fn amounts(Amounts { cpu, memory }: &Amounts) -> Value {
    let named = [("cpu", cpu), ("memory", memory)];
    let said = named
        .into_iter()
        .filter_map(|(what, amount)| Some((what.to_owned(), amount.clone()?.into())));
    Value::Object(said.collect())
}

/// Names whose order decides nothing.
pub(in crate::inject) fn set(names: &[String]) -> Vec<&str> {
    let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    names.into_iter().collect()
}

/// Other members stay out, so that a setting which a later version adds leaves the hash of pods
/// that do not use it.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(own) => *own,
        Value::Number(_) => true,
        Value::String(own) => !own.is_empty(),
        Value::Array(own) => !own.is_empty(),
        Value::Object(own) => !own.is_empty(),
    }
}

/// Compact JSON with sorted keys, whatever order a map keeps, and without members that are null,
/// which the API server drops.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let pairs: BTreeMap<&String, &Value> =
                map.iter().filter(|(_, value)| !value.is_null()).collect();
            text.push('{');
            for (at, (key, value)) in pairs.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&json!(key).to_string());
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                canonical(item, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Annotations;
    use super::*;

    #[test]
    fn the_canonical_text_does_not_depend_on_the_order_of_keys() {
        let mut text = String::new();
        canonical(
            &json!({ "b": [{ "d": 1, "c": null }, "\n"], "a": { "f": false, "e": "" } }),
            &mut text,
        );
        assert_eq!(text, r#"{"a":{"e":"","f":false},"b":[{"d":1},"\n"]}"#);
    }

    /// The same in every version, on every machine, and for a program that computes it from
    /// docs/annotations.md.
    #[test]
    fn the_documented_example_has_its_hash() {
        let annotations = Annotations::silent(Some("arn:aws:iam::111122223333:role/app"));
        let values = json!({ "agent": { "region": "eu-central-1" } });
        let template = Template::from_values(values).expect("values");
        let settings = PodSettings::of(&annotations, &template).expect("settings");
        let text = text(&settings, &template);
        let document = include_str!("../../../docs/annotations.md");
        let blocks = document
            .split("```text\n")
            .filter_map(|block| Some(block.split_once("```")?.0));
        let example = blocks
            .into_iter()
            .find(|block| block.starts_with("stsidecar settings"))
            .expect("an example");
        assert_eq!(example, format!("{text}\n"), "docs/annotations.md");
        let hash = of_text(&text);
        assert!(
            document.contains(&format!("`{hash}` is that of")),
            "docs/annotations.md: {hash}"
        );
    }
}
