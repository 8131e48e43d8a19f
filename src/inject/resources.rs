//! The sidecar's requests and limits: the settings', fitted into what the pod as a whole is given.
//!
//! Owns which class the sidecar leaves the pod in, the room that pod-level resources leave for it (KEP-2837), and what
//! a `LimitRange` makes of a limit that it has not. The settings decide the amounts; it takes away, and adds a limit
//! only where the pod's class needs one. Called by `inject`.

use serde_json::{Map, Value, json};

use super::CONTAINER;
use super::keys::PREFIX;
use super::patch::Draft;
use super::pod::{self, Container, LISTS, metadata};
use super::quantity::Quantity;
use super::settings::{Amounts, Settings};

const KINDS: [&str; 2] = ["cpu", "memory"];
/// The limits of a sidecar that needs one for the pod's class and is given none by the settings.
const ENOUGH: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "32Mi")];
/// The mark of the API server's `LimitRanger`, which runs before webhooks:
/// <https://github.com/kubernetes/kubernetes/blob/v1.34.4/plugin/pkg/admission/limitranger/admission.go#L289>.
const LIMIT_RANGER: &str = "kubernetes.io/limit-ranger";

/// An amount as the text of a quantity.
fn amount_text(value: &Value, kind: &str, what: &str) -> Option<String> {
    let value = value.get("resources")?.get(kind)?.get(what)?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    )
}

fn amount(value: &Value, kind: &str, what: &str) -> Option<Quantity> {
    amount_text(value, kind, what).and_then(|text| Quantity::parse(&text))
}

/// Kubernetes takes the limit for a request that is absent.
fn request(value: &Value, what: &str) -> Option<Quantity> {
    amount(value, "requests", what).or_else(|| amount(value, "limits", what))
}

/// The sidecar's `resources`. A Guaranteed pod stays so only when its sidecar has limits equal to its requests.
pub(super) fn of(pod: &Value, settings: &Settings) -> Value {
    let Settings {
        requests, limits, ..
    } = settings;
    let map = |amounts: &Amounts| -> Map<String, Value> {
        let pairs = [("cpu", &amounts.cpu), ("memory", &amounts.memory)];
        pairs
            .into_iter()
            .filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())))
            .collect()
    };
    if is_guaranteed(pod) {
        let [cpu, memory] = ENOUGH.map(|(_, enough)| Some(enough.to_owned()));
        let whole = map(&Amounts {
            cpu: limits.cpu.clone().or(cpu),
            memory: limits.memory.clone().or(memory),
        });
        return json!({ "requests": whole, "limits": whole });
    }
    let own = json!({ "resources": { "requests": map(requests), "limits": map(limits) } });
    fitted(pod, &limited(pod, own)["resources"])
}

/// Gives the sidecar a limit where Kubernetes derives the pod's own limit from its containers', which it does when
/// each of them has one, from 1.37 on (<https://github.com/kubernetes/kubernetes/issues/136120>): one container without
/// would cost the pod its limit, and with it its class.
fn limited(pod: &Value, mut own: Value) -> Value {
    let whole = &pod["spec"];
    if KINDS.into_iter().all(|what| request(whole, what).is_none()) {
        return own; // the containers alone decide
    }
    let others: Vec<Container<'_>> = pod::containers(pod)
        .into_iter()
        .filter(|one| one.name != CONTAINER)
        .collect();
    for (what, enough) in ENOUGH {
        let bounded = others
            .iter()
            .all(|one| amount(one.value, "limits", what).is_some());
        if amount(whole, "limits", what).is_some() || !bounded {
            continue;
        }
        let limit = amount_text(&own, "limits", what).unwrap_or_else(|| {
            let asked = amount_text(&own, "requests", what);
            asked
                .filter(|text| Quantity::parse(text) > Quantity::parse(enough))
                .unwrap_or_else(|| enough.to_owned())
        });
        // The pod's request is derived too.
        let equal = others
            .iter()
            .all(|one| request(one.value, what) == amount(one.value, "limits", what));
        if equal && amount(whole, "requests", what).is_none() {
            own["resources"]["requests"][what] = limit.clone().into();
        }
        own["resources"]["limits"][what] = limit.into();
    }
    own
}

/// Takes away what the API server would refuse beside the pod's own `spec.resources`: the requests of all containers
/// may not exceed the pod's, nor any limit the pod's. The rules are `defaultPodRequests` and
/// `validatePodResourceConsistency` of Kubernetes 1.34,
/// <https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2837-pod-level-resource-spec>.
fn fitted(pod: &Value, resources: &Value) -> Value {
    let whole = &pod["spec"];
    let mut own =
        json!({ "resources": if resources.is_null() { json!({}) } else { resources.clone() } });
    let remove = |own: &mut Value, kind: &str, what: &str| {
        if let Some(map) = own["resources"]
            .get_mut(kind)
            .and_then(Value::as_object_mut)
        {
            map.remove(what);
        }
    };
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
            // The pod's request is derived from its containers' requests, or without any from its limit.
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

/// Fits the sidecar that is in the pod again, for what containers that came after it ask for.
pub(super) fn refit(draft: &mut Draft) {
    let Some(own) = pod::own(draft.pod()) else {
        return;
    };
    let Some(now) = own
        .value
        .get("resources")
        .filter(|resources| resources.is_object())
    else {
        return;
    };
    let (path, fitted) = (
        format!("{}/resources", own.pointer()),
        fitted(draft.pod(), now),
    );
    if fitted != *now {
        draft.replace(path, fitted);
    }
}

/// What all other containers ask for at the time when it is most. The sidecar runs beside each of them but those
/// that came before it, and is added to all.
fn others(pod: &Value, what: &str) -> Quantity {
    let (mut running, mut most) = (Quantity::ZERO, Quantity::ZERO);
    let all = pod::containers(pod);
    for container in all.iter().filter(|container| container.name != CONTAINER) {
        let own = request(container.value, what).unwrap_or(Quantity::ZERO);
        let stays = container.list == LISTS[1] || container.is_native_sidecar();
        most = most.max(running.plus(own));
        running = if stays { running.plus(own) } else { running };
    }
    most.max(running)
}

/// Whether the kubelet would class the pod as Guaranteed: limits of cpu and memory everywhere, requests equal.
fn is_guaranteed(pod: &Value) -> bool {
    let whole = |value: &Value| {
        KINDS.into_iter().all(|what| {
            let limit = amount(value, "limits", what);
            limit.is_some() && request(value, what) == limit
        })
    };
    // With pod-level resources these alone decide.
    if KINDS
        .into_iter()
        .any(|what| request(&pod["spec"], what).is_some())
    {
        return false;
    }
    pod::containers(pod)
        .iter()
        .filter(|container| container.name != CONTAINER)
        .all(|container| whole(container.value))
}

/// What the namespace's `LimitRange` will make of the sidecar, as far as it can be seen on the pod.
pub(super) fn warnings(pod: &Value, resources: &Value) -> Vec<String> {
    let own = json!({ "resources": resources });
    let about = |what: &'static str| {
        let shown = default_limit(pod, what).filter(|_| amount(&own, "limits", what).is_none())?;
        let (limit, least) = (Quantity::parse(&shown)?, amount(&own, "requests", what));
        let given = format!(
            "the namespace's LimitRange gives the sidecar its default {what} limit of {shown}, below"
        );
        if least > Some(limit) {
            let asked = amount_text(&own, "requests", what).unwrap_or_default();
            return Some(format!(
                "{given} its request of {asked}, so Kubernetes refuses the pod: \
                 set {PREFIX}{what}-request or {PREFIX}{what}-limit (docs/resources.md)"
            ));
        }
        let throttled = what == "cpu" && limit < Quantity::CPU_FLOOR;
        throttled.then(|| {
            format!(
                "{given} 50m, which delays credentials: set {PREFIX}cpu-limit on pod or Namespace (docs/resources.md)"
            )
        })
    };
    KINDS.into_iter().filter_map(about).collect()
}

/// The limit that `LimitRanger` gave to a container that had none: `cpu, memory limit for container app; ...`.
fn default_limit(pod: &Value, what: &str) -> Option<String> {
    let said = metadata(pod, "annotations")?.get(LIMIT_RANGER)?.as_str()?;
    let set = said.strip_prefix("LimitRanger plugin set: ")?;
    let all = pod::containers(pod);
    let limit = |name: &str| {
        let is_it = |container: &&Container<'_>| container.name == name && name != CONTAINER;
        amount_text(all.iter().find(is_it)?.value, "limits", what)
    };
    set.split("; ").find_map(|clause| {
        let (kinds, container) = clause.split_once(" limit for ")?;
        kinds.split(", ").find(|kind| *kind == what)?;
        limit(container.rsplit(' ').next()?)
    })
}
