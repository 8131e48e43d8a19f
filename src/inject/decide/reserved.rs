//! What is under our names in a pod and was never rendered.
//!
//! Owns its refusal: a container, a volume or a mount that looks like ours and is not. What is ours
//! is renewed later; `earlier` has the rule. Called by `decide`.

mod container;

use serde_json::Value;

use crate::inject::earlier::{RESERVED, RESERVED_PATH, is_within, normal, status};
use crate::inject::environment::mount;
use crate::inject::pod::{self, Container, items, text};
use crate::inject::sidecar::ENDPOINTS;
use crate::inject::sidecar::{CA, CONFIG_VOLUME, NONE, STATE, Sidecar, TOKEN, covers};
use crate::inject::{CONTAINER, Denial};

/// Refuses it, and every mount of our volumes that is not ours.
pub(super) fn check(pod: &Value, sidecar: &Sidecar<'_>) -> Result<(), Denial> {
    let (own, status) = (pod::own(pod), status(pod));
    let difference =
        own.and_then(|own| container::difference(own.value, sidecar, status.is_some()));
    if let Some(difference) = difference {
        return Err(Denial::reserved(&format!(
            "the container name {CONTAINER} is reserved, and this one is not what stsidecar adds \
             ({difference})"
        )));
    }
    for volume in items(&pod["spec"], "volumes") {
        let name = text(volume, "name").unwrap_or_default();
        let is_ours = own.is_some() && is_rendered(volume, name, status.as_ref());
        if name.starts_with(RESERVED) && !is_ours {
            return Err(Denial::reserved(&format!(
                "the volume name {name} is reserved"
            )));
        }
    }
    pod::others(pod).try_for_each(|container| check_mounts(&container, sidecar, own.is_some()))
}

fn check_mounts(
    container: &Container<'_>,
    sidecar: &Sidecar<'_>,
    has_sidecar: bool,
) -> Result<(), Denial> {
    for found in container.mounts() {
        let name = text(found, "name").unwrap_or_default();
        let path = text(found, "mountPath").unwrap_or_default();
        let is_reserved = name.starts_with(RESERVED) || is_within(&normal(path), RESERVED_PATH);
        let is_ours = has_sidecar
            && sidecar.facts.choice.has(container.name)
            && covers(found, &mount(container.name));
        if is_reserved && !is_ours {
            return Err(Denial::reserved(&format!(
                "container {} mounts {name} at {path}, which is reserved",
                container.name
            )));
        }
    }
    Ok(())
}

/// Whether a volume under our names is of the kind that some version renders: no Secret, no path of
/// the node.
fn is_rendered(volume: &Value, name: &str, status: Option<&Value>) -> bool {
    let mut kinds = filled(volume);
    kinds.retain(|key| *key != "name");
    let [kind] = kinds.as_slice() else {
        return false;
    };
    let is_harmless = match *kind {
        // The last one shows the pod's own metadata and nothing else.
        "emptyDir" | "configMap" | "downwardAPI" => true,
        "projected" => is_token(volume),
        _ => false,
    };
    is_harmless
        && match name {
            TOKEN => *kind == "projected",
            ENDPOINTS | STATE | NONE => *kind == "emptyDir",
            CONFIG_VOLUME => *kind == "configMap",
            CA => *kind == "configMap" || *kind == "downwardAPI",
            // A newer version's.
            _ => status.is_some_and(|status| items(status, "volumes").any(|own| own == name)),
        }
}

/// Whether all that it projects is one token.
fn is_token(volume: &Value) -> bool {
    let sources: Vec<&Value> = items(&volume["projected"], "sources").collect();
    matches!(sources[..], [one] if filled(one) == ["serviceAccountToken"])
}

/// The keys that are not null.
fn filled(map: &Value) -> Vec<&str> {
    let members = map.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .map(|(key, _)| key.as_str())
        .collect()
}
