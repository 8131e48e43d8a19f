//! JSON patches (<https://www.rfc-editor.org/rfc/rfc6902>) on a raw pod, smallest first: only what
//! is added or changed is named.
//!
//! Owns the working copy that later operations are aimed at, and the spelling of JSON pointers. It
//! never decides what to change: its callers in `inject` do. A typed pod would drop the fields it
//! does not know.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One operation, in the shape of a JSON patch.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Sets a member, or inserts into a list.
    Add {
        /// A JSON pointer; `-` as its last part appends.
        path: String,
        /// What is added.
        value: Value,
    },
    /// Changes what is there.
    Replace {
        /// A JSON pointer.
        path: String,
        /// What is there afterwards.
        value: Value,
    },
    /// Takes something away.
    Remove {
        /// A JSON pointer.
        path: String,
    },
}

impl Operation {
    /// Where it acts.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => path,
        }
    }
}

/// Values can hold a legacy client's token, so only the place is printed.
impl fmt::Debug for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = match self {
            Self::Add { .. } => "add",
            Self::Replace { .. } => "replace",
            Self::Remove { .. } => "remove",
        };
        write!(formatter, "{op} {}", self.path())
    }
}

/// A key as a part of a JSON pointer (<https://www.rfc-editor.org/rfc/rfc6901#section-3>).
pub(crate) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// The parts of a JSON pointer, unescaped.
pub(crate) fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .skip(1)
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// A pod on its way to being injected, with the operations so far.
#[derive(Clone)]
pub(super) struct Draft {
    pod: Value,
    operations: Vec<Operation>,
}

impl Draft {
    pub(super) fn of(pod: &Value) -> Self {
        Self {
            pod: pod.clone(),
            operations: Vec::new(),
        }
    }

    pub(super) fn pod(&self) -> &Value {
        &self.pod
    }

    pub(super) fn into_operations(self) -> Vec<Operation> {
        self.operations
    }

    pub(super) fn is_untouched(&self) -> bool {
        self.operations.is_empty()
    }

    /// The items of a list, none where there is no list.
    pub(super) fn list(&self, path: &str) -> impl Iterator<Item = &Value> {
        let list = self.pod.pointer(path).and_then(Value::as_array);
        list.into_iter().flatten()
    }

    /// Sets a member, inserts before an index, or appends with `-`.
    pub(super) fn add(&mut self, path: String, value: Value) {
        let (parent, part) = path.rsplit_once('/').expect("a pointer has a slash");
        match self.pod.pointer_mut(parent) {
            Some(Value::Array(items)) => {
                let at = part.parse().unwrap_or(items.len()).min(items.len());
                items.insert(at, value.clone());
            }
            Some(Value::Object(map)) => {
                map.insert(parts(&path).pop().unwrap_or_default(), value.clone());
            }
            _ => unreachable_parent(parent),
        }
        self.operations.push(Operation::Add { path, value });
    }

    pub(super) fn replace(&mut self, path: String, value: Value) {
        *self
            .pod
            .pointer_mut(&path)
            .expect("only what was found is replaced") = value.clone();
        self.operations.push(Operation::Replace { path, value });
    }

    /// Takes a list's item out.
    pub(super) fn take(&mut self, list: &str, at: usize) -> Value {
        let items = self
            .pod
            .pointer_mut(list)
            .and_then(Value::as_array_mut)
            .expect("only a list's item is taken");
        let item = items.remove(at);
        self.operations.push(Operation::Remove {
            path: format!("{list}/{at}"),
        });
        item
    }

    /// Takes out every item of a list that `is_stale`, the last first so that the places of the
    /// others stay right.
    pub(super) fn take_all(&mut self, list: &str, is_stale: impl Fn(&Value) -> bool) {
        let all = self.list(list).enumerate();
        let stale: Vec<usize> = all
            .filter(|(_, item)| is_stale(item))
            .map(|(at, _)| at)
            .collect();
        for at in stale.into_iter().rev() {
            self.take(list, at);
        }
    }

    /// Takes a map's member out.
    pub(super) fn remove(&mut self, path: &str) {
        let (parent, _) = path.rsplit_once('/').expect("a pointer has a slash");
        let map = self
            .pod
            .pointer_mut(parent)
            .and_then(Value::as_object_mut)
            .expect("only a map's member is removed");
        map.remove(&parts(path).pop().unwrap_or_default());
        self.operations.push(Operation::Remove {
            path: path.to_owned(),
        });
    }

    /// Appends to a list that may be absent or null.
    pub(super) fn append(&mut self, list: &str, value: Value) {
        self.ensure(list, || Value::Array(Vec::new()));
        self.add(format!("{list}/-"), value);
    }

    /// Sets a key of a map that may be absent or null, unless it has this value already.
    pub(super) fn set(&mut self, map: &str, key: &str, value: &str) {
        self.ensure(map, || Value::Object(serde_json::Map::new()));
        let path = format!("{map}/{}", escaped(key));
        match self.pod.pointer(&path) {
            Some(Value::String(own)) if own == value => {}
            Some(_) => self.replace(path, value.into()),
            None => self.add(path, value.into()),
        }
    }

    pub(super) fn ensure(&mut self, path: &str, empty: fn() -> Value) {
        if self.pod.pointer(path).is_none_or(Value::is_null) {
            self.add(path.to_owned(), empty());
        }
    }
}

fn unreachable_parent(parent: &str) -> ! {
    panic!("nothing can be added to {parent}: the pod's shape was checked before")
}
