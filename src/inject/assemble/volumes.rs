//! The sidecar's volumes in the pod.
//!
//! Owns that they are what they would be now: missing ones are added, others are replaced, and
//! those that no longer are leave, since a ConfigMap that is missing would keep the pod from
//! starting. Called by `assemble`.

use serde_json::Value;

use crate::inject::earlier::RESERVED;
use crate::inject::patch::Draft;
use crate::inject::pod::text;
use crate::inject::sidecar::{Sidecar, covers};

const LIST: &str = "/spec/volumes";

pub(super) fn renew(draft: &mut Draft, sidecar: &Sidecar<'_>) {
    let wanted = sidecar.volumes();
    draft.take_all(LIST, |own: &Value| {
        let name = text(own, "name").unwrap_or_default();
        name.starts_with(RESERVED) && !wanted.iter().any(|volume| volume["name"] == name)
    });
    for volume in wanted {
        let found = draft
            .list(LIST)
            .enumerate()
            .find(|(_, own)| own["name"] == volume["name"]);
        match found {
            None => draft.append(LIST, volume),
            Some((_, own)) if covers(own, &volume) => {}
            Some((at, _)) => draft.replace(format!("{LIST}/{at}"), volume),
        }
    }
}
