//! `NO_PROXY` of a container that has a proxy, or may have one: the SDK's plain HTTP request to the sidecar must not
//! be sent to it.
//!
//! Owns the rule that the author's exceptions are only added to. Called by `environment`.

use serde_json::json;

use super::{LOOPBACK, env_from};
use crate::inject::patch::Draft;
use crate::inject::pod::{Container, text};

const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

fn may_have_proxy(container: &Container<'_>) -> bool {
    let is_open = |name: &str| container.variable(name).is_none() && env_from::may_bring(container, name);
    PROXIES.into_iter().any(|name| container.sets(name) || is_open(name))
}

/// Excepts the sidecar from the proxy; the names of the variables that were added or changed.
pub(super) fn bypass(draft: &mut Draft, container: &Container<'_>) -> Vec<String> {
    if !may_have_proxy(container) {
        return Vec::new();
    }
    let could_come = |name: &str| container.variable(name).is_none() && env_from::may_bring(container, name);
    let is_there = |name: &str| container.variable(name).is_some() || could_come(name);
    let is_anywhere = EXCEPTIONS.into_iter().any(is_there);
    let mut changed = Vec::new();
    for name in EXCEPTIONS {
        let done = if container.variable(name).is_some() {
            extend(draft, container, name)
        } else if could_come(name) {
            // Clients read the one or the other first, and which of them the envFrom brings is not known: both hold
            // what either does. A name that is defined nowhere stays as it is written, and is no host.
            let both: Vec<String> =
                EXCEPTIONS.into_iter().filter(|name| is_there(name)).map(|name| format!("$({name}),")).collect();
            append(draft, container, name, &format!("{}{LOOPBACK}", both.concat()))
        } else {
            !is_anywhere && append(draft, container, name, LOOPBACK)
        };
        if done {
            changed.push(name.to_owned());
        }
    }
    changed
}

fn append(draft: &mut Draft, container: &Container<'_>, name: &str, value: &str) -> bool {
    draft.append(&format!("{}/env", container.pointer()), json!({ "name": name, "value": value }));
    true
}

/// Adds to a value that is written in `env`. One that comes from elsewhere cannot be continued; `warnings` says so.
fn extend(draft: &mut Draft, container: &Container<'_>, name: &str) -> bool {
    let Some(value) = container.literal(name) else { return false };
    if value.split(',').any(|host| matches!(host.trim(), LOOPBACK | "*")) {
        return false;
    }
    let value = if value.is_empty() { LOOPBACK.to_owned() } else { format!("{value},{LOOPBACK}") };
    // Kubernetes takes the last of several variables with one name.
    let all = container.value["env"].as_array();
    let Some(at) = all.and_then(|all| all.iter().rposition(|own| text(own, "name") == Some(name))) else {
        return false;
    };
    let path = format!("{}/env/{at}/value", container.pointer());
    match container.value["env"][at].get("value") {
        Some(_) => draft.replace(path, value.into()),
        None => draft.add(path, value.into()),
    }
    true
}

/// What an author should know about a container's exceptions.
pub(super) fn warnings(container: &Container<'_>) -> Vec<String> {
    let unknown = EXCEPTIONS.into_iter().filter(|variable| {
        may_have_proxy(container) && container.variable(variable).is_some() && container.literal(variable).is_none()
    });
    let name = container.name;
    unknown
        .map(|variable| {
            format!("container {name} takes {variable} from elsewhere; behind a proxy it must hold {LOOPBACK}")
        })
        .collect()
}
