//! The nodes that a pod may run on, as the scheduler reads them: `nodeSelector` and required node affinity.
//!
//! Owns which pods could never run beside this image, and the affinity that keeps the others on nodes of its
//! architectures. It knows labels of architecture and system only: of any other label it takes for granted that some
//! node has it. Called by `inject`; the rules are `RequiredNodeAffinity` of
//! <https://github.com/kubernetes/component-helpers/blob/master/scheduling/corev1/nodeaffinity/nodeaffinity.go>.

use serde_json::{Value, json};

use super::patch::Draft;
use super::pod::{items, text};
use super::template::Template;
use super::{Denial, Reason};

const ARCH: [&str; 2] = ["kubernetes.io/arch", "beta.kubernetes.io/arch"];
const OS: [&str; 2] = ["kubernetes.io/os", "beta.kubernetes.io/os"];
/// All that the image is ever built for: with all of them no pod needs an affinity.
const BUILDABLE: [&str; 2] = ["amd64", "arm64"];
/// An architecture that no pod names.
const ANOTHER: &str = "another";
const DECLINE: &str = "let it run there, or set stsidecar.dev/inject: \"false\"";

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const TERMS: &str = "nodeSelectorTerms";
const EXPRESSIONS: &str = "matchExpressions";

/// The two labels of a node that matter here.
#[derive(Clone, Copy)]
struct Node<'a> {
    arch: &'a str,
    os: &'a str,
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

    fn takes(&self, spec: &Value, term: &Value) -> bool {
        let selector = spec.get("nodeSelector").and_then(Value::as_object);
        let selected = selector
            .into_iter()
            .flatten()
            .all(|(key, value)| self.label(key).is_none_or(|own| value == own));
        selected && items(term, EXPRESSIONS).all(|requirement| self.meets(requirement))
    }
}

/// The required terms, one of which must hold; none where nothing is required.
fn terms(spec: &Value) -> Option<Vec<&Value>> {
    let required = spec.get("affinity")?.get("nodeAffinity")?.get(REQUIRED)?;
    let terms: Vec<&Value> = items(required, TERMS).collect();
    (!terms.is_empty()).then_some(terms)
}

/// A term without requirements matches no node, and would match some with one.
fn is_empty(term: &Value) -> bool {
    [EXPRESSIONS, "matchFields"]
        .into_iter()
        .all(|list| items(term, list).next().is_none())
}

/// Every architecture that the pod or the image names, and one that neither does.
fn candidates<'a>(spec: &'a Value, built: &'a [String]) -> Vec<&'a str> {
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

/// Refuses a pod that could run on no node that the image runs on.
pub(super) fn check(spec: &Value, template: &Template) -> Result<(), Denial> {
    let refuse = |message: String| Err(Denial::new(Reason::Platform, message));
    let built = &template.injector.agent_architectures;
    let nothing = Value::Null;
    let terms = terms(spec).unwrap_or_else(|| vec![&nothing]);
    let unsatisfiable = |term: &&Value| !term.is_null() && is_empty(term);
    if terms.iter().all(unsatisfiable) {
        return Ok(());
    }
    let possible = |arch: &str, os: &str| {
        terms
            .iter()
            .any(|term| !unsatisfiable(term) && Node { arch, os }.takes(spec, term))
    };
    let all = candidates(spec, built);
    let on = |os: &str| all.iter().any(|arch| possible(arch, os));
    let os = spec.get("os").and_then(|os| text(os, "name"));
    if os == Some("windows") || !on("linux") && on("windows") {
        return refuse(format!(
            "the pod is for Windows nodes, by spec.os, nodeSelector or node affinity, and stsidecar is for Linux: {DECLINE}"
        ));
    }
    if built.is_empty() || built.iter().any(|arch| possible(arch, "linux")) {
        return Ok(());
    }
    let asked: Vec<&str> = all
        .into_iter()
        .filter(|arch| *arch != ANOTHER && possible(arch, "linux"))
        .collect();
    let asked = if asked.is_empty() {
        "another architecture".to_owned()
    } else {
        asked.join(", ")
    };
    refuse(format!(
        "the pod's nodeSelector or node affinity asks for {asked}, and the sidecar's image is built for {} \
         (injector.agentArchitectures): {DECLINE}",
        built.join(", ")
    ))
}

/// What a term is given for the image's architectures.
fn requirement(built: impl Into<Value>) -> Value {
    json!({ "key": ARCH[0], "operator": "In", "values": built.into() })
}

/// Keeps the pod on nodes of the image's architectures; whether that took a change. A pod that is bound to a node already stays as it is: the
/// kubelet would refuse it for an affinity that does not hold there.
pub(super) fn narrow(draft: &mut Draft, template: &Template) -> bool {
    let built = &template.injector.agent_architectures;
    let spec = &draft.pod()["spec"];
    let is_bound = text(spec, "nodeName").is_some_and(|name| !name.is_empty());
    if built.is_empty()
        || is_bound
        || BUILDABLE
            .iter()
            .all(|arch| built.iter().any(|own| own == arch))
    {
        return false;
    }
    let others: Vec<String> = candidates(spec, built)
        .into_iter()
        .map(str::to_owned)
        .collect();
    let strays = |term: &Value| {
        let strange = others.iter().filter(|arch| !built.contains(arch));
        strange.into_iter().any(|arch| {
            ["linux", "windows"]
                .iter()
                .any(|os| Node { arch, os }.takes(spec, term))
        })
    };
    let wanted = requirement(built.clone());
    let required = format!("/spec/affinity/nodeAffinity/{REQUIRED}");
    match terms(spec) {
        None if strays(&Value::Null) => {
            for path in [
                "/spec/affinity",
                "/spec/affinity/nodeAffinity",
                required.as_str(),
            ] {
                draft.ensure(path, || json!({}));
            }
            draft.append(
                &format!("{required}/{TERMS}"),
                json!({ EXPRESSIONS: [wanted] }),
            );
            true
        }
        None => false,
        Some(terms) => {
            let wide = terms
                .into_iter()
                .enumerate()
                .filter(|(_, term)| !is_empty(term) && strays(term));
            let wide: Vec<usize> = wide.map(|(at, _)| at).collect();
            for at in &wide {
                draft.append(
                    &format!("{required}/{TERMS}/{at}/{EXPRESSIONS}"),
                    wanted.clone(),
                );
            }
            !wide.is_empty()
        }
    }
}

/// Takes back what [`narrow`] wrote for the architectures `built`: its requirements, and what is empty without them.
pub(super) fn widen(draft: &mut Draft, built: &Value) {
    let ours = requirement(built.clone());
    let required = format!("/spec/affinity/nodeAffinity/{REQUIRED}");
    let place = |term: &Value| {
        items(term, EXPRESSIONS)
            .collect::<Vec<_>>()
            .iter()
            .rposition(|own| **own == ours)
    };
    let places: Vec<Option<usize>> = terms(&draft.pod()["spec"])
        .into_iter()
        .flatten()
        .map(place)
        .collect();
    for (at, place) in places.into_iter().enumerate().rev() {
        let Some(place) = place else { continue };
        let term = format!("{required}/{TERMS}/{at}");
        let expressions = format!("{term}/{EXPRESSIONS}");
        draft.take(&expressions, place);
        if draft.pod().pointer(&term).is_some_and(is_empty) {
            draft.take(&format!("{required}/{TERMS}"), at);
        } else if draft.pod().pointer(&expressions) == Some(&json!([])) {
            draft.remove(&expressions);
        }
    }
    // The API server refuses a list without terms.
    if draft.pod().pointer(&required).is_some() && terms(&draft.pod()["spec"]).is_none() {
        draft.remove(&required);
        for path in ["/spec/affinity/nodeAffinity", "/spec/affinity"] {
            if draft.pod().pointer(path) == Some(&json!({})) {
                draft.remove(path);
            }
        }
    }
}

/// All from `spec` to a requirement must have the API's shape, so that it can be read and added to.
pub(super) fn check_shape(spec: &Value) -> Result<(), Denial> {
    let wrong = |path: &str, what: &str| {
        Err(Denial::new(
            Reason::Malformed,
            format!("not a pod: spec.{path} must be a {what}"),
        ))
    };
    let is_list = |value: Option<&Value>| match value {
        None | Some(Value::Null) => true,
        Some(list) => list
            .as_array()
            .is_some_and(|list| list.iter().all(Value::is_object)),
    };
    let (mut path, mut at) = (String::new(), spec);
    for key in ["affinity", "nodeAffinity", REQUIRED] {
        path = if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        };
        at = match at.get(key) {
            None | Some(Value::Null) => return Ok(()),
            Some(map) if map.is_object() => map,
            Some(_) => return wrong(&path, "map"),
        };
    }
    if !is_list(at.get(TERMS)) {
        return wrong(&format!("{path}.{TERMS}"), "list of maps");
    }
    for (number, term) in items(at, TERMS).enumerate() {
        if let Some(list) = [EXPRESSIONS, "matchFields"]
            .into_iter()
            .find(|list| !is_list(term.get(list)))
        {
            return wrong(&format!("{path}.{TERMS}[{number}].{list}"), "list of maps");
        }
    }
    Ok(())
}
