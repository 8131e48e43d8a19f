//! What a container's process is given: `envFrom`, then `env`, expanded as the kubelet does it.
//!
//! Written from the kubelet's own rules, not from `inject`: a variable of `env` beats one of
//! `envFrom`, the last of a name wins, `$(NAME)` is what was defined before it, and `$$` is a
//! dollar
//! (<https://github.com/kubernetes/kubernetes/blob/master/third_party/forked/golang/expansion/expand.go>).

use std::collections::BTreeMap;

use serde_json::Value;

/// The environment of a container where every source of its `envFrom` holds `from`.
pub(crate) fn environment(
    container: &Value,
    from: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let prefix = source["prefix"].as_str().unwrap_or_default();
        all.extend(
            from.iter()
                .map(|(name, value)| (format!("{prefix}{name}"), value.clone())),
        );
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().expect("a name").to_owned();
        let value = expanded(variable["value"].as_str().unwrap_or_default(), &all);
        all.insert(name, value);
    }
    all
}

fn expanded(text: &str, defined: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        let reference = after
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'));
        rest = match reference {
            _ if after.starts_with('$') => {
                result.push('$');
                &after[1..]
            }
            Some((name, behind)) => {
                match defined.get(name) {
                    Some(value) => result.push_str(value),
                    None => result.extend(["$(", name, ")"]),
                }
                behind
            }
            None => {
                result.push('$');
                after
            }
        };
    }
    result + rest
}

#[test]
fn references_are_expanded_and_doubled_dollars_are_one() {
    let defined = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    for (text, expected) in [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("a$$b$", "a$b$"),
        ("$(A", "$(A"),
        ("$$$(A)", "$1"),
    ] {
        assert_eq!(expanded(text, &defined), expected, "{text}");
    }
}
