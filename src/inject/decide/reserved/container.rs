//! The container under our name: whether some version rendered it.
//!
//! Owns the fields that make it ours: what runs, and how, its image, its security context, and that
//! no mount hides what it reads. Called by `reserved`.

use serde_json::Value;

use crate::inject::earlier::{RESERVED, context, image, is_within, normal};
use crate::inject::pod::{items, text};
use crate::inject::sidecar::{API_TOKEN_DIRECTORY, PROGRAM, Sidecar};
use crate::redact;

/// What runs, and how; no version changes it.
const FIXED: [&str; 3] = ["restartPolicy", "command", "args"];
/// The longest image reference that a refusal repeats.
const LONGEST_SHOWN: usize = 200;

/// Why the container is not ours, if it is not. `is_marked`: an injection left its status in the
/// pod.
pub(super) fn difference(
    container: &Value,
    sidecar: &Sidecar<'_>,
    is_marked: bool,
) -> Option<String> {
    let expected = sidecar.container("");
    if let Some(key) = FIXED
        .into_iter()
        .find(|key| container[*key] != expected[*key])
    {
        return Some(format!("its {key} differs"));
    }
    let (found, ours) = (
        text(container, "image").unwrap_or_default(),
        sidecar.facts.settings.image.as_str(),
    );
    // Of a marked pod it is replaced, so whatever it was does not run.
    let is_ours = image::is_same(found, ours) || is_marked && image::is_of_a_version(found, ours);
    if !is_ours {
        let found: String = redact::value(found).chars().take(LONGEST_SHOWN).collect();
        return Some(format!(
            "its image {found:?} is neither {ours} nor a mirror's copy of it"
        ));
    }
    if !context::is_no_wider(&container["securityContext"], &expected["securityContext"]) {
        return Some("its securityContext differs".to_owned());
    }
    let wanted = sidecar.mounts();
    let hiding = items(container, "volumeMounts").find(|mount| hides_ours(mount, &wanted))?;
    let (name, path) = (
        text(hiding, "name").unwrap_or_default(),
        text(hiding, "mountPath").unwrap_or_default(),
    );
    Some(format!(
        "its volumeMounts put {name} at {path}, over what is the sidecar's"
    ))
}

/// Whether a mount of another volume replaces the program, or what it reads and writes. The runtime
/// mounts a folder before what is below it, so one above ours hides nothing (`orderedMounts` in
/// <https://github.com/containerd/containerd/blob/main/internal/cri/opts/spec_linux_opts.go>).
fn hides_ours(mount: &Value, wanted: &[Value]) -> bool {
    if text(mount, "name").is_some_and(|name| name.starts_with(RESERVED)) {
        return false;
    }
    let path = normal(text(mount, "mountPath").unwrap_or_default());
    // The API server itself mounts the pod's API token where nothing else is mounted.
    let ours = wanted
        .iter()
        .filter_map(|own| text(own, "mountPath"))
        .filter(|own| *own != API_TOKEN_DIRECTORY);
    path == "/" || ours.chain([PROGRAM]).any(|own| is_within(&path, own))
}
