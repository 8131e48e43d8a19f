//! The requests and limits of a sidecar that is in the pod, fitted again.
//!
//! Owns that one change, for what containers that came after the sidecar ask for. Called by
//! `assemble`.

use crate::inject::patch::Draft;
use crate::inject::pod;
use crate::inject::resources::fitted;

pub(super) fn refit(draft: &mut Draft) {
    let Some(own) = pod::own(draft.pod()) else {
        return;
    };
    let Some(now) = own.value.get("resources").filter(|now| now.is_object()) else {
        return;
    };
    let fitted = fitted(draft.pod(), now);
    if fitted != *now {
        draft.replace(format!("{}/resources", own.pointer()), fitted);
    }
}
