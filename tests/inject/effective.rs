//! The environment that a container really has: what the kubelet makes of `envFrom`, `env`,
//! duplicates, empty values and `$(NAME)`. It is written from the kubelet and shares nothing with
//! the program.
//!
//! `makeEnvironmentVariables` in
//! <https://github.com/kubernetes/kubernetes/blob/release-1.34/pkg/kubelet/kubelet_pods.go>, and
//! <https://github.com/kubernetes/kubernetes/blob/release-1.34/third_party/forked/golang/expansion/expand.go>.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use Referred::{Known, Missing};

pub(crate) type Environment = BTreeMap<String, String>;

/// What `ConfigMaps` and Secrets hold.
pub(crate) trait ReferencedObjects {
    /// All keys of the object `name` of this kind, `configMap` or `secret`, as an `envFrom` of this
    /// prefix reads them.
    fn all(&self, kind: &str, name: &str, prefix: &str) -> Vec<(String, String)>;
    /// One key; none when it is missing.
    fn one(&self, kind: &str, name: &str, key: &str, optional: bool) -> Option<String>;
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// None when the kubelet would not start the container.
pub(crate) fn environment(
    container: &Value,
    objects: &dyn ReferencedObjects,
) -> Option<Environment> {
    let mut all = Environment::new();
    for source in list(container, "envFrom") {
        for kind in ["configMap", "secret"] {
            let object = &source[format!("{kind}Ref")];
            if object.is_object() {
                let prefix = text(source, "prefix");
                all.extend(
                    objects
                        .all(kind, text(object, "name"), prefix)
                        .into_iter()
                        .map(|(key, value)| (format!("{prefix}{key}"), value)),
                );
            }
        }
    }
    for variable in list(container, "env") {
        let (name, literal) = (text(variable, "name").to_owned(), text(variable, "value"));
        let value = if literal.is_empty() {
            referred(&variable["valueFrom"], objects)
        } else {
            Known(expanded(literal, &all))
        };
        match value {
            Known(value) => drop(all.insert(name, value)),
            Missing { optional: true } => {}
            Missing { optional: false } => return None,
        }
    }
    Some(all)
}

/// What a variable's source says.
enum Referred {
    Known(String),
    /// A key that is optional and missing leaves what was there before; one that is not lets
    /// nothing start.
    Missing {
        optional: bool,
    },
}

fn referred(from: &Value, objects: &dyn ReferencedObjects) -> Referred {
    for kind in ["configMap", "secret"] {
        let reference = &from[format!("{kind}KeyRef")];
        if reference.is_object() {
            let optional = reference["optional"] == true;
            let value = objects.one(
                kind,
                text(reference, "name"),
                text(reference, "key"),
                optional,
            );
            return value.map_or(Missing { optional }, Known);
        }
    }
    let field = &from["fieldRef"];
    Known(if field.is_object() {
        format!("<{}>", text(field, "fieldPath"))
    } else {
        String::new()
    })
}

fn expanded(text: &str, known: &Environment) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result += &rest[..at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            result.push('$');
            rest = after;
        } else if let (Some(inner), Some(end)) = (rest.strip_prefix('('), rest.find(')')) {
            let name = &inner[..end - 1];
            match known.get(name) {
                Some(value) => result += value,
                None => write!(result, "$({name})").expect("a String takes every text"),
            }
            rest = &rest[end + 1..];
        } else {
            result.push('$');
        }
    }
    result + rest
}

/// Objects whose values name where they come from, for reading.
struct Placeholders;

impl ReferencedObjects for Placeholders {
    fn all(&self, kind: &str, name: &str, prefix: &str) -> Vec<(String, String)> {
        let all = if prefix.is_empty() {
            "all"
        } else {
            "all with this prefix"
        };
        vec![(format!("* <{kind} {name}>"), all.to_owned())]
    }

    fn one(&self, kind: &str, name: &str, key: &str, _: bool) -> Option<String> {
        Some(format!("<{kind} {name}: {key}>"))
    }
}

/// The environment of every container but the sidecar, a variable a line.
pub(crate) fn printed(pod: &Value) -> String {
    let mut lines = String::new();
    for container in ["initContainers", "containers"]
        .iter()
        .flat_map(|key| list(&pod["spec"], key))
    {
        if container["name"] != "stsidecar" {
            writeln!(lines, "  {}:", text(container, "name")).expect("a String takes every text");
            for (name, value) in environment(container, &Placeholders).unwrap_or_default() {
                writeln!(lines, "    {name}={value}").expect("a String takes every text");
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kubelets_order_references_and_gaps() {
        let container = json!({
            "envFrom": [{ "prefix": "P_", "configMapRef": { "name": "m" } }, { "secretRef": { "name": "s" } }],
            "env": [
                { "name": "A", "value": "$(B) $$(C) $(P_* <configMap m>) $x $(" }, { "name": "B", "value": "1" },
                { "name": "C", "value": "$(B)$(B)" }, { "name": "B" }, { "name": "D", "value": "$(B)|" },
                { "name": "E", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
            ],
        });
        let all = environment(&container, &Placeholders).expect("it starts");
        let expected = [
            ("* <secret s>", "all"),
            ("A", "$(B) $(C) all with this prefix $x $("),
            ("B", ""),
            ("C", "11"),
            ("D", "|"),
            ("E", "<secret s: k>"),
            ("P_* <configMap m>", "all with this prefix"),
        ];
        assert_eq!(
            all.iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect::<Vec<_>>(),
            expected
        );
    }
}
