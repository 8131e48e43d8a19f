//! What is found of ours in a pod: left by an earlier call, a copied pod, another version or `stsidecar inject`; or
//! written by an author under our names.
//!
//! Owns the one rule for it. Refused is what never was ours: another program, a wider security context, another image,
//! our volumes in other hands. Renewed is whatever any version renders, so settings may change between the calls and
//! replicas of two versions may answer them. Kept is all else that other webhooks and the API server add. What decides
//! is structure: anybody can write an annotation. Called by `inject`.

mod container;
mod context;
mod image;
mod share;
mod variables;

use serde_json::Value;

pub(super) use container::renew;
pub(super) use share::take_back;

use super::environment::{ENDPOINTS, mount};
use super::handover::CONFIG_VOLUME;
use super::keys::STATUS;
use super::patch::Draft;
use super::pod::{self, items, metadata, text};
use super::sidecar::{CA, NONE, Plan, STATE, TOKEN, covers};
use super::{CONTAINER, Denial, Reason};

/// What our volumes begin with; no other volume may.
const RESERVED: &str = "stsidecar-";
/// Where tokens are, in our container and in those of the application.
const RESERVED_PATH: &str = "/var/run/secrets/stsidecar.dev";

/// Refuses what is under our names and was never rendered, and every mount of our volumes that is not ours.
pub(super) fn check(pod: &Value, plan: &Plan<'_>) -> Result<(), Denial> {
    let (own, status) = (pod::own(pod), status(pod));
    if let Some(difference) =
        own.and_then(|own| container::difference(own.value, plan, status.is_some()))
    {
        return refuse(&format!(
            "the container name {CONTAINER} is reserved, and this one is not what stsidecar adds ({difference})"
        ));
    }
    for volume in items(&pod["spec"], "volumes") {
        let name = text(volume, "name").unwrap_or_default();
        if name.starts_with(RESERVED)
            && !(own.is_some() && is_rendered(volume, name, status.as_ref()))
        {
            return refuse(&format!("the volume name {name} is reserved"));
        }
    }
    for container in pod::containers(pod)
        .iter()
        .filter(|container| container.name != CONTAINER)
    {
        for found in container.mounts() {
            let (name, path) = (
                text(found, "name").unwrap_or_default(),
                text(found, "mountPath").unwrap_or_default(),
            );
            let reserved = name.starts_with(RESERVED) || is_within(&normal(path), RESERVED_PATH);
            let ours = own.is_some()
                && plan.choice.has(container.name)
                && covers(found, &mount(container.name));
            if reserved && !ours {
                return refuse(&format!(
                    "container {} mounts {name} at {path}, which is reserved",
                    container.name
                ));
            }
        }
    }
    Ok(())
}

/// Refuses an application container under our name. Before containers are chosen: it would be none of them.
pub(super) fn check_name(pod: &Value) -> Result<(), Denial> {
    let own = |container: &pod::Container<'_>| {
        container.name == CONTAINER && container.list == pod::LISTS[1]
    };
    if pod::containers(pod).iter().any(own) {
        return refuse(&format!(
            "the name {CONTAINER} of a container in spec.containers is reserved"
        ));
    }
    Ok(())
}

fn refuse(what: &str) -> Result<(), Denial> {
    Err(Denial::new(
        Reason::Reserved,
        format!("{what}; rename or remove it"),
    ))
}

/// What an injection wrote about itself, if one did.
fn status(pod: &Value) -> Option<Value> {
    let text = metadata(pod, "annotations")?.get(STATUS)?.as_str()?;
    serde_json::from_str(text).ok().filter(Value::is_object)
}

/// Whether a volume under our names is of the kind that some version renders: no Secret, no path of the node.
fn is_rendered(volume: &Value, name: &str, status: Option<&Value>) -> bool {
    let filled = |map: &Value| -> Vec<String> {
        let filled = map
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        filled.map(|(key, _)| key.clone()).collect()
    };
    let kinds: Vec<String> = filled(volume)
        .into_iter()
        .filter(|key| key != "name")
        .collect();
    let [kind] = kinds.as_slice() else {
        return false;
    };
    let sources = || items(&volume["projected"], "sources").collect::<Vec<_>>();
    let is_token = || matches!(sources()[..], [one] if filled(one) == ["serviceAccountToken"]);
    let is_harmless = match kind.as_str() {
        // The last one shows the pod's own metadata and nothing else.
        "emptyDir" | "configMap" | "downwardAPI" => true,
        "projected" => is_token(),
        _ => false,
    };
    let is_listed = || status.is_some_and(|status| items(status, "volumes").any(|own| own == name));
    is_harmless
        && match name {
            TOKEN => kind == "projected",
            ENDPOINTS | STATE | NONE => kind == "emptyDir",
            CONFIG_VOLUME => kind == "configMap",
            CA => kind == "configMap" || kind == "downwardAPI",
            // A newer version's.
            _ => is_listed(),
        }
}

/// Makes the volumes what they would be now. Those that no longer are leave: a ConfigMap that is missing would keep
/// the pod from starting.
pub(super) fn volumes(draft: &mut Draft, plan: &Plan<'_>) {
    const LIST: &str = "/spec/volumes";
    let wanted = plan.volumes();
    let is_stale = |own: &Value| {
        let name = text(own, "name").unwrap_or_default();
        name.starts_with(RESERVED) && !wanted.iter().any(|volume| volume["name"] == name)
    };
    take_all(draft, LIST, is_stale);
    for volume in wanted {
        let at =
            items(&draft.pod()["spec"], "volumes").position(|own| own["name"] == volume["name"]);
        match at {
            None => draft.append(LIST, volume),
            Some(at) if !covers(&draft.pod()["spec"]["volumes"][at], &volume) => {
                draft.replace(format!("{LIST}/{at}"), volume);
            }
            Some(_) => {}
        }
    }
}

/// Takes out every item of a list that `is_stale`, the last first so that the places of the others hold.
fn take_all(draft: &mut Draft, list: &str, is_stale: impl Fn(&Value) -> bool) {
    let all = draft
        .pod()
        .pointer(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let stale: Vec<usize> = all
        .enumerate()
        .filter(|(_, item)| is_stale(item))
        .map(|(at, _)| at)
        .collect();
    for at in stale.into_iter().rev() {
        draft.take(list, at);
    }
}

/// A path as the container runtime takes it: from the root, without `.`, `..` and empty parts.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a normal path is this one, or below it.
fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_as_the_runtime_takes_it() {
        for (path, expected) in [
            ("/a/b/", "/a/b"),
            ("a//b", "/a/b"),
            ("/a/./x/../b", "/a/b"),
            ("/../..", "/"),
            ("", "/"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && !is_within("/ab", "/a"));
    }
}
