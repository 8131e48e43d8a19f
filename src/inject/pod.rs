//! Reading a raw pod: its containers, their environment, mounts and ports, its metadata.
//!
//! Owns how each of them is found in a pod of which `gather` has checked the shape. It judges and
//! changes nothing. Called by every stage of `inject`.

use serde_json::{Map, Value};

use super::CONTAINER;

/// The two lists of containers that a pod is created with, in starting order; native sidecars are
/// among the first: <https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/>.
pub(super) const LISTS: [&str; 2] = ["initContainers", "containers"];

/// A container and where it is.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    pub(super) list: &'static str,
    pub(super) at: usize,
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

impl<'a> Container<'a> {
    pub(super) fn pointer(&self) -> String {
        format!("/spec/{}/{}", self.list, self.at)
    }

    /// The place of a variable in `env`; of several with one name the kubelet takes the last
    /// (`makeEnvironmentVariables` in
    /// <https://github.com/kubernetes/kubernetes/blob/release-1.34/pkg/kubelet/kubelet_pods.go>).
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let all = self.value.get("env")?.as_array()?;
        all.iter()
            .rposition(|variable| text(variable, "name") == Some(name))
    }

    pub(super) fn names(&self, name: &str) -> bool {
        self.position(name).is_some()
    }

    pub(super) fn variable(&self, name: &str) -> Option<&'a Value> {
        self.position(name).map(|at| &self.value["env"][at])
    }

    /// A variable's literal value, if it has one; without any source it is the empty text.
    pub(super) fn literal(&self, name: &str) -> Option<&'a str> {
        let variable = self.variable(name)?;
        match variable.get("value") {
            Some(Value::String(text)) => Some(text),
            _ => variable
                .get("valueFrom")
                .is_none_or(Value::is_null)
                .then_some(""),
        }
    }

    /// A literal value that the kubelet leaves as it is written: without references to other
    /// variables.
    /// <https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>
    pub(super) fn plain(&self, name: &str) -> Option<&'a str> {
        self.literal(name)
            .filter(|text| !text.contains("$(") && !text.contains("$$"))
    }

    /// Whether a variable stays unset when the key that it names is missing.
    pub(super) fn is_optional(&self, name: &str) -> bool {
        let from = self
            .variable(name)
            .and_then(|variable| variable.get("valueFrom"))
            .and_then(Value::as_object);
        from.is_some_and(|from| from.values().any(|reference| reference["optional"] == true))
    }

    /// Whether a variable is set to anything but the empty text, by which many unset one.
    pub(super) fn sets(&self, name: &str) -> bool {
        self.names(name) && self.literal(name) != Some("")
    }

    pub(super) fn mounts(&self) -> impl Iterator<Item = &'a Value> + use<'a> {
        items(self.value, "volumeMounts")
    }

    pub(super) fn is_native_sidecar(&self) -> bool {
        self.list == LISTS[0] && text(self.value, "restartPolicy") == Some("Always")
    }
}

/// The items of a list that may be absent.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key)?.as_str()
}

/// A map of texts below `metadata`.
pub(super) fn metadata<'a>(object: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    object.get("metadata")?.get(key)?.as_object()
}

pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    metadata(object, "annotations")?.get(key)?.as_str()
}

/// All containers in starting order, ours too.
pub(super) fn containers(pod: &Value) -> Vec<Container<'_>> {
    let spec = &pod["spec"];
    let of = |list: &'static str| {
        items(spec, list)
            .enumerate()
            .map(move |(at, value)| Container {
                list,
                at,
                name: text(value, "name").unwrap_or_default(),
                value,
            })
    };
    LISTS.into_iter().flat_map(of).collect()
}

/// The init container under our name; `decide::reserved` says whether it is ours.
pub(super) fn own(pod: &Value) -> Option<Container<'_>> {
    containers(pod)
        .into_iter()
        .find(|container| container.list == LISTS[0] && container.name == CONTAINER)
}

/// All containers but ours.
pub(super) fn others(pod: &Value) -> impl Iterator<Item = Container<'_>> {
    containers(pod)
        .into_iter()
        .filter(|container| container.name != CONTAINER)
}
