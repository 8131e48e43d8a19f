//! Who asks for the injection of a pod: the pod, the caller, or its namespace.
//!
//! Owns the order in which their words count, and which pods are left alone because none of them
//! asks. It looks at labels and at one annotation, at no setting. Called by `gather`.

use serde_json::Value;

use super::settings::{RawValue, boolean};
use crate::inject::decision::{Declined, Skip};
use crate::inject::pod::{annotation, metadata};
use crate::inject::{Request, keys};

/// The annotation of the pods that the kubelet shows for its static ones, which no webhook can
/// change:
/// <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-config-mirror>.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Who asked for a pod's injection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::inject) enum OptIn {
    /// The pod itself, or the caller: an obstacle is an error.
    Explicit,
    /// Only its namespace: an obstacle outside the pod's own words leaves it alone.
    Namespace,
}

impl OptIn {
    /// A namespace that declines counts before the pod's own word, which counts before the
    /// caller's.
    pub(super) fn of(request: &Request<'_>) -> Result<Self, Declined> {
        let pod = request.pod;
        let is_mirror = annotation(pod, MIRROR).is_some();
        let namespace = request
            .namespace_object
            .and_then(|object| metadata(object, "labels"))
            .and_then(|labels| labels.get(keys::INJECTION))
            .and_then(Value::as_str);
        let own = match (is_mirror, namespace) {
            (true, _) => return Err(Skip::silent("mirror").into()),
            (false, Some("disabled")) => return Err(Skip::silent("disabled").into()),
            _ => own_word(pod).map(|word| word.read(boolean)).transpose()?,
        };
        match (own, namespace) {
            (Some(true), _) => Ok(Self::Explicit),
            (Some(false), _) => Err(Skip::silent("disabled").into()),
            (None, _) if request.asked_by_caller => Ok(Self::Explicit),
            (None, Some("enabled")) => Ok(Self::Namespace),
            (None, _) => Err(Skip::silent("not_asked").into()),
        }
    }
}

/// What the pod says; its annotation counts before its label.
fn own_word(pod: &Value) -> Option<RawValue<'_>> {
    ["annotations", "labels"].into_iter().find_map(|kind| {
        let text = metadata(pod, kind)?.get(keys::INJECT)?.as_str()?;
        let origin = format!("{} {}", kind.trim_end_matches('s'), keys::INJECT);
        Some(RawValue::new(origin, text))
    })
}
