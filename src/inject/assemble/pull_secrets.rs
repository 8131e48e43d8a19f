//! The Secrets that the sidecar's image is pulled with, given to the pod beside its own.
//!
//! Owns the rule that no other Secret of the pod is lost. Nothing here knows whether one exists:
//! the injector has no right to read Secrets, and the kubelet says it. Called by `assemble`.

use serde_json::{Value, json};

use crate::inject::Request;
use crate::inject::patch::Draft;
use crate::inject::pod::{items, text};
use crate::inject::template::Template;

const LIST: &str = "/spec/imagePullSecrets";

/// Adds those that the pod does not name; what its author should know when they cannot be added.
pub(super) fn add(draft: &mut Draft, request: &Request<'_>, template: &Template) -> Option<String> {
    let own: Vec<String> = names(&draft.pod()["spec"]);
    let wanted = template
        .agent
        .image_pull_secrets
        .iter()
        .map(|secret| secret.name.clone());
    let missing: Vec<String> = wanted.filter(|name| !own.contains(name)).collect();
    if missing.is_empty() {
        return None;
    }
    // The API server gives a pod those of its ServiceAccount only where the pod names none
    // (https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/serviceaccount/admission.go).
    let inherited = match request.account {
        Some(account) if own.is_empty() => names(account),
        None if own.is_empty() && request.asked_by_caller => {
            let named = missing.join(", ");
            return Some(format!(
                "imagePullSecrets {named} (agent.imagePullSecrets) are left out: with them the pod \
                 would lose those of its ServiceAccount, which is not in the stream; add it, or \
                 name the pod's own imagePullSecrets"
            ));
        }
        _ => Vec::new(),
    };
    let added = missing
        .into_iter()
        .filter(|name| !inherited.contains(name))
        .collect::<Vec<_>>();
    for name in inherited.iter().chain(&added) {
        draft.append(LIST, json!({ "name": name }));
    }
    None
}

fn names(object: &Value) -> Vec<String> {
    items(object, "imagePullSecrets")
        .filter_map(|secret| text(secret, "name"))
        .map(str::to_owned)
        .collect()
}
