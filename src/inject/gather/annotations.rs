//! The annotations that can set something: those of a pod, of its ServiceAccount and of its
//! Namespace.
//!
//! Owns the order in which the three are asked, and refuses keys of ours that nothing reads there.
//! It never judges a value: `settings` does. Called by `gather`.

use serde_json::{Map, Value};

use super::OptIn;
use super::settings::RawValue;
use crate::inject::decision::{Declined, Skip};
use crate::inject::keys::{self, PREFIX, Place};
use crate::inject::pod::metadata;
use crate::inject::{Request, service_account_name};

type Texts<'a> = Option<&'a Map<String, Value>>;

/// Those of each object, none where there is none.
#[derive(Clone, Copy, Default)]
pub(in crate::inject) struct Annotations<'a> {
    pod: Texts<'a>,
    account: Texts<'a>,
    namespace: Texts<'a>,
    /// The names of the last two, for messages.
    pub(in crate::inject) account_name: &'a str,
    namespace_name: &'a str,
    /// What the caller gives to a pod without a role of its own.
    pub(in crate::inject) fallback_role: Option<&'a str>,
}

/// Reads them. A pod that only its namespace opted in, without a role and without a word of its
/// own, is left alone before the namespace's other annotations are judged.
pub(super) fn read<'a>(request: &Request<'a>, opt_in: OptIn) -> Result<Annotations<'a>, Declined> {
    let of = |object: Option<&'a Value>| object.and_then(|object| metadata(object, "annotations"));
    let annotations = Annotations {
        pod: of(Some(request.pod)),
        account: of(request.account),
        namespace: of(request.namespace_object),
        account_name: service_account_name(request.pod),
        namespace_name: request.namespace,
        fallback_role: request.fallback_role,
    };
    keys::check_annotations(Place::Pod, "", annotations.pod)?;
    keys::check_labels(metadata(request.pod, "labels"))?;
    let account = format!("ServiceAccount {}: ", annotations.account_name);
    keys::check_annotations(Place::Account, &account, annotations.account)?;
    let is_silent = !annotations.names_a_role() && !keys::speaks(annotations.pod);
    if opt_in == OptIn::Namespace && is_silent {
        return Err(Skip::silent("no_role").into());
    }
    let namespace = format!("Namespace {}: ", request.namespace);
    keys::check_annotations(Place::Namespace, &namespace, annotations.namespace)?;
    Ok(annotations)
}

impl<'a> Annotations<'a> {
    /// Of a pod that says nothing, with a role from its caller.
    pub(super) fn silent(fallback_role: Option<&'a str>) -> Self {
        Self {
            fallback_role,
            ..Self::default()
        }
    }

    /// A pod's own annotation.
    pub(super) fn pod(&self, name: &str) -> Option<RawValue<'a>> {
        let key = format!("{PREFIX}{name}");
        let text = self.pod?.get(&key)?.as_str()?;
        Some(RawValue::new(format!("annotation {key}"), text))
    }

    /// The first object that has the annotation: pod, ServiceAccount under both prefixes,
    /// Namespace.
    pub(super) fn any(&self, name: &str) -> Option<RawValue<'a>> {
        let key = format!("{PREFIX}{name}");
        self.pod(name)
            .or_else(|| self.of_account(&key))
            .or_else(|| self.of_account(&eks_key(name)?))
            .or_else(|| self.of_namespace(&key).filter(|_| name != "role-arn"))
    }

    fn of_account(&self, key: &str) -> Option<RawValue<'a>> {
        value(Place::Account, self.account_name, key, self.account)
    }

    fn of_namespace(&self, key: &str) -> Option<RawValue<'a>> {
        value(Place::Namespace, self.namespace_name, key, self.namespace)
    }

    /// Whether the pod, its ServiceAccount or the caller names a role, or where roles are.
    fn names_a_role(&self) -> bool {
        let own = ["container-roles", "role-chain", "config"];
        self.any("role-arn").is_some()
            || self.fallback_role.is_some()
            || own.iter().any(|name| self.pod(name).is_some())
    }
}

/// The annotations of EKS on a ServiceAccount that mean the same:
/// <https://github.com/aws/amazon-eks-pod-identity-webhook#eks-walkthrough>.
fn eks_key(name: &str) -> Option<String> {
    let has_one = matches!(name, "role-arn" | "audience" | "token-expiration");
    has_one.then(|| format!("eks.amazonaws.com/{name}"))
}

fn value<'a>(place: Place, name: &str, key: &str, map: Texts<'a>) -> Option<RawValue<'a>> {
    let text = map?.get(key)?.as_str()?;
    let origin = format!("{} {name}: annotation {key}", place.name());
    Some(RawValue::new(origin, text))
}
