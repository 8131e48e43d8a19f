//! The requirement that an earlier call added to the pod's node affinity, taken back.
//!
//! Owns what leaves with it: a term, a list and a map that are empty without it. What is added is
//! `assemble::affinity`'s. Called by `stale`.

use serde_json::{Value, json};

use crate::inject::nodes::{EXPRESSIONS, REQUIRED, TERMS, is_empty, requirement, terms};
use crate::inject::patch::Draft;
use crate::inject::pod::items;

/// Takes back what was written for the architectures `built`: its requirements, and what is empty
/// without them.
pub(super) fn widen(draft: &mut Draft, built: &Value) {
    let ours = requirement(built.clone());
    let required = format!("/spec/affinity/nodeAffinity/{REQUIRED}");
    let places: Vec<Option<usize>> = terms(&draft.pod()["spec"])
        .into_iter()
        .flatten()
        .map(|term| {
            Some(
                items(term, EXPRESSIONS)
                    .enumerate()
                    .filter(|(_, own)| **own == ours)
                    .last()?
                    .0,
            )
        })
        .collect();
    for (at, place) in places.into_iter().enumerate().rev() {
        let Some(place) = place else { continue };
        let term = format!("{required}/{TERMS}/{at}");
        let expressions = format!("{term}/{EXPRESSIONS}");
        draft.take(&expressions, place);
        if draft.pod().pointer(&term).is_some_and(is_empty) {
            draft.take(&format!("{required}/{TERMS}"), at);
        } else if draft.pod().pointer(&expressions) == Some(&json!([])) {
            draft.remove(&expressions);
        }
    }
    // The API server refuses a list without terms.
    if draft.pod().pointer(&required).is_some() && terms(&draft.pod()["spec"]).is_none() {
        draft.remove(&required);
        for path in ["/spec/affinity/nodeAffinity", "/spec/affinity"] {
            if draft.pod().pointer(path) == Some(&json!({})) {
                draft.remove(path);
            }
        }
    }
}
