//! The author's list of volumes that may be lost with a node, continued with the sidecar's.
//!
//! Owns that one annotation of Cluster Autoscaler
//! (<https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/FAQ.md#what-types-of-pods-can-prevent-ca-from-removing-a-node>).
//! It splits the list at commas and keeps blanks as parts of names. It passes over directories in
//! memory; others, and older ones, count them too. Called by `assemble`.

use crate::inject::patch::Draft;
use crate::inject::pod::{annotation, text};
use crate::inject::sidecar::Sidecar;

const SAFE: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

pub(super) fn allow(draft: &mut Draft, sidecar: &Sidecar<'_>) {
    let Some(own) = annotation(draft.pod(), SAFE) else {
        return;
    };
    let mut names: Vec<&str> = own.split(',').filter(|name| !name.is_empty()).collect();
    let mut volumes = sidecar.volumes();
    volumes.retain(|volume| volume.get("emptyDir").is_some());
    for name in volumes.iter().filter_map(|volume| text(volume, "name")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names = names.join(",");
    draft.set("/metadata/annotations", SAFE, &names);
}
