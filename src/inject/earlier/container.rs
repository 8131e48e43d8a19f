//! The container under our name: whether some version rendered it, and bringing it up to date.
//!
//! Owns the fields that make it ours, and those that are renewed. Resources, the pull policy, an envFrom, a lifecycle,
//! other probes and other mounts belong to whoever set them.

use serde_json::Value;

use super::{RESERVED, context, image, is_within, normal, take_all, variables};
use crate::inject::patch::Draft;
use crate::inject::pod::{items, text};
use crate::inject::sidecar::{
    API_TOKEN_DIRECTORY, OPTIONAL_PROBES, PORT_NAME, PROGRAM, Plan, covers, is_own_probe,
};
use crate::shown;

/// What runs, and how; no version changes it.
const FIXED: [&str; 3] = ["restartPolicy", "command", "args"];
/// The longest image reference that a refusal repeats.
const LONGEST_SHOWN: usize = 200;

/// Why the container is not ours, if it is not. `is_marked`: an injection left its status in the pod.
pub(super) fn difference(container: &Value, plan: &Plan<'_>, is_marked: bool) -> Option<String> {
    let expected = plan.container("");
    if let Some(key) = FIXED
        .into_iter()
        .find(|key| container[*key] != expected[*key])
    {
        return Some(format!("its {key} differs"));
    }
    let (found, ours) = (
        text(container, "image").unwrap_or_default(),
        plan.settings.image.as_str(),
    );
    // Of a marked pod it is replaced, so whatever it was does not run.
    let is_ours = image::is_same(found, ours) || is_marked && image::is_of_a_version(found, ours);
    if !is_ours {
        let found: String = shown::value(found).chars().take(LONGEST_SHOWN).collect();
        return Some(format!(
            "its image {found:?} is neither {ours} nor a mirror's copy of it"
        ));
    }
    if !context::is_no_wider(&container["securityContext"], &expected["securityContext"]) {
        return Some("its securityContext differs".to_owned());
    }
    let wanted = plan.mounts();
    let hiding = items(container, "volumeMounts").find(|mount| hides_ours(mount, &wanted))?;
    let (name, path) = (
        text(hiding, "name").unwrap_or_default(),
        text(hiding, "mountPath").unwrap_or_default(),
    );
    Some(format!(
        "its volumeMounts put {name} at {path}, over what is the sidecar's"
    ))
}

/// Whether a mount of another volume replaces the program, or what it reads and writes. The runtime mounts a folder
/// before what is below it, so one above ours hides nothing.
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

/// Makes the container what it would be now, but for what belongs to others.
pub(in crate::inject) fn renew(draft: &mut Draft, pointer: &str, plan: &Plan<'_>, inline: &str) {
    let expected = plan.container(inline);
    let found = draft.pod().pointer(pointer).cloned().unwrap_or_default();
    if !image::is_same(
        text(&found, "image").unwrap_or_default(),
        &plan.settings.image,
    ) {
        set(draft, pointer, "image", expected["image"].clone());
    }
    if !covers(&found["startupProbe"], &expected["startupProbe"]) {
        set(
            draft,
            pointer,
            "startupProbe",
            expected["startupProbe"].clone(),
        );
    }
    for key in OPTIONAL_PROBES {
        probe(
            draft,
            &format!("{pointer}/{key}"),
            &found[key],
            &expected[key],
        );
    }
    let context = context::renewed(&found["securityContext"], &expected["securityContext"]);
    if context != found["securityContext"] {
        set(draft, pointer, "securityContext", context);
    }
    mounts(draft, pointer, &plan.mounts());
    port(draft, pointer, expected["ports"].get(0));
    variables::renew(draft, pointer, plan.environment(inline));
}

fn set(draft: &mut Draft, pointer: &str, key: &str, value: Value) {
    let path = format!("{pointer}/{key}");
    match draft.pod().pointer(&path) {
        Some(_) => draft.replace(path, value),
        None => draft.add(path, value),
    }
}

/// A probe of ours is brought up to date, given or taken away; another webhook's stays.
fn probe(draft: &mut Draft, path: &str, found: &Value, expected: &Value) {
    match (found.is_null(), expected.is_null()) {
        (true, false) => draft.add(path.to_owned(), expected.clone()),
        (false, _) if !is_own_probe(found) => {}
        (false, true) => draft.remove(path),
        (false, false) if !covers(found, expected) => {
            draft.replace(path.to_owned(), expected.clone());
        }
        _ => {}
    }
}

fn mounts(draft: &mut Draft, pointer: &str, wanted: &[Value]) {
    let list = format!("{pointer}/volumeMounts");
    let is_wanted = |found: &Value| wanted.iter().any(|own| is_mounted(found, own));
    let is_in_the_way = |found: &Value| {
        let path = normal(text(found, "mountPath").unwrap_or_default());
        text(found, "name").is_some_and(|name| name.starts_with(RESERVED))
            || wanted
                .iter()
                .any(|own| text(own, "mountPath") == Some(&*path))
    };
    take_all(draft, &list, |found| {
        is_in_the_way(found) && !is_wanted(found)
    });
    for own in wanted {
        let found = draft
            .pod()
            .pointer(&list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        if !found.into_iter().any(|found| is_mounted(found, own)) {
            draft.append(&list, own.clone());
        }
    }
}

/// Whether both mount the same, for reading only or not.
fn is_mounted(found: &Value, own: &Value) -> bool {
    let is_read_only = |mount: &Value| mount["readOnly"] == true;
    let whole = ["subPath", "subPathExpr"]
        .iter()
        .all(|key| text(found, key).unwrap_or_default().is_empty());
    covers(found, own) && is_read_only(found) == is_read_only(own) && whole
}

/// The metrics port, by its name; others may have declared more.
fn port(draft: &mut Draft, pointer: &str, wanted: Option<&Value>) {
    let list = format!("{pointer}/ports");
    take_all(draft, &list, |found| {
        found["name"] == PORT_NAME && !wanted.is_some_and(|own| covers(found, own))
    });
    let Some(own) = wanted else { return };
    let is_there = draft
        .pod()
        .pointer(&list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .any(|found| covers(found, own));
    if !is_there {
        draft.append(&list, own.clone());
    }
}
