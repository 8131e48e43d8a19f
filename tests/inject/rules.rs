//! What holds for every answer: the patch applies, touches only what it may, is complete after one
//! call, does not depend on chance, hands over a configuration that the agent accepts, and each
//! container has the environment that `judged` asks for.

use std::io;
use std::path::Path;

use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, Loaded, Sources};
use stsidecar::inject::{Decision, Operation};

use crate::case::{Case, apply, draw};
use crate::judged;

/// Panics when a rule is broken; answers whether the pod was injected.
pub(crate) fn hold(case: &Case, name: &str) -> bool {
    let Decision::Inject(injection) = case.decide(&case.pod, &mut draw()) else {
        return false;
    };
    let again = case.decide(&case.pod, &mut draw());
    assert!(
        matches!(again, Decision::Inject(again) if again.patch() == injection.patch()),
        "{name}: not deterministic"
    );
    for operation in &injection.operations {
        assert!(may_touch(operation), "{name}: touches {operation:?}");
    }
    let mut pod = case.pod.clone();
    apply(&mut pod, &injection.operations);
    match case.decide(&pod, &mut || panic!("{name}: a second token is drawn")) {
        Decision::Inject(second) => {
            assert!(
                second.operations.is_empty(),
                "{name}: the second call changes {:?}",
                second.operations
            );
            assert!(
                second.warnings.is_empty(),
                "{name}: the second call warns again"
            );
        }
        other => panic!("{name}: the second call says {other:?}"),
    }
    assert_originals_kept(&case.pod, &pod, name);
    assert_from_the_template(case, &pod, name);
    judged::hold(case, &pod, &injection.warnings, name);
    assert_accepted(case, &pod, name);
    true
}

fn may_touch(operation: &Operation) -> bool {
    let path = operation.path();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let adds = matches!(operation, Operation::Add { .. });
    let removes = matches!(operation, Operation::Remove { .. });
    match parts.as_slice() {
        ["spec", "initContainers", _] => true,
        _ if removes => false,
        ["metadata"]
        | ["metadata", "annotations" | "labels"]
        | ["spec", "volumes" | "initContainers" | "imagePullSecrets"]
        | ["spec", "volumes" | "imagePullSecrets", "-"]
        | ["spec", "affinity", ..]
        | [
            "spec",
            "containers" | "initContainers",
            _,
            "env" | "volumeMounts",
        ]
        | [
            "spec",
            "containers" | "initContainers",
            _,
            "env" | "volumeMounts",
            "-",
        ] => adds,
        ["metadata", "annotations", key] => {
            let continued = *key == "cluster-autoscaler.kubernetes.io~1safe-to-evict-local-volumes";
            key.starts_with("stsidecar.dev~1")
                || *key == "kubectl.kubernetes.io~1default-container"
                || continued
        }
        ["metadata", "labels", key] => *key == "stsidecar.dev~1injected",
        [
            "spec",
            "containers" | "initContainers",
            _,
            "env",
            _,
            "value",
        ] => true,
        ["spec", "initContainers", _, "env", _] | ["spec", "initContainers", _, "resources"] => {
            !adds
        }
        _ => false,
    }
}

const FILLED: [&str; 5] = [
    judged::FULL_URI,
    judged::TOKEN_FILE,
    judged::TOKEN,
    judged::REGIONS[0],
    judged::REGIONS[1],
];

/// Everything the author wrote is still there, in its order; only a proxy's exceptions, the names
/// of volumes and the terms of an affinity may have grown, and an empty variable that leads to the
/// sidecar may have been filled.
fn assert_originals_kept(before: &Value, after: &Value, name: &str) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let is_no_proxy = before
                .get("name")
                .is_some_and(|name| name == "NO_PROXY" || name == "no_proxy");
            for (key, value) in before {
                let ours = key.starts_with("stsidecar.dev/") && key != "stsidecar.dev/inject";
                if key.ends_with("/safe-to-evict-local-volumes") {
                    let (value, own) = (
                        value.as_str().expect("a text"),
                        after[key].as_str().expect("a text"),
                    );
                    assert!(own.starts_with(value), "{name}: {key} is {own}");
                    continue;
                }
                if key == "nodeSelectorTerms" {
                    let (terms, own) = (
                        value.as_array().expect("a list"),
                        after[key].as_array().expect("a list"),
                    );
                    assert!(own.len() == terms.len().max(1), "{name}: {own:?}");
                    terms
                        .iter()
                        .zip(own)
                        .for_each(|(term, own)| assert_originals_kept(term, own, name));
                    continue;
                }
                let may_fill = value == ""
                    && before
                        .get("name")
                        .is_some_and(|name| FILLED.iter().any(|own| name == own));
                if value.is_null() || ours || key == "value" && (is_no_proxy || may_fill) {
                    continue;
                }
                let own = after
                    .get(key)
                    .unwrap_or_else(|| panic!("{name}: {key} is lost"));
                assert_originals_kept(value, own, name);
            }
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut rest = after.iter();
            for item in before {
                let named = item.get("name");
                let own = rest.find(|own| {
                    if named.is_some() {
                        own.get("name") == named
                    } else {
                        *own == item
                    }
                });
                assert_originals_kept(
                    item,
                    own.unwrap_or_else(|| panic!("{name}: {item} is lost")),
                    name,
                );
            }
        }
        (before, after) => assert_eq!(before, after, "{name}"),
    }
}

/// Annotations reach only the sidecar's image, environment, ports, resources and mounts.
fn assert_from_the_template(case: &Case, pod: &Value, name: &str) {
    let mut fixed = sidecar(pod).clone();
    let fields = fixed.as_object_mut().expect("a container");
    for open in [
        "image",
        "env",
        "ports",
        "resources",
        "volumeMounts",
        "imagePullPolicy",
        "readinessProbe",
    ] {
        fields.remove(open);
    }
    let mut expected = json!({
        "name": "stsidecar",
        "command": ["/stsidecar"],
        "args": ["run"],
        "restartPolicy": "Always",
        "startupProbe": {
            "exec": { "command": ["/stsidecar", "status", "--probe"] },
            "periodSeconds": 1,
            "timeoutSeconds": 30,
            "failureThreshold": 1_000_000,
        },
        // The highest that the API takes: a failure is a line for the pod's events, and never a
        // restart.
        "livenessProbe": {
            "exec": { "command": ["/stsidecar", "status", "--incident-probe", "--period=300"] },
            "periodSeconds": 300,
            "timeoutSeconds": 30,
            "failureThreshold": 2_147_483_647,
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsGroup": 65532,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    for (key, value) in case.values["agent"]["securityContext"]
        .as_object()
        .into_iter()
        .flatten()
    {
        assert!(value.is_null(), "{name}: {key}");
        expected["securityContext"]
            .as_object_mut()
            .expect("a map")
            .remove(key);
    }
    assert_eq!(fixed, expected, "{name}");
}

fn sidecar(pod: &Value) -> &Value {
    let list = pod["spec"]["initContainers"]
        .as_array()
        .expect("init containers");
    list.iter()
        .find(|container| container["name"] == "stsidecar")
        .expect("the sidecar")
}

/// Feeds the sidecar's environment to the agent's own configuration.
fn assert_accepted(case: &Case, pod: &Value, name: &str) {
    let variable = |wanted: &str| {
        let all = sidecar(pod)["env"].as_array().expect("variables");
        let own = all.iter().find(|variable| variable["name"] == wanted)?;
        own["value"].as_str().map(str::to_owned)
    };
    let document = case
        .config_map
        .as_ref()
        .and_then(|map| map["data"]["config.yaml"].as_str());
    let read = |path: &Path| match (path.to_str(), document) {
        (Some("/var/run/stsidecar/config/config.yaml"), Some(text)) => Ok(text.as_bytes().to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    });
    let Loaded { config, warnings } =
        loaded.unwrap_or_else(|error| panic!("{name}: the agent refuses it: {error}"));
    // An STS that is not AWS's needs no region; the agent warns which one it signs for.
    let has_no_region =
        variable("AWS_REGION").is_none() && variable("AWS_ENDPOINT_URL_STS").is_some();
    let is_due = |warning: &String| has_no_region && warning.starts_with("no region is set");
    let undue = warnings
        .iter()
        .find(|warning| case.config_map.is_none() && !is_due(warning));
    assert!(undue.is_none(), "{name}: the agent warns: {undue:?}");
    let clients: Vec<&str> = config
        .clients
        .iter()
        .map(|client| client.name.as_str())
        .collect();
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array().into_iter().flatten() {
            let own = container["name"].as_str().expect("a name");
            if own != "stsidecar" && !clients.contains(&own) {
                assert_eq!(
                    container,
                    judged::named(&case.pod, own),
                    "{name}: {own} is no client and is left alone"
                );
            }
        }
    }
}
