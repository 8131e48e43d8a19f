//! Who injected a pod: the release of the chart whose injector did, or none that could do it again.
//!
//! Owns the text of `stsidecar.dev/injected-by` and how it is read. It decides one thing: a pod
//! with the sidecar of another release is that one's. Two webhooks that renew each other's sidecar
//! would end in whichever was called last. Called by `inject`, and by the injector's check.

use serde_json::Value;

use super::Skip;
use super::keys::INJECTED_BY;
use super::pod::{self, annotation};
use super::template::Template;
use crate::version;

impl Template {
    /// `NAMESPACE/RELEASE` of the injector that these values are of; none for a caller that is no
    /// release.
    #[must_use]
    pub fn release(&self) -> Option<String> {
        let (namespace, release) = (&self.injector.namespace, &self.injector.release);
        (!namespace.is_empty() && !release.is_empty()).then(|| format!("{namespace}/{release}"))
    }
}

/// What is written: `NAMESPACE/RELEASE VERSION`, or the program's name and version without a
/// release.
pub(super) fn mark(template: &Template) -> String {
    let version = version::VERSION;
    template.release().map_or_else(
        || format!("stsidecar-inject/{version}"),
        |release| format!("{release} {version}"),
    )
}

/// `NAMESPACE/RELEASE` of the pod's mark; none where the mark names no release, as those of version
/// 0.1 did not.
#[must_use]
pub fn injecting_release(pod: &Value) -> Option<&str> {
    let mark = annotation(pod, INJECTED_BY)?;
    let (release, _version) = mark.split_once(' ')?;
    let (namespace, name) = release.split_once('/')?;
    (is_name(namespace) && is_name(name)).then_some(release)
}

/// Helm takes names of at most 53 characters for releases, Kubernetes of 63 for namespaces
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>);
/// every author can write a mark, and it is shown.
fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
}

/// Leaves a pod alone that has the sidecar of another release. Its mark alone, without a sidecar,
/// says nothing.
pub(super) fn check(pod: &Value, template: &Template) -> Result<(), Skip> {
    let theirs = pod::own(pod).and_then(|_| injecting_release(pod));
    match (template.release(), theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => Err(Skip::because(
            "other_release",
            format!(
                "release {theirs} of stsidecar gave the pod its sidecar, so {ours} leaves it \
                 alone: uninstall one of the two; of a copied manifest, remove {INJECTED_BY}"
            ),
        )),
        _ => Ok(()),
    }
}
