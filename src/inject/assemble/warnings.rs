//! What the author of a pod should know, of the pod as it is now, and nothing else would say: what
//! may be missing in its namespace the kubelet knows, and says where it is missing.
//!
//! Owns the order of the warnings. It changes nothing. Called by `assemble`.

mod limit_range;
mod mesh;

use serde_json::Value;

use crate::inject::CONTAINER;
use crate::inject::decide::Plan;
use crate::inject::environment::{env_from, precedence, proxy};
use crate::inject::pod;

/// All of them; `left_out` is about the pull secrets.
pub(super) fn of(pod: &Value, plan: &Plan<'_>, left_out: Option<String>) -> Vec<String> {
    let (choice, request) = (&plan.sidecar.facts.choice, plan.sidecar.facts.request);
    let mut warnings = Vec::new();
    for container in choice.containers(pod) {
        warnings.extend(precedence::findings(pod, &container));
        warnings.extend(env_from::warnings(&container, &plan.variables));
        warnings.extend(proxy::warnings(&container));
    }
    let all = pod::containers(pod).into_iter();
    for container in all.take_while(|container| container.name != CONTAINER) {
        if choice.has(container.name) {
            let name = container.name;
            warnings.push(format!(
                "init container {name} runs before the sidecar, so it gets no credentials while it \
                 runs"
            ));
        }
    }
    warnings.extend(limit_range::of(pod, &plan.sidecar.resources));
    warnings.extend(mesh::of(pod, request.namespace_object, &plan.sidecar));
    warnings.extend(left_out);
    warnings
}
