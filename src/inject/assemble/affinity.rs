//! The affinity that keeps a pod on nodes of the image's architectures.
//!
//! Owns the requirement that is added, and where none is needed. `decide::stale` takes it back.
//! Called by `assemble`.

use serde_json::{Value, json};

use crate::inject::nodes::{
    EXPRESSIONS, Node, REQUIRED, TERMS, candidates, is_empty, requirement, terms,
};
use crate::inject::patch::Draft;
use crate::inject::pod::text;

/// All that the image is ever built for: with all of them no pod needs an affinity.
const BUILDABLE: [&str; 2] = ["amd64", "arm64"];
const SYSTEMS: [&str; 2] = ["linux", "windows"];

/// Keeps the pod on nodes of the architectures `built`; whether that took a change. A pod that is
/// bound to a node already stays as it is: the kubelet would refuse it for an affinity that does
/// not hold there
/// (<https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename>).
pub(super) fn narrow(draft: &mut Draft, built: &[String]) -> bool {
    let spec = &draft.pod()["spec"];
    let is_bound = text(spec, "nodeName").is_some_and(|name| !name.is_empty());
    let is_everywhere = BUILDABLE
        .iter()
        .all(|arch| built.iter().any(|own| own == arch));
    if built.is_empty() || is_bound || is_everywhere {
        return false;
    }
    match terms(spec) {
        None if strays(spec, &Value::Null, built) => {
            require(draft, &requirement(built));
            true
        }
        None => false,
        Some(terms) => {
            let wide: Vec<usize> = terms
                .into_iter()
                .enumerate()
                .filter(|(_, term)| !is_empty(term) && strays(spec, term, built))
                .map(|(at, _)| at)
                .collect();
            for at in &wide {
                let list =
                    format!("/spec/affinity/nodeAffinity/{REQUIRED}/{TERMS}/{at}/{EXPRESSIONS}");
                draft.append(&list, requirement(built));
            }
            !wide.is_empty()
        }
    }
}

/// Whether a node of another architecture meets the term.
fn strays(spec: &Value, term: &Value, built: &[String]) -> bool {
    let others = candidates(spec, built)
        .into_iter()
        .filter(|arch| !built.iter().any(|own| own == arch));
    others
        .into_iter()
        .any(|arch| SYSTEMS.iter().any(|os| Node { arch, os }.takes(spec, term)))
}

/// Makes it the only requirement of a pod that has none.
fn require(draft: &mut Draft, wanted: &Value) {
    let required = format!("/spec/affinity/nodeAffinity/{REQUIRED}");
    for path in ["/spec/affinity", "/spec/affinity/nodeAffinity", &required] {
        draft.ensure(path, || json!({}));
    }
    draft.append(
        &format!("{required}/{TERMS}"),
        json!({ EXPRESSIONS: [wanted] }),
    );
}
