//! A container under our name that is in the pod, brought up to date.
//!
//! Owns the fields that are renewed. Resources, the pull policy, an envFrom, a lifecycle, other
//! probes and other mounts belong to who set them. Called by `sidecar`.

use serde_json::Value;

use super::variables;
use crate::inject::earlier::{RESERVED, context, image, normal};
use crate::inject::patch::Draft;
use crate::inject::pod::text;
use crate::inject::sidecar::{OPTIONAL_PROBES, PORT_NAME, Sidecar, covers, is_own_probe};

/// Makes the container what it would be now, but for what belongs to others.
pub(super) fn renew(draft: &mut Draft, pointer: &str, sidecar: &Sidecar<'_>, document: &str) {
    let expected = sidecar.container(document);
    let found = draft.pod().pointer(pointer).cloned().unwrap_or_default();
    let image = text(&found, "image").unwrap_or_default();
    if !image::is_same(image, &sidecar.facts.settings.image) {
        set(draft, pointer, "image", expected["image"].clone());
    }
    let probe_now = &expected["startupProbe"];
    if !covers(&found["startupProbe"], probe_now) {
        set(draft, pointer, "startupProbe", probe_now.clone());
    }
    for key in OPTIONAL_PROBES {
        let path = format!("{pointer}/{key}");
        probe(draft, &path, &found[key], &expected[key]);
    }
    let context = context::renewed(&found["securityContext"], &expected["securityContext"]);
    if context != found["securityContext"] {
        set(draft, pointer, "securityContext", context);
    }
    mounts(draft, pointer, &sidecar.mounts());
    port(draft, pointer, expected["ports"].get(0));
    variables::renew(draft, pointer, sidecar.environment(document));
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
    draft.take_all(&list, |found| is_in_the_way(found) && !is_wanted(found));
    for own in wanted {
        if !draft.list(&list).any(|found| is_mounted(found, own)) {
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
    draft.take_all(&list, |found| {
        found["name"] == PORT_NAME && !wanted.is_some_and(|own| covers(found, own))
    });
    let Some(own) = wanted else { return };
    if !draft.list(&list).any(|found| covers(found, own)) {
        draft.append(&list, own.clone());
    }
}
