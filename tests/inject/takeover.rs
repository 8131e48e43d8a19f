//! Whatever was measured to beat the endpoint (docs/clients.md) is named by the injector, or made
//! harmless.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};

/// What is in the container: the contender's variables, and the mount of its files.
fn case(contender: &Value, strict: bool) -> Case {
    let env: Vec<Value> = contender["variables"]
        .as_object()
        .expect("a map of variables")
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let mounts: Vec<Value> = paths(contender)
        .map(|path| json!({ "name": "files", "mountPath": format!("/home/app{path}") }))
        .collect();
    let app = json!({ "name": "app", "image": "app", "env": env, "volumeMounts": mounts });
    let annotations = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": "arn:aws:iam::111122223333:role/app" });
    let volumes = json!([{ "name": "files", "secret": { "secretName": "files" } }]);
    Case {
        pod: json!({ "metadata": { "annotations": annotations }, "spec": { "containers": [app], "volumes": volumes } }),
        values: json!({ "agent": { "region": "eu-central-1" }, "injector": { "strictEnvironment": strict } }),
        ..Case::default()
    }
}

fn tells(contender: &Value) -> impl Iterator<Item = &str> {
    contender["tells"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().expect("a name"))
}

fn paths(contender: &Value) -> impl Iterator<Item = &str> {
    tells(contender).filter(|name| name.starts_with('/'))
}

/// Whether the container has another value of one of the contender's variables; the kubelet takes
/// the last.
fn replaced(pod: &Value, contender: &Value) -> bool {
    let app = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|own| own["name"] == "app");
    let env = app
        .and_then(|app| app["env"].as_array())
        .expect("it has variables");
    tells(contender).any(|name| {
        let last = env.iter().rfind(|own| own["name"].as_str() == Some(name));
        last.is_some_and(|own| own["value"] != contender["variables"][name])
    })
}

/// Nothing when it is warned of, refused by name or made harmless, and with `strict` never admitted
/// with a warning.
fn unanswered(contender: &Value, strict: bool) -> Option<String> {
    let case = case(contender, strict);
    let said = match case.decide(&case.pod, &mut draw()) {
        Decision::Deny(denial) => vec![denial.message],
        Decision::Inject(injection) => {
            let mut pod = case.pod.clone();
            apply(&mut pod, &injection.operations);
            if replaced(&pod, contender) {
                return None;
            }
            if strict {
                Vec::new()
            } else {
                injection.warnings
            }
        }
        skipped @ Decision::Skip(_) => panic!("{skipped:?}"),
    };
    let names = |text: &String| {
        text.contains("container app ") && tells(contender).any(|name| text.contains(name))
    };
    (!said.iter().any(names)).then(|| format!("{}, strict {strict}: {said:?}", contender["key"]))
}

#[test]
fn whatever_beats_a_client_is_named() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/takeover.json");
    let measured: Value =
        serde_json::from_str(&fs::read_to_string(file).expect("the measured answers"))
            .expect("JSON");
    let clients = measured["clients"].as_array().expect("a list");
    let beats = |contender: &&Value| {
        let key = contender["key"].as_str().expect("a key");
        clients.iter().any(|client| {
            client["answers"]
                .get(key)
                .is_some_and(|answer| answer != "endpoint")
        })
    };
    // Without anything to tell it by, it is no setting of a pod: the endpoint or the metadata are
    // away.
    let is_named = |contender: &&Value| tells(contender).next().is_some();
    let all: Vec<&Value> = measured["contenders"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(beats)
        .filter(is_named)
        .collect();
    assert!(
        all.len() >= 20,
        "only {} were seen to beat a client",
        all.len()
    );
    let both = |contender| [false, true].map(|strict| unanswered(contender, strict));
    let silent: Vec<String> = all.into_iter().flat_map(both).flatten().collect();
    assert!(
        silent.is_empty(),
        "nothing is said of\n{}",
        silent.join("\n")
    );
}
