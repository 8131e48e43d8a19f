//! The sidecar's requests and limits: the settings', by what the pod as a whole is given.
//!
//! Owns which class the sidecar leaves the pod in. The settings decide the amounts; it adds a limit
//! only where the pod's class needs one, and `resources` takes away what has no room. Called by
//! `decide`.

use serde_json::{Map, Value, json};

use crate::inject::gather::{Amounts, PodSettings};
use crate::inject::pod::{self, Container};
use crate::inject::quantity::Quantity;
use crate::inject::resources::{KINDS, amount, amount_text, fitted, request};

/// The limits of a sidecar that needs one for the pod's class and is given none by the settings.
const ENOUGH: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "32Mi")];

/// The sidecar's `resources`. A Guaranteed pod stays so only when its sidecar has limits equal to
/// its requests.
pub(super) fn of(pod: &Value, settings: &PodSettings) -> Value {
    let PodSettings {
        requests, limits, ..
    } = settings;
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

fn map(amounts: &Amounts) -> Map<String, Value> {
    let pairs = [("cpu", &amounts.cpu), ("memory", &amounts.memory)];
    pairs
        .into_iter()
        .filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())))
        .collect()
}

/// Gives the sidecar a limit where Kubernetes derives the pod's own limit from its containers',
/// which it does when each of them has one, from 1.37 on
/// (<https://github.com/kubernetes/kubernetes/issues/136120>): one container without would cost the
/// pod its limit, and with it its class.
fn limited(pod: &Value, mut own: Value) -> Value {
    let whole = &pod["spec"];
    if KINDS.into_iter().all(|what| request(whole, what).is_none()) {
        return own; // the containers alone decide
    }
    let others: Vec<Container<'_>> = pod::others(pod).collect();
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

/// Whether the kubelet would class the pod as Guaranteed: limits of cpu and memory everywhere,
/// requests equal (<https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/#guaranteed>).
fn is_guaranteed(pod: &Value) -> bool {
    // With pod-level resources these alone decide.
    let has_own = KINDS
        .into_iter()
        .any(|what| request(&pod["spec"], what).is_some());
    !has_own
        && pod::others(pod).all(|container| {
            KINDS
                .into_iter()
                .all(|what| is_whole(container.value, what))
        })
}

fn is_whole(container: &Value, what: &str) -> bool {
    let limit = amount(container, "limits", what);
    limit.is_some() && request(container, what) == limit
}
