//! The environment of chosen containers, row by row, judged by what the kubelet makes of it.

mod empty;
mod env_from;
mod precedence;

use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};
use crate::effective::{Environment, environment};
use crate::judged::{SameObjects, named, objects_with};
use crate::rules;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A pod whose container `app` has these fields, in a cluster whose region is `eu-central-1`.
fn case(container: &Value) -> Case {
    let mut app = json!({ "name": "app", "image": "app" });
    app.as_object_mut()
        .expect("a map")
        .extend(container.as_object().expect("fields").clone());
    let annotations = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE });
    Case {
        pod: json!({ "metadata": { "annotations": annotations }, "spec": { "containers": [app, { "name": "other" }] } }),
        values: json!({ "agent": { "region": "eu-central-1" } }),
        ..Case::default()
    }
}

fn annotated(mut case: Case, key: &str, value: &str) -> Case {
    case.pod["metadata"]["annotations"][key] = value.into();
    case
}

/// The pod as it is admitted, and the warnings.
fn admitted(case: &Case) -> (Value, Vec<String>) {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Inject(injection) => {
            let mut pod = case.pod.clone();
            apply(&mut pod, &injection.operations);
            rules::hold(case, &case.pod.to_string());
            (pod, injection.warnings)
        }
        other => panic!("{}: {other:?}", case.pod),
    }
}

fn refused(case: &Case) -> String {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Deny(denial) => denial.message,
        other => panic!("{}: {other:?}", case.pod),
    }
}

fn strict(container: &Value) -> Case {
    let mut case = case(container);
    case.values["injector"] = json!({ "strictEnvironment": true });
    case
}

/// What the container has where its objects hold this.
fn of(pod: &Value, container: &str, objects: &SameObjects) -> Environment {
    environment(named(pod, container), objects).expect("it starts")
}

fn value<'a>(all: &'a Environment, name: &str) -> Option<&'a str> {
    all.get(name).map(String::as_str)
}

const THEIRS: [(&str, &str); 2] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
];

#[test]
fn a_pod_or_its_namespace_may_keep_the_instance_metadata() {
    const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
    let disabled = |case: &Case| {
        value(&of(&admitted(case).0, "app", &objects_with(&[])), METADATA).map(str::to_owned)
    };
    assert_eq!(disabled(&case(&json!({}))).as_deref(), Some("true"));
    assert_eq!(
        disabled(&annotated(
            case(&json!({})),
            "stsidecar.dev/ec2-metadata",
            "true"
        )),
        None
    );
    let object = json!({ "metadata": { "annotations": { "stsidecar.dev/ec2-metadata": "true" } } });
    let of_namespace = Case {
        namespace: Some(object),
        ..case(&json!({}))
    };
    assert_eq!(disabled(&of_namespace), None);
    assert_eq!(
        disabled(&annotated(
            of_namespace,
            "stsidecar.dev/ec2-metadata",
            "false"
        ))
        .as_deref(),
        Some("true")
    );
    let mut by_chart = case(&json!({}));
    by_chart.values["agent"]["ec2Metadata"] = true.into();
    assert_eq!(disabled(&by_chart), None);
    assert_eq!(
        disabled(&annotated(by_chart, "stsidecar.dev/ec2-metadata", "false")).as_deref(),
        Some("true")
    );
    let refused = refused(&annotated(
        case(&json!({})),
        "stsidecar.dev/ec2-metadata",
        "yes",
    ));
    assert!(
        refused.contains("stsidecar.dev/ec2-metadata") && refused.contains("did you mean"),
        "{refused}"
    );
}

/// Who may write a `ConfigMap` must not be able to send the token in plain text where the operator
/// forbids it.
#[test]
fn a_config_map_cannot_allow_plain_text() {
    let document = "stsEndpoint: http://sts.example.com\nallowInsecureSts: true\nregion: eu-central-1\n\
                    profiles: {default: {webIdentity: {roleArn: 'arn:aws:iam::111122223333:role/app'}}}\n";
    let mut case = annotated(case(&json!({})), "stsidecar.dev/config", "mine");
    case.pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/role-arn");
    for (allowed, accepted) in [(false, false), (true, true)] {
        case.values["agent"]["allowInsecureSts"] = allowed.into();
        let Decision::Inject(injection) = case.decide(&case.pod, &mut draw()) else {
            panic!("not injected")
        };
        let mut pod = case.pod.clone();
        apply(&mut pod, &injection.operations);
        let sidecar = of(&pod, "stsidecar", &objects_with(&[]));
        let loaded = Config::load(&Sources {
            flags: &Flags::default(),
            variable: &|name| sidecar.get(name).cloned(),
            read: &|_| Ok(document.as_bytes().to_vec()),
        });
        assert_eq!(
            loaded.is_ok(),
            accepted,
            "{:?}",
            loaded.err().map(|error| error.to_string())
        );
    }
}
