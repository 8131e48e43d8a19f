//! The nodes that a pod may run on, as the scheduler reads them: `nodeSelector` and required node
//! affinity.
//!
//! Owns which nodes meet a term. It knows labels of architecture and system only: of any other
//! label it takes for granted that some node has it. Used by `decide` and `assemble`; the rules are
//! `RequiredNodeAffinity` of
//! <https://github.com/kubernetes/component-helpers/blob/master/scheduling/corev1/nodeaffinity/nodeaffinity.go>.

use serde_json::{Value, json};

use super::pod::{items, text};

const ARCH: [&str; 2] = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];
const OS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
/// An architecture that no pod names.
pub(super) const ANOTHER: &str = "another";

/// Where node affinity is, below `spec`; what it prefers decides nothing.
pub(super) const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
pub(super) const TERMS: &str = "nodeSelectorTerms";
pub(super) const EXPRESSIONS: &str = "matchExpressions";
pub(super) const FIELDS: &str = "matchFields";

/// The two labels of a node that matter here.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) arch: &'a str,
    pub(super) os: &'a str,
}

impl Node<'_> {
    fn label(&self, key: &str) -> Option<&str> {
        match key {
            key if ARCH.contains(&key) => Some(self.arch),
            key if OS.contains(&key) => Some(self.os),
            _ => None,
        }
    }

    /// Whether this node can meet one requirement of a term.
    fn meets(&self, requirement: &Value) -> bool {
        let Some(own) = self.label(text(requirement, "key").unwrap_or_default()) else {
            return true;
        };
        let listed = || items(requirement, "values").any(|value| value == own);
        match text(requirement, "operator") {
            Some("In") => listed(),
            Some("NotIn") => !listed(),
            // They compare whole numbers, which neither label is.
            Some("DoesNotExist" | "Gt" | "Lt") => false,
            _ => true,
        }
    }

    pub(super) fn takes(&self, spec: &Value, term: &Value) -> bool {
        let selector = spec.get("nodeSelector").and_then(Value::as_object);
        let selected = selector
            .into_iter()
            .flatten()
            .all(|(key, value)| self.label(key).is_none_or(|own| value == own));
        selected && items(term, EXPRESSIONS).all(|requirement| self.meets(requirement))
    }
}

/// The required terms, one of which must hold; none where nothing is required.
pub(super) fn terms(spec: &Value) -> Option<Vec<&Value>> {
    let required = spec.get("affinity")?.get("nodeAffinity")?.get(REQUIRED)?;
    let terms: Vec<&Value> = items(required, TERMS).collect();
    (!terms.is_empty()).then_some(terms)
}

/// A term without requirements matches no node, and would match some with one.
pub(super) fn is_empty(term: &Value) -> bool {
    [EXPRESSIONS, FIELDS]
        .into_iter()
        .all(|list| items(term, list).next().is_none())
}

/// Every architecture that the pod or the image names, and one that neither does.
pub(super) fn candidates<'a>(spec: &'a Value, built: &'a [String]) -> Vec<&'a str> {
    let is_arch =
        |requirement: &&Value| text(requirement, "key").is_some_and(|key| ARCH.contains(&key));
    let all = terms(spec)
        .into_iter()
        .flatten()
        .flat_map(|term| items(term, EXPRESSIONS))
        .filter(is_arch);
    let named = all
        .flat_map(|requirement| items(requirement, "values"))
        .filter_map(Value::as_str);
    let selector = ARCH
        .into_iter()
        .filter_map(|key| text(spec.get("nodeSelector")?, key));
    named
        .chain(selector)
        .chain(built.iter().map(String::as_str))
        .chain([ANOTHER])
        .collect()
}

/// What a term is given for the image's architectures.
pub(super) fn requirement(built: impl Into<Value>) -> Value {
    json!({ "key": ARCH[0], "operator": "In", "values": built.into() })
}
