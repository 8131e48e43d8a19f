//! The shape of a pod: maps, lists and names where the API has them.
//!
//! Owns the check that every later stage relies on. It refuses what the API server would never send
//! and a file easily holds: maps for lists, numbers for texts, missing names. Called by `gather`.

mod affinity;

use std::collections::BTreeSet;
use std::fmt::Display;

use serde_json::Value;

use crate::assume::ProfileName;
use crate::inject::pod::{Container, containers, items};
use crate::inject::{Denial, Reason};

pub(super) fn check(pod: &Value) -> Result<(), Denial> {
    check_metadata(pod)?;
    let Some(spec) = pod.get("spec").filter(|spec| spec.is_object()) else {
        return Err(wrong("spec must be a map"));
    };
    let lists = [
        "containers",
        "initContainers",
        "volumes",
        "imagePullSecrets",
    ];
    check_lists(spec, "spec", &lists)?;
    check_maps(spec, "spec", &["resources", "nodeSelector"])?;
    affinity::check(spec)?;
    check_containers(pod)?;
    match items(spec, "containers").next() {
        Some(_) => Ok(()),
        None => Err(wrong("spec.containers is empty")),
    }
}

fn wrong(what: impl Display) -> Denial {
    Denial::new(Reason::Malformed, format!("not a pod: {what}"))
}

/// What is there and not null, which the API takes for absent.
fn present<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|own| !own.is_null())
}

fn check_metadata(pod: &Value) -> Result<(), Denial> {
    let Some(metadata) = present(pod, "metadata") else {
        return Ok(());
    };
    if !metadata.is_object() {
        return Err(wrong("metadata must be a map"));
    }
    let is_of_texts = |map: &Value| {
        map.as_object()
            .is_some_and(|map| map.values().all(Value::is_string))
    };
    let keys = ["annotations", "labels"];
    match keys
        .into_iter()
        .find(|key| !present(metadata, key).is_none_or(is_of_texts))
    {
        Some(key) => Err(wrong(format!(
            "metadata.{key} must be a map of texts (numbers and true need quotes)"
        ))),
        None => Ok(()),
    }
}

fn check_containers(pod: &Value) -> Result<(), Denial> {
    let mut names = BTreeSet::new();
    for Container {
        list,
        at,
        name,
        value,
    } in containers(pod)
    {
        let path = format!("spec.{list}[{at}]");
        // Each is the name of a client and of a directory, and a DNS label for Kubernetes too:
        // https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names
        if ProfileName::parse(name).is_err() || !names.insert(name) {
            return Err(wrong(format!(
                "{path} needs a name of its own, of lower-case letters, digits and dashes"
            )));
        }
        check_lists(value, &path, &["env", "envFrom", "volumeMounts", "ports"])?;
        check_maps(value, &path, &["resources"])?;
    }
    Ok(())
}

fn is_list_of_maps(value: &Value) -> bool {
    value
        .as_array()
        .is_some_and(|list| list.iter().all(Value::is_object))
}

fn check_lists(value: &Value, path: &str, keys: &[&str]) -> Result<(), Denial> {
    match keys
        .iter()
        .find(|key| !present(value, key).is_none_or(is_list_of_maps))
    {
        Some(key) => Err(wrong(format!("{path}.{key} must be a list of maps"))),
        None => Ok(()),
    }
}

/// Refuses what must be a map and is none: `keys`, and of resources, which are read and added to,
/// both parts.
fn check_maps(value: &Value, path: &str, keys: &[&str]) -> Result<(), Denial> {
    let resources = value.get("resources").unwrap_or(&Value::Null);
    let own = keys.iter().map(|key| (value, *key, (*key).to_owned()));
    let parts = ["requests", "limits"].map(|key| (resources, key, format!("resources.{key}")));
    for (value, key, name) in own.chain(parts) {
        if !present(value, key).is_none_or(Value::is_object) {
            return Err(wrong(format!("{path}.{name} must be a map")));
        }
    }
    Ok(())
}
