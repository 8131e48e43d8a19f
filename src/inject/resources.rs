//! The requests and limits of a pod's containers, and the room that the pod leaves for the
//! sidecar's.
//!
//! Owns how they are read, and what pod-level resources allow beside them (KEP-2837). It only takes
//! away: what the sidecar asks for is `decide::resources`'s. Used by `decide` and `assemble`.

use serde_json::{Value, json};

use super::pod::{self, LISTS};
use super::quantity::Quantity;

pub(super) const KINDS: [&str; 2] = ["cpu", "memory"];

/// An amount as the text of a quantity.
pub(super) fn amount_text(value: &Value, kind: &str, what: &str) -> Option<String> {
    let value = value.get("resources")?.get(kind)?.get(what)?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    )
}

pub(super) fn amount(value: &Value, kind: &str, what: &str) -> Option<Quantity> {
    amount_text(value, kind, what).and_then(|text| Quantity::parse(&text))
}

/// Kubernetes takes the limit for a request that is absent.
pub(super) fn request(value: &Value, what: &str) -> Option<Quantity> {
    amount(value, "requests", what).or_else(|| amount(value, "limits", what))
}

/// Takes away what the API server would refuse beside the pod's own `spec.resources`: the requests
/// of all containers may not exceed the pod's, nor any limit the pod's. The rules are
/// `defaultPodRequests` and `validatePodResourceConsistency` of Kubernetes 1.34,
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2837-pod-level-resource-spec>.
pub(super) fn fitted(pod: &Value, resources: &Value) -> Value {
    let whole = &pod["spec"];
    let mut own =
        json!({ "resources": if resources.is_null() { json!({}) } else { resources.clone() } });
    for what in KINDS {
        let most = amount(whole, "limits", what);
        if most.is_some_and(|most| amount(&own, "limits", what).is_some_and(|limit| limit > most)) {
            remove(&mut own, "limits", what);
        }
        let room = amount(whole, "requests", what);
        match room {
            Some(room) => {
                let needed = request(&own, what).unwrap_or(Quantity::ZERO);
                if needed > Quantity::ZERO && others(pod, what).plus(needed) > room {
                    // Left out, it would become the limit, or a LimitRange's default.
                    own["resources"]["requests"][what] = "0".into();
                }
            }
            // The pod's request is derived from its containers' requests, or without any from its
            // limit.
            None if most.is_some() => {
                remove(&mut own, "requests", what);
                remove(&mut own, "limits", what);
            }
            None => {}
        }
    }
    let mut own = own["resources"].take();
    if let Some(map) = own.as_object_mut() {
        map.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    own
}

fn remove(own: &mut Value, kind: &str, what: &str) {
    if let Some(map) = own["resources"]
        .get_mut(kind)
        .and_then(Value::as_object_mut)
    {
        map.remove(what);
    }
}

/// What all other containers ask for at the time when it is most. The sidecar runs beside each of
/// them but those that came before it, and is added to all.
fn others(pod: &Value, what: &str) -> Quantity {
    let (mut running, mut most) = (Quantity::ZERO, Quantity::ZERO);
    for container in pod::others(pod) {
        let own = request(container.value, what).unwrap_or(Quantity::ZERO);
        let stays = container.list == LISTS[1] || container.is_native_sidecar();
        most = most.max(running.plus(own));
        running = if stays { running.plus(own) } else { running };
    }
    most.max(running)
}
