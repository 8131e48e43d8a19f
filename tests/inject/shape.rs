//! A plain pod to build cases from, and its injection as a value.

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};

/// A pod that asks, with one container.
pub(crate) fn pod() -> Value {
    json!({
        "metadata": { "annotations": {
            "stsidecar.dev/inject": "true",
            "stsidecar.dev/role-arn": "arn:aws:iam::111122223333:role/app",
            "stsidecar.dev/region": "eu-central-1",
        }},
        "spec": { "containers": [{ "name": "app", "image": "example/app" }] },
    })
}

/// The pod after injection with the chart's defaults, and the warnings.
pub(crate) fn injected(pod: &Value) -> (Value, Vec<String>) {
    injected_by(&Case {
        pod: pod.clone(),
        ..Case::default()
    })
}

/// The case's pod after injection, and the warnings.
pub(crate) fn injected_by(case: &Case) -> (Value, Vec<String>) {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Inject(injection) => {
            let mut after = case.pod.clone();
            apply(&mut after, &injection.operations);
            (after, injection.warnings)
        }
        other => panic!("{other:?}"),
    }
}

/// The reason and message of a pod that is refused.
pub(crate) fn denied(case: &Case) -> (String, String) {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Deny(denial) => (denial.reason.as_str().to_owned(), denial.message),
        other => panic!("{other:?}"),
    }
}

/// The sidecar of an injected pod.
pub(crate) fn sidecar(pod: &Value) -> &Value {
    let all = pod["spec"]["initContainers"]
        .as_array()
        .expect("init containers");
    all.iter()
        .find(|own| own["name"] == "stsidecar")
        .expect("the sidecar")
}
