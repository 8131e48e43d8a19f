//! What the namespace's `LimitRange` makes of a sidecar without a limit.
//!
//! Owns how that is seen on a pod: the `LimitRanger` of the API server runs before webhooks and
//! marks the containers that it gave a limit. Called by `warnings`.

use serde_json::{Value, json};

use crate::inject::keys::PREFIX;
use crate::inject::pod::{self, annotation};
use crate::inject::quantity::Quantity;
use crate::inject::resources::{KINDS, amount, amount_text};

/// The mark:
/// <https://github.com/kubernetes/kubernetes/blob/v1.34.4/plugin/pkg/admission/limitranger/admission.go#L289>.
const LIMIT_RANGER: &str = "kubernetes.io/limit-ranger";

/// What it will do to the sidecar, as far as it can be seen on the pod.
pub(super) fn of(pod: &Value, resources: &Value) -> impl Iterator<Item = String> {
    let own = json!({ "resources": resources });
    KINDS
        .into_iter()
        .filter_map(move |what| about(pod, &own, what))
}

fn about(pod: &Value, own: &Value, what: &str) -> Option<String> {
    let shown = default_limit(pod, what).filter(|_| amount(own, "limits", what).is_none())?;
    let (limit, least) = (Quantity::parse(&shown)?, amount(own, "requests", what));
    let given = format!(
        "the namespace's LimitRange gives the sidecar its default {what} limit of {shown}, below"
    );
    if least > Some(limit) {
        let asked = amount_text(own, "requests", what).unwrap_or_default();
        return Some(format!(
            "{given} its request of {asked}, so Kubernetes refuses the pod: set \
             {PREFIX}{what}-request or {PREFIX}{what}-limit (docs/resources.md)"
        ));
    }
    let is_throttled = what == "cpu" && limit < Quantity::CPU_FLOOR;
    is_throttled.then(|| {
        format!(
            "{given} 50m, which delays credentials: set {PREFIX}cpu-limit on pod or Namespace \
             (docs/resources.md)"
        )
    })
}

/// The limit that `LimitRanger` gave to a container that had none: `cpu, memory limit for container
/// app; ...`.
fn default_limit(pod: &Value, what: &str) -> Option<String> {
    let mark = annotation(pod, LIMIT_RANGER)?;
    let set = mark.strip_prefix("LimitRanger plugin set: ")?;
    set.split("; ").find_map(|clause| {
        let (kinds, container) = clause.split_once(" limit for ")?;
        kinds.split(", ").find(|kind| *kind == what)?;
        let name = container.rsplit(' ').next()?;
        let container = pod::others(pod).find(|container| container.name == name)?;
        amount_text(container.value, "limits", what)
    })
}
