//! The security context of a container under our name: none that gives it more than ours does.
//!
//! Owns which fields may differ. An operator changes the chart's, `OpenShift`
//! assigns users and `SELinux` levels
//! (<https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/authentication_and_authorization/managing-pod-security-policies>),
//! and policies write down defaults; each of these is no wider. A field that is
//! not known here is refused.

use serde_json::{Map, Value, json};

use crate::inject::sidecar::covers;
use crate::inject::template::Template;

/// Whether no field of `found` gives more than `expected`, or than a restricted container may have
/// (<https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>).
pub(in crate::inject) fn is_no_wider(found: &Value, expected: &Value) -> bool {
    let fields: Vec<(&String, &Value)> = found
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, own)| !own.is_null())
        .collect();
    let is_narrow = |(key, own): &(&String, &Value)| {
        expected.get(*key) == Some(*own) || is_restricted(key, own)
    };
    let says_something = !fields.is_empty() || expected.as_object().is_none_or(Map::is_empty);
    says_something && fields.iter().all(is_narrow)
}

fn is_restricted(key: &str, own: &Value) -> bool {
    let kind = |allowed: &[&str]| {
        own["type"]
            .as_str()
            .is_some_and(|kind| allowed.contains(&kind))
    };
    match key {
        "privileged" | "allowPrivilegeEscalation" => own == false,
        "readOnlyRootFilesystem" | "runAsNonRoot" => own == true,
        "procMount" => own == "Default",
        "runAsUser" | "runAsGroup" => own.as_u64().is_some_and(|id| id > 0),
        "seccompProfile" | "appArmorProfile" => kind(&["RuntimeDefault", "Localhost"]),
        "seLinuxOptions" => own
            .as_object()
            .is_some_and(|own| own.keys().all(|key| key == "level")),
        "capabilities" => {
            let all = |key: &str| own[key].as_array().map(Vec::as_slice).unwrap_or_default();
            all("drop").iter().any(|one| one == "ALL") && all("add").is_empty()
        }
        _ => false,
    }
}

/// The context as it would be now, with what others have added. A field of the built-in context
/// that is not expected any more leaves: the chart's null took it out.
pub(in crate::inject) fn renewed(found: &Value, expected: &Value) -> Value {
    let built_in = Template::default().security_context();
    let mut context = expected.clone();
    for (key, own) in found.as_object().into_iter().flatten() {
        match expected.get(key) {
            // Others may have written down the defaults of a map, such as `capabilities.add: []`.
            Some(wanted) if covers(own, wanted) && is_restricted(key, own) => {
                context[key] = own.clone();
            }
            None if built_in.get(key) != Some(own) => context[key] = own.clone(),
            _ => {}
        }
    }
    if context.is_null() {
        json!({})
    } else {
        context
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_chart_expects_is_not_wider_and_stays() {
        let expected = json!({ "privileged": true, "runAsUser": 0 });
        assert!(is_no_wider(&expected, &expected));
        assert_eq!(renewed(&expected, &expected), expected);
        assert!(!is_no_wider(
            &expected,
            &Template::default().security_context()
        ));
    }

    #[test]
    fn what_openshift_assigns_stays_and_what_the_chart_takes_out_leaves() {
        let mut expected = Template::default().security_context();
        for key in ["runAsUser", "runAsGroup"] {
            expected.as_object_mut().expect("a map").remove(key);
        }
        let mut found = expected.clone();
        found["runAsUser"] = 1_000_660_000.into();
        found["seLinuxOptions"] = json!({ "level": "s0:c26,c5" });
        assert!(is_no_wider(&found, &expected));
        assert_eq!(renewed(&found, &expected), found);
        assert_eq!(
            renewed(&Template::default().security_context(), &expected),
            expected
        );
    }
}
