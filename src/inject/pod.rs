//! Reading a raw pod: its containers, their environment, mounts and ports, whatever else stands in it.
//!
//! Owns the check of the shape that everything else in `inject` relies on, and which containers get
//! credentials. It changes nothing.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::nodes;
use super::settings::Settings;
use super::template::Template;
use super::{CONTAINER, Denial, Reason};
use crate::assume::ProfileName;

/// The two lists of containers that a pod is created with, in starting order.
pub(super) const LISTS: [&str; 2] = ["initContainers", "containers"];

/// A container and where it stands.
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

    /// The place of a variable in `env`; of several with one name Kubernetes takes the last.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        let all = self.value.get("env")?.as_array()?;
        all.iter()
            .rposition(|variable| text(variable, "name") == Some(name))
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

    /// A literal value that the kubelet leaves as it is written: without references to other variables.
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
        self.variable(name).is_some() && self.literal(name) != Some("")
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

/// Ours, whoever wrote it.
pub(super) fn own(pod: &Value) -> Option<Container<'_>> {
    containers(pod)
        .into_iter()
        .find(|container| container.list == LISTS[0] && container.name == CONTAINER)
}

/// Refuses what the API server would never send and a file easily holds: maps for lists, missing names.
pub(super) fn check_shape(pod: &Value) -> Result<(), Denial> {
    let wrong = |what: &str| Err(Denial::new(Reason::Malformed, format!("not a pod: {what}")));
    if !pod
        .get("metadata")
        .is_none_or(|value| value.is_object() || value.is_null())
    {
        return wrong("metadata must be a map");
    }
    for key in ["annotations", "labels"] {
        let map = pod
            .get("metadata")
            .and_then(|metadata| metadata.get(key))
            .filter(|value| !value.is_null());
        if map.is_some_and(|map| {
            map.as_object()
                .is_none_or(|map| !map.values().all(Value::is_string))
        }) {
            return wrong(&format!(
                "metadata.{key} must be a map of texts (numbers and true need quotes)"
            ));
        }
    }
    let Some(spec) = pod.get("spec").filter(|spec| spec.is_object()) else {
        return wrong("spec must be a map");
    };
    let is_list = |value: &Value, key: &str| {
        let list = value.get(key).filter(|list| !list.is_null());
        list.is_none_or(|list| {
            list.as_array()
                .is_some_and(|list| list.iter().all(Value::is_object))
        })
    };
    for list in [
        "containers",
        "initContainers",
        "volumes",
        "imagePullSecrets",
    ] {
        if !is_list(spec, list) {
            return wrong(&format!("spec.{list} must be a list of maps"));
        }
    }
    check_maps(spec, "spec", &["nodeSelector"])?;
    nodes::check_shape(spec)?;
    let mut names = BTreeSet::new();
    for Container {
        list,
        at,
        name,
        value,
    } in containers(pod)
    {
        // Each is the name of a client and of a directory.
        if ProfileName::parse(name).is_err() || !names.insert(name) {
            return wrong(&format!(
                "spec.{list}[{at}] needs a name of its own, of lower-case letters, digits and dashes"
            ));
        }
        for key in ["env", "envFrom", "volumeMounts", "ports"] {
            if !is_list(value, key) {
                return wrong(&format!("spec.{list}[{at}].{key} must be a list of maps"));
            }
        }
        check_maps(value, &format!("spec.{list}[{at}]"), &[])?;
    }
    if items(spec, "containers").next().is_none() {
        wrong("spec.containers is empty")
    } else {
        Ok(())
    }
}

/// Refuses resources that are no maps of maps, which are read and added to, and whatever else must be a map.
fn check_maps(value: &Value, path: &str, keys: &[&str]) -> Result<(), Denial> {
    let is_map = |value: &Value, key: &str| {
        value
            .get(key)
            .is_none_or(|map| map.is_object() || map.is_null())
    };
    let resources = value.get("resources").unwrap_or(&Value::Null);
    let of = |key: &&str| (!is_map(value, key)).then(|| (*key).to_owned());
    let within = |key: &&str| (!is_map(resources, key)).then(|| format!("resources.{key}"));
    let wrong = ["resources"]
        .iter()
        .chain(keys)
        .find_map(of)
        .or_else(|| ["requests", "limits"].iter().find_map(within));
    let denial = |key| {
        Denial::new(
            Reason::Malformed,
            format!("not a pod: {path}.{key} must be a map"),
        )
    };
    wrong.map_or(Ok(()), |key| Err(denial(key)))
}

/// Which containers get credentials, by name, and which do not.
pub(super) struct Choice {
    pub(super) chosen: Vec<String>,
    pub(super) skipped: Vec<String>,
}

impl Choice {
    pub(super) fn of(
        pod: &Value,
        settings: &Settings,
        template: &Template,
    ) -> Result<Self, Denial> {
        let all = containers(pod);
        let names: Vec<&str> = all
            .iter()
            .map(|container| container.name)
            .filter(|name| *name != CONTAINER)
            .collect();
        let listed = settings
            .containers
            .as_deref()
            .map(|names| ("containers", names));
        let roles: Vec<String> = settings
            .container_roles
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        let lists = [
            Some(("skip-containers", settings.skip_containers.as_slice())),
            listed,
            Some(("container-roles", &roles)),
        ];
        for (key, wanted) in lists.into_iter().flatten() {
            if let Some(name) = wanted.iter().find(|name| !names.contains(&name.as_str())) {
                let allowed = format!("the pod has no such container; it has {}", names.join(", "));
                return Err(Denial::value(
                    &format!("annotation stsidecar.dev/{key}"),
                    name,
                    allowed,
                ));
            }
        }
        let is_in = |names: &[String], name: &str| names.iter().any(|own| own == name);
        let skipped = [
            &settings.skip_containers,
            &template.injector.skipped_containers,
        ];
        let is_chosen = |name: &str| match &settings.containers {
            Some(wanted) => is_in(wanted, name),
            None => !skipped.iter().any(|names| is_in(names, name)),
        };
        let (chosen, skipped): (Vec<&str>, Vec<&str>) =
            names.iter().partition(|name| is_chosen(name));
        if chosen.is_empty() {
            let message = format!(
                "no container is left to be given credentials; the pod has {}",
                names.join(", ")
            );
            return Err(Denial::new(Reason::Containers, message));
        }
        if let Some(name) = roles.iter().find(|name| !chosen.contains(&name.as_str())) {
            let allowed = format!(
                "this container is skipped; those that get credentials are {}",
                chosen.join(", ")
            );
            return Err(Denial::value(
                "annotation stsidecar.dev/container-roles",
                name,
                allowed,
            ));
        }
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        Ok(Self {
            chosen: owned(chosen),
            skipped: owned(skipped),
        })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.chosen.iter().any(|own| own == name)
    }
}
