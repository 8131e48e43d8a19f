//! Containers wherever they are, by their form: what an object of an unknown kind will run.
//!
//! Owns the forms: a pod's lists of containers, a single `container` or `script` (Argo Workflows), `steps` and
//! `sidecars` (Tekton, Argo Workflows). It changes nothing; `inject` names what it finds and cannot inject.

use super::tree::Tree;
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
/// What a container without an image has of its own where an operator fills in the rest. Neither a schema of
/// containers nor their metrics (`usage`) have it.
const PARTS: [&str; 6] = [
    "args",
    "command",
    "env",
    "envFrom",
    "resources",
    "volumeMounts",
];

/// The place of the first container outside of these pods.
pub(super) fn outside(tree: &Tree, pods: &[String]) -> Option<String> {
    find(tree, "", pods)
}

fn find(tree: &Tree, place: &str, pods: &[String]) -> Option<String> {
    let below = |part: &str, inner: &Tree| find(inner, &format!("{place}/{part}"), pods);
    match tree {
        _ if pods.iter().any(|pod| pod == place) => None,
        Tree::Map(pairs) => {
            let here = pairs.iter().find_map(|(key, value)| container(key, value));
            let here = here.map(|at| format!("{place}/{at}"));
            here.or_else(|| {
                pairs
                    .iter()
                    .find_map(|(key, value)| below(&escaped(key), value))
            })
        }
        Tree::List(items) => items
            .iter()
            .enumerate()
            .find_map(|(at, item)| below(&at.to_string(), item)),
        _ => None,
    }
}

/// Where below this member of a map a container is, if the member is one or a list of them.
fn container(key: &str, value: &Tree) -> Option<String> {
    match value {
        Tree::List(items) if LISTS.contains(&key) => {
            let at = items.iter().position(|item| {
                let named = item.text("name").is_some()
                    && PARTS.iter().any(|part| item.get(part).is_some());
                item.text("image").is_some() || named
            });
            at.map(|at| format!("{key}/{at}"))
        }
        Tree::Map(_) if SINGLE.contains(&key) && value.text("image").is_some() => {
            Some(key.to_owned())
        }
        _ => None,
    }
}
