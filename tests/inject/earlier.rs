//! A pod that already has a sidecar: a second call of one admission, a copy of a running pod, what
//! `stsidecar inject` or another version rendered, and what an author wrote by hand.
//!
//! Three rules: what others added is kept, what an earlier rendering left is as if it had been
//! rendered now, and what never was ours is refused.

mod changed;
mod order;
mod refused;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, SETTINGS, Sources, VARIABLES};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};
use crate::kubelet;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

type Change = fn(&mut Value);

fn case(values: Value) -> Case {
    let pod = json!({
        "metadata": { "name": "app", "annotations": {
            "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE, "stsidecar.dev/region": "eu-central-1",
        }},
        "spec": {
            "initContainers": [{ "name": "migrate", "image": "a" }],
            "containers": [{ "name": "app", "image": "a" }, { "name": "worker", "image": "a" }],
        },
    });
    Case {
        pod,
        values,
        ..Case::default()
    }
}

/// The pod after one call, or the refusal.
fn called(case: &Case, pod: &Value) -> Result<Value, String> {
    match case.decide(pod, &mut draw()) {
        Decision::Inject(injection) => {
            let mut pod = pod.clone();
            apply(&mut pod, &injection.operations);
            Ok(pod)
        }
        Decision::Deny(denial) => Err(denial.message),
        Decision::Skip(skip) => panic!("{skip:?}"),
    }
}

fn injected(case: &Case) -> Value {
    called(case, &case.pod).expect("a good pod")
}

fn sidecar(pod: &Value) -> &Value {
    let list = pod["spec"]["initContainers"]
        .as_array()
        .expect("init containers");
    list.iter()
        .find(|container| container["name"] == "stsidecar")
        .expect("the sidecar")
}

fn sidecar_mut(pod: &mut Value) -> &mut Value {
    let list = pod["spec"]["initContainers"]
        .as_array_mut()
        .expect("init containers");
    list.iter_mut()
        .find(|container| container["name"] == "stsidecar")
        .expect("the sidecar")
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array()
        .into_iter()
        .flatten()
        .find(|one| one["name"] == name)
        .unwrap_or(&Value::Null)
}

/// Whether `actual` has everything of `expected`, in lists too.
fn has(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|own| has(own, value))),
        (Value::Array(actual), Value::Array(expected)) => expected
            .iter()
            .all(|value| actual.iter().any(|own| has(own, value))),
        (actual, expected) => actual == expected,
    }
}

/// What a webhook behind ours adds to every container, ours too.
const ADDITIONS: [&str; 18] = [
    r#"{"envFrom": [{"configMapRef": {"name": "otel", "optional": true}}]}"#,
    r#"{"envFrom": [{"secretRef": {"name": "proxy"}}, {"prefix": "DB_", "configMapRef": {"name": "db"}}]}"#,
    r#"{"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}"#,
    r#"{"lifecycle": {"postStart": {"exec": {"command": ["/bin/true"]}}}}"#,
    r#"{"livenessProbe": {"tcpSocket": {"port": 9912}}}"#,
    r#"{"readinessProbe": {"httpGet": {"path": "/readyz", "port": 9912}}}"#,
    r#"{"workingDir": "/"}"#,
    r#"{"env": [{"name": "OTEL_SERVICE_NAME", "value": "x"}]}"#,
    r#"{"env": [{"name": "DD_AGENT_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]}"#,
    r#"{"volumeMounts": [{"name": "certs", "mountPath": "/etc/corporate", "readOnly": true}]}"#,
    r#"{"volumeMounts": [{"name": "certs", "mountPath": "/var/run/secrets/tokens"}]}"#,
    r#"{"resources": {"requests": {"cpu": "25m", "memory": "20Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}}}"#,
    r#"{"imagePullPolicy": "Always"}"#,
    r#"{"terminationMessagePath": "/dev/termination-log", "stdin": false}"#,
    r#"{"startupProbe": {"successThreshold": 1}}"#,
    r#"{"ports": [{"name": "debug", "containerPort": 4000, "protocol": "TCP"}]}"#,
    r#"{"securityContext": {"privileged": false, "procMount": "Default"}}"#,
    r#"{"restartPolicyRules": [], "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}"#,
];

/// Lays an addition over a container: lists grow, maps merge.
fn lay(container: &mut Value, addition: &Value) {
    for (key, value) in addition.as_object().expect("a map") {
        match (&mut container[key.as_str()], value) {
            (Value::Array(own), Value::Array(more)) => own.extend(more.iter().cloned()),
            (own @ Value::Object(_), Value::Object(_)) => lay(own, value),
            (own, value) => *own = value.clone(),
        }
    }
}

#[test]
fn what_others_add_to_every_container_is_kept() {
    let case = case(Value::Null);
    let first = injected(&case);
    for text in ADDITIONS {
        let addition: Value = serde_json::from_str(text).expect("JSON");
        let mut pod = first.clone();
        pod["spec"]["volumes"]
            .as_array_mut()
            .expect("volumes")
            .push(json!({ "name": "certs", "emptyDir": {} }));
        for list in ["initContainers", "containers"] {
            pod["spec"][list]
                .as_array_mut()
                .expect("a list")
                .iter_mut()
                .for_each(|own| lay(own, &addition));
        }
        let before = pod.clone();
        let pod = called(&case, &pod).unwrap_or_else(|refused| panic!("{text}: {refused}"));
        assert!(
            has(&pod["spec"], &before["spec"]),
            "{text}: something is lost: {pod:#}"
        );
        assert!(
            has(sidecar(&pod), sidecar(&first))
                || text.contains("resources")
                || text.contains("Always"),
            "{text}"
        );
        assert_eq!(
            called(&case, &pod).expect(text),
            pod,
            "{text}: a third call changes it"
        );
    }
}

#[test]
fn mirrors_and_pinned_digests_are_the_same_image() {
    let digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let version = env!("CARGO_PKG_VERSION");
    let by_digest = json!({ "image": { "digest": digest } });
    for (values, image) in [
        (
            Value::Null,
            format!("mirror.example.com:5000/ghcr/stsidecar:{version}"),
        ),
        (Value::Null, format!("stsidecar:{version}")),
        (
            Value::Null,
            format!("mirror.example.com/stsidecar/stsidecar:{version}@{digest}"),
        ),
        (Value::Null, format!("ghcr.io/stsidecar/stsidecar@{digest}")),
        (
            by_digest.clone(),
            format!("mirror.example.com/anything@{digest}"),
        ),
        (by_digest, format!("ghcr.io/stsidecar/stsidecar:1@{digest}")),
    ] {
        let case = case(values);
        let mut pod = injected(&case);
        sidecar_mut(&mut pod)["image"] = image.as_str().into();
        assert_eq!(called(&case, &pod).expect(&image), pod, "{image}");
    }
}

fn load(environment: &BTreeMap<String, String>) -> Value {
    let variable = |name: &str| environment.get(name).cloned();
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    });
    let loaded = loaded.unwrap_or_else(|error| panic!("the agent refuses it: {error}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    loaded.config.describe()
}

#[test]
fn an_env_from_changes_nothing_of_the_agent() {
    let names = SETTINGS
        .iter()
        .flat_map(|one| one.variables)
        .chain(VARIABLES.iter().flat_map(|one| one.names));
    let from: BTreeMap<String, String> = names
        .map(|name| ((*name).to_owned(), "true".to_owned()))
        .collect();
    for case in [
        case(Value::Null),
        Case {
            values: json!({ "agent": { "log": { "level": "debug" } } }),
            ..case(Value::Null)
        },
    ] {
        let first = injected(&case);
        let expected = load(&kubelet::environment(sidecar(&first), &BTreeMap::new()));
        let mut pod = first;
        lay(
            sidecar_mut(&mut pod),
            &json!({ "envFrom": [{ "configMapRef": { "name": "platform" } }] }),
        );
        let pod = called(&case, &pod).expect("an addition");
        let environment = kubelet::environment(sidecar(&pod), &from);
        assert_eq!(load(&environment), expected);
        for name in from.keys() {
            assert_ne!(environment[name], "true", "{name} comes from the envFrom");
        }
    }
}

#[test]
fn what_others_set_of_the_agents_own_settings_is_not_followed() {
    let case = case(Value::Null);
    let first = injected(&case);
    let expected = load(&kubelet::environment(sidecar(&first), &BTreeMap::new()));
    for name in SETTINGS.iter().flat_map(|one| one.variables) {
        let mut pod = first.clone();
        lay(
            sidecar_mut(&mut pod),
            &json!({ "env": [{ "name": name, "value": "true" }] }),
        );
        let pod = called(&case, &pod).expect("an addition");
        assert_eq!(
            load(&kubelet::environment(sidecar(&pod), &BTreeMap::new())),
            expected,
            "{name}"
        );
    }
}
