//! Variables that an `envFrom` could bring: what is written over them, and what is left.

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use super::{THEIRS, admitted, annotated, case, of, refused, value};
use crate::case::{Case, apply, draw};
use crate::judged::{FULL_URI, TOKEN_FILE, objects_with};

#[test]
fn a_region_that_an_env_from_could_bring_is_not_overwritten() {
    for (what, source) in [
        (
            "ConfigMap settings",
            json!({ "configMapRef": { "name": "settings" } }),
        ),
        (
            "Secret keys",
            json!({ "secretRef": { "name": "keys", "optional": true } }),
        ),
        (
            "ConfigMap settings",
            json!({ "prefix": "AWS_", "configMapRef": { "name": "settings" } }),
        ),
        (
            "Secret keys",
            json!({ "prefix": "A", "secretRef": { "name": "keys" } }),
        ),
    ] {
        let case = case(&json!({ "envFrom": [source] }));
        let (pod, warnings) = admitted(&case);
        let app = of(&pod, "app", &objects_with(&THEIRS));
        assert_eq!(
            (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
            (Some("us-east-1"), Some("us-east-1"))
        );
        let other = of(&pod, "other", &objects_with(&THEIRS));
        assert_eq!(
            value(&other, "AWS_REGION"),
            Some("eu-central-1"),
            "the container beside it has the chart's"
        );
        let said = |word: &str| {
            warnings.iter().any(|one| {
                one.contains("container app ")
                    && one.contains("envFrom")
                    && one.contains(what)
                    && one.contains(word)
            })
        };
        assert!(
            said("AWS_REGION") && said("stsidecar.dev/region"),
            "{what}: {warnings:?}"
        );
        assert!(said("AWS_ACCESS_KEY_ID"), "{what}: {warnings:?}");
        assert!(
            !warnings.iter().any(|one| one.contains("container other")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_prefix_decides_what_an_env_from_could_bring() {
    for (prefix, could) in [
        ("", true),
        ("A", true),
        ("AWS_", true),
        ("AWS_R", true),
        ("DB_", false),
        ("aws_", false),
        ("AWS_REGION", false),
        ("AWS_REGION_", false),
    ] {
        let case =
            case(&json!({ "envFrom": [{ "prefix": prefix, "configMapRef": { "name": "m" } }] }));
        let (pod, warnings) = admitted(&case);
        let given =
            value(&of(&pod, "app", &objects_with(&[])), "AWS_REGION") == Some("eu-central-1");
        assert_eq!(
            (given, warnings.is_empty()),
            (!could, !could),
            "{prefix}: {warnings:?}"
        );
    }
    let metadata =
        json!({ "envFrom": [{ "prefix": "AWS_EC2_", "configMapRef": { "name": "m" } }] });
    let (_, warnings) = admitted(&case(&metadata));
    assert!(
        warnings.len() == 1 && warnings[0].contains("AWS_EC2_METADATA_DISABLED"),
        "{warnings:?}"
    );
    let both = json!({ "envFrom": [{ "prefix": "DB_", "configMapRef": { "name": "db" } }, { "secretRef": { "name": "keys" } }] });
    let (_, warnings) = admitted(&case(&both));
    assert!(
        warnings.iter().any(|one| one.contains("Secret keys")),
        "{warnings:?}"
    );
    assert!(
        !warnings.iter().any(|one| one.contains("ConfigMap db")),
        "it brings nothing of the kind: {warnings:?}"
    );
}

#[test]
fn an_env_from_without_sources_is_none() {
    for none in [json!([]), Value::Null] {
        let (pod, warnings) = admitted(&case(&json!({ "envFrom": none })));
        assert_eq!(
            value(&of(&pod, "app", &objects_with(&[])), "AWS_REGION"),
            Some("eu-central-1")
        );
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn an_explicit_region_is_written_over_what_an_env_from_brings() {
    let from = json!({ "envFrom": [{ "configMapRef": { "name": "m" } }] });
    let object = json!({ "metadata": { "annotations": { "stsidecar.dev/region": "eu-west-1" } } });
    for case in [
        annotated(case(&from), "stsidecar.dev/region", "eu-west-1"),
        Case {
            account: Some(object.clone()),
            ..case(&from)
        },
        Case {
            namespace: Some(object.clone()),
            ..case(&from)
        },
    ] {
        let (pod, warnings) = admitted(&case);
        let app = of(&pod, "app", &objects_with(&THEIRS));
        assert_eq!(
            (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
            (Some("eu-west-1"), Some("eu-west-1"))
        );
        let said = warnings
            .iter()
            .any(|one| one.contains("envFrom") && one.contains("AWS_ACCESS_KEY_ID"));
        assert!(
            said && !warnings.iter().any(|one| one.contains("no AWS_REGION")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_region_of_env_is_not_doubled_over_the_other_name_of_an_env_from() {
    let container = json!({
        "envFrom": [{ "configMapRef": { "name": "m" } }],
        "env": [{ "name": "AWS_REGION", "value": "eu-west-3" }],
    });
    let (pod, _) = admitted(&case(&container));
    let app = of(&pod, "app", &objects_with(&THEIRS));
    assert_eq!(
        (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
        (Some("eu-west-3"), Some("us-east-1"))
    );
}

/// A key that is optional and missing leaves `$(AWS_REGION)` as it is written: a region of that
/// name.
#[test]
fn a_region_of_an_optional_key_is_not_doubled() {
    let key = json!({ "configMapKeyRef": { "name": "m", "key": "region", "optional": true } });
    let (pod, _) = admitted(&case(
        &json!({ "env": [{ "name": "AWS_REGION", "valueFrom": key }] }),
    ));
    assert_eq!(
        value(&of(&pod, "app", &objects_with(&[])), "AWS_DEFAULT_REGION"),
        None
    );
}

#[test]
fn a_reference_is_no_region_of_the_sidecar() {
    let from_other = json!({ "env": [{ "name": "OTHER", "value": "x" }, { "name": "AWS_REGION", "value": "$(OTHER)" }] });
    let mut case = case(&from_other);
    case.values = json!({ "agent": { "stsEndpoint": "https://sts.example.com" } });
    let (pod, _) = admitted(&case);
    let sidecar = of(&pod, "stsidecar", &objects_with(&[]));
    assert_eq!(
        value(&sidecar, "AWS_REGION"),
        None,
        "the container's own name for it is another container's"
    );
}

#[test]
fn strict_env_from_refuses_what_could_win() {
    let strict = |container: &Value| {
        let mut case = case(container);
        case.values["injector"] = json!({ "strictEnvFrom": true });
        case
    };
    let message = refused(&strict(
        &json!({ "envFrom": [{ "secretRef": { "name": "keys" } }] }),
    ));
    for word in [
        "container app",
        "envFrom",
        "Secret keys",
        "AWS_ACCESS_KEY_ID",
        "injector.strictEnvFrom",
    ] {
        assert!(message.contains(word), "{message}");
    }
    admitted(&strict(
        &json!({ "envFrom": [{ "prefix": "DB_", "secretRef": { "name": "keys" } }] }),
    ));
    admitted(&strict(&json!({ "envFrom": [] })));
}

#[test]
fn a_proxy_that_an_env_from_could_bring_is_bypassed() {
    let (pod, _) = admitted(&case(
        &json!({ "envFrom": [{ "configMapRef": { "name": "proxies" } }] }),
    ));
    for (name, hosts) in [("NO_PROXY", ".internal"), ("no_proxy", ".internal")] {
        let app = of(
            &pod,
            "app",
            &objects_with(&[("HTTP_PROXY", "http://proxy:3128"), (name, hosts)]),
        );
        for name in ["NO_PROXY", "no_proxy"] {
            let value = value(&app, name).expect("exceptions");
            assert!(
                value.split(',').any(|host| host == "127.0.0.1"),
                "{name}={value}"
            );
            assert!(
                value.split(',').any(|host| host == ".internal"),
                "{name}={value}"
            );
        }
    }
    let (pod, _) = admitted(&case(
        &json!({ "envFrom": [{ "prefix": "DB_", "configMapRef": { "name": "m" } }] }),
    ));
    assert_eq!(
        value(&of(&pod, "app", &objects_with(&[])), "NO_PROXY"),
        None,
        "nothing could bring a proxy"
    );
    let (pod, _) = admitted(&case(&json!({})));
    let app = of(&pod, "app", &objects_with(&[]));
    assert!(
        app.contains_key(FULL_URI) && app.contains_key(TOKEN_FILE) && !app.contains_key("NO_PROXY")
    );
}

/// Clients take the other name's exceptions for empty ones: those must be in ours, wherever they
/// come from.
#[test]
fn exceptions_that_may_come_out_empty_hide_none_of_the_others() {
    let from = json!([{ "configMapRef": { "name": "proxies" } }]);
    for (name, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        let nothing = json!({ "name": "OTHER" });
        let refers = json!({ "name": name, "value": "$(OTHER)" });
        let proxy = json!({ "name": "HTTPS_PROXY", "value": "http://proxy:3128" });
        let literal = json!({ "name": other, "value": "theirs" });
        for container in [
            json!({ "env": [nothing, proxy, refers], "envFrom": from }),
            json!({ "env": [nothing, proxy, literal, refers] }),
            json!({ "env": [nothing, proxy, refers, literal] }),
        ] {
            let (pod, _) = admitted(&case(&container));
            let app = of(&pod, "app", &objects_with(&[(other, "theirs")]));
            for name in [name, other] {
                let hosts = value(&app, name)
                    .unwrap_or_default()
                    .split(',')
                    .collect::<Vec<_>>();
                assert!(
                    hosts.contains(&"theirs") && hosts.contains(&"127.0.0.1"),
                    "{container}: {name}={hosts:?}"
                );
            }
        }
    }
    let alone = json!({ "env": [{ "name": "HTTPS_PROXY", "value": "http://p" }, { "name": "NO_PROXY", "value": "$(A)" }] });
    let (pod, _) = admitted(&case(&alone));
    assert_eq!(
        value(&of(&pod, "app", &objects_with(&[])), "NO_PROXY"),
        Some("$(A),127.0.0.1")
    );
}

/// An injector after ours adds to every container: its region may be in there, and a third call
/// changes nothing.
#[test]
fn an_env_from_of_a_later_injector_is_completed_once() {
    let mut case = case(&json!({}));
    let (mut pod, _) = admitted(&case);
    let app = pod["spec"]["containers"][0]
        .as_object_mut()
        .expect("a container");
    app.insert(
        "envFrom".to_owned(),
        json!([{ "secretRef": { "name": "keys" } }]),
    );
    case.pod = pod;
    let Decision::Inject(second) = case.decide(&case.pod, &mut draw()) else {
        panic!("the second call refuses")
    };
    assert!(
        second
            .warnings
            .iter()
            .any(|one| one.contains("Secret keys")),
        "{:?}",
        second.warnings
    );
    let mut pod = case.pod.clone();
    apply(&mut pod, &second.operations);
    let app = of(
        &pod,
        "app",
        &objects_with(&[("AWS_REGION", "us-east-1"), ("NO_PROXY", ".internal")]),
    );
    assert_eq!(
        value(&app, "AWS_REGION"),
        Some("us-east-1"),
        "the chart's is only a default"
    );
    assert!(
        value(&app, "NO_PROXY").is_some_and(|hosts| hosts.starts_with(".internal,")),
        "{app:?}"
    );
    match case.decide(&pod, &mut draw()) {
        Decision::Inject(third) => assert!(third.operations.is_empty(), "{:?}", third.operations),
        other => panic!("the third call says {other:?}"),
    }
}
