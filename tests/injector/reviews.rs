//! Reviews of a pod's creation, what surrounds the pod, and the pod after a patch.

use base64::Engine;
use serde_json::{Value, json};

use crate::api_server::ApiServer;

pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A review of a pod's creation in namespace `team`, by a `ReplicaSet`.
pub(crate) fn review(annotations: &Value, env: &Value) -> Value {
    let owner = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "uid-of-web-1", "controller": true });
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "u-1", "kind": { "group": "", "version": "v1", "kind": "Pod" }, "namespace": "team",
            "resource": { "group": "", "version": "v1", "resource": "pods" }, "name": "",
            "operation": "CREATE", "oldObject": null, "dryRun": false, "options": { "kind": "CreateOptions" },
            "object": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": { "generateName": "web-1-", "annotations": annotations, "ownerReferences": [owner] },
                "spec": { "serviceAccountName": "app", "containers": [{ "name": "app", "image": "app", "env": env }] },
            },
        },
    })
}

/// The pod after a patch.
pub(crate) fn patched(review: &Value, response: &Value) -> Value {
    assert_eq!(
        (&response["allowed"], &response["patchType"]),
        (&true.into(), &"JSONPatch".into()),
        "{response}"
    );
    let patch = base64::engine::general_purpose::STANDARD
        .decode(response["patch"].as_str().expect("a patch"));
    let patch: json_patch::Patch =
        serde_json::from_slice(&patch.expect("base64")).expect("a patch");
    let mut pod = review["request"]["object"].clone();
    json_patch::patch(&mut pod, &patch).expect("it applies");
    pod
}

pub(crate) const ACCOUNT: &str = "GET /api/v1/namespaces/team/serviceaccounts/app";
pub(crate) const NAMESPACE: &str = "GET /api/v1/namespaces/team";

/// A labelled namespace whose ServiceAccount names a role.
pub(crate) fn with_role(api: &ApiServer) {
    api.set(
        ACCOUNT,
        200,
        json!({ "metadata": { "annotations": { "stsidecar.dev/role-arn": ROLE } } }),
    );
    api.set(
        NAMESPACE,
        200,
        json!({ "metadata": { "labels": { "stsidecar.dev/injection": "enabled" } } }),
    );
}
