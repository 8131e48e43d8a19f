//! Containers wherever they are, by their form: what an object of an unknown kind will run.
//!
//! Owns the forms: a pod's lists of containers, a single `container` or `script` (Argo Workflows),
//! `steps` and `sidecars` (Tekton, Argo Workflows). It changes nothing; `inject` names what it
//! finds and cannot inject.

use serde_json::Value;

use super::yaml::text;
use crate::inject::patch::escaped;

/// Keys of lists of containers.
const LISTS: [&str; 5] = [
    "containers",
    "initContainers",
    "ephemeralContainers",
    "steps",
    "sidecars",
];
/// Keys of one container.
const SINGLE: [&str; 2] = ["container", "script"];
/// What a container without an image has of its own where an operator fills in the rest. Neither a
/// schema of containers nor their metrics (`usage`) have it.
const PARTS: [&str; 6] = [
    "args",
    "command",
    "env",
    "envFrom",
    "resources",
    "volumeMounts",
];

/// The place of the first container outside of these pods.
pub(super) fn outside(value: &Value, pods: &[String]) -> Option<String> {
    find(value, "", pods)
}

fn find(value: &Value, place: &str, pods: &[String]) -> Option<String> {
    let below = |part: &str, inner: &Value| find(inner, &format!("{place}/{part}"), pods);
    match value {
        _ if pods.iter().any(|pod| pod == place) => None,
        Value::Object(map) => {
            let here = map.iter().find_map(|(key, value)| container(key, value));
            let here = here.map(|at| format!("{place}/{at}"));
            here.or_else(|| {
                map.iter()
                    .find_map(|(key, value)| below(&escaped(key), value))
            })
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| below(&at.to_string(), item)),
        _ => None,
    }
}

/// Where below this member of a map a container is, if the member is one or a list of them.
fn container(key: &str, value: &Value) -> Option<String> {
    match value {
        Value::Array(items) if LISTS.contains(&key) => {
            let at = items.iter().position(|item| {
                let named = text(item, "name").is_some()
                    && PARTS.iter().any(|part| item.get(part).is_some());
                text(item, "image").is_some() || named
            });
            at.map(|at| format!("{key}/{at}"))
        }
        Value::Object(_) if SINGLE.contains(&key) && text(value, "image").is_some() => {
            Some(key.to_owned())
        }
        _ => None,
    }
}
