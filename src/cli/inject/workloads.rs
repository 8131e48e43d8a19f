//! What of a stream creates pods, and what stands around them: ServiceAccounts and Namespaces, also in Lists.
//!
//! Owns the table of kinds with where each has its pod. A kind that it does not know is left alone: a
//! foreign `Job` has another shape.

use std::collections::BTreeMap;

use serde_json::Value;

use super::tree::Tree;

/// One pod to be, inside a document.
pub(super) struct Workload {
    /// Kind, namespace and name, for messages.
    pub(super) name: String,
    pub(super) namespace: String,
    /// Where the pod stands in the document.
    pub(super) pointer: String,
    /// The pod, or the template of one.
    pub(super) pod: Value,
}

/// API group, kind and the place of the pod.
const KINDS: [(&str, &str, &str); 10] = [
    ("", "Pod", ""),
    ("", "PodTemplate", "/template"),
    ("", "ReplicationController", "/spec/template"),
    ("apps", "Deployment", "/spec/template"),
    ("apps", "StatefulSet", "/spec/template"),
    ("apps", "DaemonSet", "/spec/template"),
    ("apps", "ReplicaSet", "/spec/template"),
    ("batch", "Job", "/spec/template"),
    ("batch", "CronJob", "/spec/jobTemplate/spec/template"),
    ("extensions", "Deployment", "/spec/template"),
];

fn kind(object: &Tree) -> Option<(&str, &str)> {
    let version = object.text("apiVersion").unwrap_or("v1");
    Some((version.split_once('/').map_or("", |(group, _)| group), object.text("kind")?))
}

fn at<'a>(tree: &'a Tree, pointer: &str) -> Option<&'a Tree> {
    pointer.split('/').skip(1).try_fold(tree, |tree, key| tree.get(key))
}

/// The objects of a document with their places: itself, or a List's items.
fn objects(document: &Tree) -> Vec<(String, &Tree)> {
    let is_list = matches!(kind(document), Some(("" | "apps" | "batch", kind)) if kind.ends_with("List"));
    match document.get("items") {
        Some(Tree::List(items)) if is_list => {
            items.iter().enumerate().map(|(at, item)| (format!("/items/{at}"), item)).collect()
        }
        _ => vec![(String::new(), document)],
    }
}

fn named<'a>(object: &'a Tree, key: &str) -> Option<&'a str> {
    object.get("metadata")?.text(key).filter(|text| !text.is_empty())
}

/// The pods of a document; `namespace` is that of objects which name none.
pub(super) fn of(document: &Tree, namespace: &str) -> Vec<Workload> {
    let workload = |(place, object): (String, &Tree)| {
        let (group, own) = kind(object)?;
        let (.., path) = KINDS.into_iter().find(|(known, kind, _)| (*known, *kind) == (group, own))?;
        let pod = at(object, path).map_or(Value::Null, Tree::to_value);
        let namespace = named(object, "namespace").unwrap_or(namespace).to_owned();
        let name = named(object, "name").or_else(|| named(object, "generateName")).unwrap_or("without a name");
        let name = format!("{own} {namespace}/{name}");
        Some(Workload { name, namespace, pointer: format!("{place}{path}"), pod })
    };
    objects(document).into_iter().filter_map(workload).collect()
}

/// The ServiceAccounts and Namespaces of a stream.
pub(super) struct Surroundings {
    accounts: BTreeMap<(String, String), Value>,
    namespaces: BTreeMap<String, Value>,
}

impl Surroundings {
    pub(super) fn of<'a>(documents: impl Iterator<Item = &'a Tree>, namespace: &str) -> Self {
        let mut found = Self { accounts: BTreeMap::new(), namespaces: BTreeMap::new() };
        for (_, object) in documents.flat_map(objects) {
            let Some(name) = named(object, "name") else { continue };
            match kind(object) {
                Some(("", "ServiceAccount")) => {
                    let namespace = named(object, "namespace").unwrap_or(namespace);
                    found.accounts.insert((namespace.to_owned(), name.to_owned()), object.to_value());
                }
                Some(("", "Namespace")) => drop(found.namespaces.insert(name.to_owned(), object.to_value())),
                _ => {}
            }
        }
        found
    }

    pub(super) fn account(&self, namespace: &str, name: &str) -> Option<&Value> {
        self.accounts.get(&(namespace.to_owned(), name.to_owned()))
    }

    pub(super) fn namespace(&self, name: &str) -> Option<&Value> {
        self.namespaces.get(name)
    }
}
