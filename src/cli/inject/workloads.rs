//! What of a stream creates pods, and the ServiceAccounts and Namespaces that they refer to, also
//! in Lists.
//!
//! Owns how objects and pods are found in a document; `kinds` knows which kinds contain pods, and
//! where. A kind that it does not know is left alone: a foreign `Job` has another shape.

use std::collections::BTreeMap;

use serde_json::Value;

use super::kinds::{self, Kinds};
use super::yaml::{self, text};

/// One pod to be, inside a document.
pub(super) struct Workload {
    /// Kind, namespace and name, for messages.
    pub(super) name: String,
    pub(super) namespace: String,
    /// The pod's JSON pointer in the document.
    pub(super) pointer: String,
    /// The pod, or the template of one.
    pub(super) pod: Value,
}

/// One object of a document.
pub(super) struct Object<'a> {
    pub(super) group: &'a str,
    /// Empty when it has none.
    pub(super) kind: &'a str,
    pub(super) value: &'a Value,
    /// Its place in the document.
    pub(super) place: String,
}

/// The objects of a document: itself, or what it holds, in turn.
pub(super) fn objects(document: &Value) -> Vec<Object<'_>> {
    let mut found = Vec::new();
    collect(document, String::new(), ("", ""), &mut found);
    found
}

/// `of` is what an object is that does not say so: the API server leaves both out of a list's
/// items.
fn collect<'a>(
    value: &'a Value,
    place: String,
    of: (&'a str, &'a str),
    found: &mut Vec<Object<'a>>,
) {
    let (group, kind) = match text(value, "kind") {
        Some(kind) => (group(value).unwrap_or_default(), kind),
        None => of,
    };
    let items = kinds::items(group, kind).and_then(|path| Some((path, value.pointer(path)?)));
    let Some((path, Value::Array(items))) = items else {
        return found.push(Object {
            group,
            kind,
            value,
            place,
        });
    };
    let of = (group, kind.strip_suffix("List").unwrap_or_default());
    for (at, item) in items.iter().enumerate() {
        collect(item, format!("{place}{path}/{at}"), of, found);
    }
}

fn group(value: &Value) -> Option<&str> {
    Some(text(value, "apiVersion")?.split_once('/')?.0)
}

impl Object<'_> {
    /// Kind, namespace and name.
    pub(super) fn name(&self, namespace: &str) -> String {
        let name = named(self.value, "name").or_else(|| named(self.value, "generateName"));
        format!(
            "{} {}/{}",
            self.kind,
            self.namespace(namespace),
            name.unwrap_or("without a name")
        )
    }

    fn namespace<'n>(&'n self, namespace: &'n str) -> &'n str {
        named(self.value, "namespace").unwrap_or(namespace)
    }

    /// Its pods; `namespace` is that of objects which name none.
    pub(super) fn workloads(&self, kinds: &Kinds<'_>, namespace: &str) -> Vec<Workload> {
        let places = kinds.places(self.group, self.kind);
        let mut pods: Vec<(String, Value)> = places
            .iter()
            .flat_map(|path| yaml::every(self.value, path))
            .map(|(at, pod)| (at, pod.clone()))
            .collect();
        if kinds::needs_a_template(self.group) {
            // Refused as what it is.
            pods.extend(
                places
                    .first()
                    .filter(|_| pods.is_empty())
                    .map(|path| ((*path).to_owned(), Value::Null)),
            );
        } else {
            pods.retain(|(_, pod)| {
                pod["spec"]["containers"]
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
            });
        }
        let is_one_of_many = pods.len() > 1;
        let workload = |(at, pod): (String, Value)| {
            let name = self.name(namespace);
            Workload {
                name: if is_one_of_many {
                    format!("{name} ({at})")
                } else {
                    name
                },
                namespace: self.namespace(namespace).to_owned(),
                pointer: format!("{}{at}", self.place),
                pod,
            }
        };
        pods.into_iter().map(workload).collect()
    }
}

fn named<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    text(object.get("metadata")?, key).filter(|text| !text.is_empty())
}

/// The ServiceAccounts and Namespaces of a stream.
pub(super) struct RelatedObjects {
    accounts: BTreeMap<(String, String), Value>,
    namespaces: BTreeMap<String, Value>,
}

impl RelatedObjects {
    pub(super) fn of<'a>(documents: impl Iterator<Item = &'a Value>, namespace: &str) -> Self {
        let mut found = Self {
            accounts: BTreeMap::new(),
            namespaces: BTreeMap::new(),
        };
        for object in documents.flat_map(objects) {
            let Some(name) = named(object.value, "name") else {
                continue;
            };
            match (object.group, object.kind) {
                ("", "ServiceAccount") => {
                    let key = (object.namespace(namespace).to_owned(), name.to_owned());
                    found.accounts.insert(key, object.value.clone());
                }
                ("", "Namespace") => drop(
                    found
                        .namespaces
                        .insert(name.to_owned(), object.value.clone()),
                ),
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
