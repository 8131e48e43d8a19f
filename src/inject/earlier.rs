//! What is found of ours in a pod: left by an earlier call, a copied pod, another version or
//! `stsidecar inject`; or written by an author under our names.
//!
//! Owns the names by which it is recognised, and the one rule for it. Refused (`decide::reserved`)
//! is what never was ours: another program, a wider security context, another image, our volumes in
//! other hands. Renewed (`decide::stale`, `assemble`) is whatever any version renders, so settings
//! may change between the calls and replicas of two versions may answer them. Kept is all else that
//! other webhooks and the API server add. What decides is structure: every author can write an
//! annotation.

pub(super) mod context;
pub(super) mod image;

use serde_json::Value;

use super::keys::STATUS;
use super::pod::{annotation, items};

/// What our volumes begin with; no other volume may.
pub(super) const RESERVED: &str = "stsidecar-";
/// Where tokens are, in our container and in those of the application.
pub(super) const RESERVED_PATH: &str = "/var/run/secrets/stsidecar.dev";
/// The key of the status with the architectures that the pod's affinity was narrowed to.
pub(super) const ARCHITECTURES: &str = "architectures";

/// What an injection wrote about itself, if one did.
pub(super) fn status(pod: &Value) -> Option<Value> {
    serde_json::from_str(annotation(pod, STATUS)?)
        .ok()
        .filter(Value::is_object)
}

/// The variables of a container in one of a status's maps.
pub(super) fn listed(map: &Value, container: &str) -> Vec<String> {
    items(map, container)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// A path as the container runtime takes it: from the root, without `.`, `..` and empty parts.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether a normal path is this one, or below it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_as_the_runtime_takes_it() {
        for (path, expected) in [
            ("/a/b/", "/a/b"),
            ("a//b", "/a/b"),
            ("/a/./x/../b", "/a/b"),
            ("/../..", "/"),
            ("", "/"),
        ] {
            assert_eq!(normal(path), expected, "{path}");
        }
        assert!(is_within("/a/b", "/a") && is_within("/a", "/a") && !is_within("/ab", "/a"));
    }
}
