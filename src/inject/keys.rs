//! The `stsidecar.dev/` keys: their names, the objects that may have each, and the nearest right
//! one for a typo.
//!
//! Owns the table and refuses keys that are not in it. It never judges a value: `settings` does.

use serde_json::{Map, Value};

use super::{Denial, Reason};
use crate::spelling::nearest;

/// What all of our keys begin with.
pub(super) const PREFIX: &str = "stsidecar.dev/";
/// The annotation or label by which a pod asks, or declines.
pub const INJECT: &str = "stsidecar.dev/inject";
/// The label by which a namespace asks (`enabled`) or declines (`disabled`).
pub const INJECTION: &str = "stsidecar.dev/injection";
/// The annotation that says what was added.
pub const STATUS: &str = "stsidecar.dev/status";
/// The annotation that says by which release of the chart, and by which version.
pub const INJECTED_BY: &str = "stsidecar.dev/injected-by";
/// The annotation with the certificates that the sidecar trusts, where the chart's values hold
/// them.
pub(super) const CA_BUNDLE: &str = "stsidecar.dev/ca-bundle";
/// The label by which injected pods are found.
pub const INJECTED: &str = "stsidecar.dev/injected";

/// An object that may have a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Pod,
    Account,
    Namespace,
}

impl Place {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Account => "ServiceAccount",
            Self::Namespace => "Namespace",
        }
    }
}

/// Each annotation, without the prefix, and whether a ServiceAccount or a Namespace may hold it
/// too.
const ANNOTATIONS: [(&str, bool, bool); 29] = [
    ("inject", false, false),
    ("role-arn", true, false),
    ("region", true, true),
    ("sts-endpoint", false, true),
    ("sts-timeout", false, true),
    ("audience", true, true),
    ("token-expiration", true, true),
    ("session-name", false, false),
    ("session-duration", false, true),
    ("session-policy-arns", false, false),
    ("role-chain", false, false),
    ("container-roles", false, false),
    ("config", false, false),
    ("containers", false, false),
    ("skip-containers", false, false),
    ("port", false, false),
    ("metrics-port", false, false),
    ("log-level", false, true),
    ("log-format", false, true),
    ("cpu-request", false, true),
    ("cpu-limit", false, true),
    ("memory-request", false, true),
    ("memory-limit", false, true),
    ("image", false, true),
    ("legacy-clients", false, true),
    ("wait-for-credentials", false, true),
    ("readiness-probe", false, true),
    ("ec2-metadata", false, true),
    ("status", false, false),
];

fn is_read_on(name: &str, place: Place) -> bool {
    let written = name == "injected-by" && place == Place::Pod;
    written
        || ANNOTATIONS.iter().any(|(own, account, namespace)| {
            *own == name
                && match place {
                    Place::Pod => true,
                    Place::Account => *account,
                    Place::Namespace => *namespace,
                }
        })
}

/// The names a place may hold, for messages; those that are only written stay out.
fn allowed(place: Place) -> Vec<&'static str> {
    ANNOTATIONS
        .iter()
        .map(|(name, ..)| *name)
        .filter(|name| *name != "status" && is_read_on(name, place))
        .collect()
}

/// Whether an object has any key of ours that its author wrote, known or not.
pub(super) fn speaks(annotations: Option<&Map<String, Value>>) -> bool {
    let written = [STATUS, INJECTED_BY, CA_BUNDLE, INJECTED];
    annotations.is_some_and(|map| {
        map.keys()
            .any(|key| key.starts_with(PREFIX) && !written.contains(&key.as_str()))
    })
}

/// Refuses annotations under our prefix that nothing reads in this place.
pub(super) fn check_annotations(
    place: Place,
    origin: &str,
    annotations: Option<&Map<String, Value>>,
) -> Result<(), Denial> {
    for key in annotations.into_iter().flat_map(Map::keys) {
        let Some(name) = key.strip_prefix(PREFIX) else {
            continue;
        };
        // Beside a status it is of an earlier call.
        let is_written =
            || key == CA_BUNDLE && annotations.is_some_and(|map| map.contains_key(STATUS));
        if is_read_on(name, place) || place == Place::Pod && is_written() {
            continue;
        }
        let allowed = allowed(place);
        let problem = if is_read_on(name, Place::Pod) {
            let may = place.name();
            format!(
                "it is read from a pod's annotations, not from a {may}'s; a {may} may hold {}",
                allowed.join(", ")
            )
        } else if key == CA_BUNDLE {
            "the injector writes it, from the chart's agent.awsCaBundle.pem; remove it".to_owned()
        } else if name == "injection" {
            "it is a label of namespaces, enabled or disabled; a pod asks with the annotation \
             stsidecar.dev/inject: \"true\""
                .to_owned()
        } else {
            let hint = nearest(name, &allowed)
                .map(|right| format!("did you mean {PREFIX}{right}? "))
                .unwrap_or_default();
            format!(
                "unknown key; {hint}allowed under {PREFIX}: {}",
                allowed.join(", ")
            )
        };
        return Err(Denial::new(
            Reason::UnknownKey,
            format!("{origin}annotation {key}: {problem}"),
        ));
    }
    Ok(())
}

/// Refuses labels under our prefix that nothing reads on a pod.
pub(super) fn check_labels(labels: Option<&Map<String, Value>>) -> Result<(), Denial> {
    for key in labels.into_iter().flat_map(Map::keys) {
        let Some(name) = key.strip_prefix(PREFIX) else {
            continue;
        };
        let problem = match name {
            "inject" | "injected" => continue,
            "injection" => {
                "it is a label of namespaces; a pod asks with stsidecar.dev/inject: \"true\""
                    .to_owned()
            }
            _ if is_read_on(name, Place::Pod) => {
                "it is read as an annotation, not as a label".to_owned()
            }
            _ => "unknown label; the one that is read is stsidecar.dev/inject".to_owned(),
        };
        return Err(Denial::new(
            Reason::UnknownKey,
            format!("label {key}: {problem}"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_allowed_on_a_pod_and_few_elsewhere() {
        assert!(allowed(Place::Account) == ["role-arn", "region", "audience", "token-expiration"]);
        assert!(
            !allowed(Place::Namespace).contains(&"role-arn"),
            "a namespace gives no pod a role"
        );
    }

    /// One row of the table in docs/annotations.md: the cells, without their backticks.
    fn documented() -> Vec<Vec<String>> {
        let document = include_str!("../../docs/annotations.md");
        let table = document
            .split("<!-- annotations: begin")
            .nth(1)
            .expect("the table");
        let rows = table
            .split("<!-- annotations: end")
            .next()
            .expect("its end")
            .lines()
            .filter(|line| line.starts_with("| `"));
        rows.map(|row| {
            row.split('|')
                .skip(1)
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect()
        })
        .collect()
    }

    #[test]
    fn the_reference_names_every_key_and_where_it_is_read_on() {
        let places = |account, namespace| match (account, namespace) {
            (true, true) => "pod, ServiceAccount, Namespace",
            (true, false) => "pod, ServiceAccount",
            (false, true) => "pod, Namespace",
            (false, false) => "pod",
        };
        let ours: Vec<_> = ANNOTATIONS
            .iter()
            .filter(|(name, ..)| *name != "status")
            .map(|(name, account, namespace)| {
                ((*name).to_owned(), places(*account, *namespace).to_owned())
            })
            .collect();
        let written: Vec<_> = documented()
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        assert_eq!(written, ours, "docs/annotations.md");
    }

    #[test]
    fn the_reference_names_the_charts_values_and_defaults() {
        let values: Value =
            serde_saphyr::from_str(include_str!("../../charts/stsidecar/values.yaml"))
                .expect("YAML");
        for row in documented().into_iter().filter(|row| !row[2].is_empty()) {
            let value = values.pointer(&format!("/{}", row[2].replace('.', "/")));
            let default = match value {
                Some(Value::String(text)) => text.clone(),
                Some(value) => value.to_string(),
                None => String::new(),
            };
            assert!(
                value.is_some() || row[2] == "agent.resources.limits.cpu",
                "the chart has no {}",
                row[2]
            );
            assert_eq!(row[3], default, "{}", row[2]);
        }
    }
}
