//! The hash of what decided: on the pod, to list those that run by old settings, and in the
//! sidecar.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};
use crate::shape::{injected_by, pod, sidecar};
use crate::stream;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn status(pod: &Value) -> Value {
    let text = pod["metadata"]["annotations"]["stsidecar.dev/status"]
        .as_str()
        .expect("a status");
    serde_json::from_str(text).expect("JSON")
}

/// As the annotation has it, which the sidecar repeats.
fn hash_of(pod: &Value) -> String {
    let hash = status(pod)["settingsHash"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    let environment = sidecar(pod)["env"].as_array().expect("variables");
    let own = environment
        .iter()
        .find(|one| one["name"] == "STSIDECAR_SETTINGS_HASH");
    assert_eq!(
        own.map(|own| &own["value"]),
        Some(&json!(hash)),
        "the sidecar's"
    );
    hash
}

fn hash(case: &Case) -> String {
    hash_of(&injected_by(case).0)
}

fn annotated(pairs: &[(&str, &str)]) -> Case {
    let mut case = Case {
        pod: pod(),
        ..Case::default()
    };
    for (key, value) in pairs {
        case.pod["metadata"]["annotations"][format!("stsidecar.dev/{key}")] = (*value).into();
    }
    case
}

fn with_values(values: Value) -> Case {
    Case {
        pod: pod(),
        values,
        ..Case::default()
    }
}

#[test]
fn it_is_a_version_and_sixteen_hexadecimal_digits() {
    let hash = hash(&annotated(&[]));
    let (version, digits) = hash.split_once('-').expect("a version");
    assert_eq!((version, digits.len()), ("1", 16), "{hash}");
    assert!(
        digits
            .bytes()
            .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)),
        "{hash}"
    );
}

/// Every annotation but those that only choose whether to inject, or the image.
#[test]
fn every_annotation_that_decides_changes_it() {
    let mut seen = BTreeMap::from([(hash(&annotated(&[])), String::new())]);
    for (key, value) in [
        ("role-arn", "arn:aws:iam::111122223333:role/other"),
        ("role-chain", ROLE),
        (
            "container-roles",
            "app=arn:aws:iam::111122223333:role/other",
        ),
        ("region", "eu-west-1"),
        ("sts-endpoint", "https://sts.example.com"),
        ("sts-timeout", "5s"),
        ("audience", "other"),
        ("token-expiration", "3600"),
        ("session-name", "fixed"),
        ("session-duration", "2h"),
        (
            "session-policy-arns",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        ("containers", "app"),
        ("skip-containers", "other"),
        ("port", "20011"),
        ("metrics-port", "20012"),
        ("log-level", "debug"),
        ("log-format", "text"),
        ("cpu-request", "10m"),
        ("cpu-limit", "100m"),
        ("memory-request", "20Mi"),
        ("memory-limit", "40Mi"),
        ("legacy-clients", "true"),
        ("wait-for-credentials", "false"),
        ("ec2-metadata", "true"),
    ] {
        let mut case = annotated(&[(key, value)]);
        case.pod["spec"]["containers"]
            .as_array_mut()
            .expect("a list")
            .push(json!({ "name": "other", "image": "a" }));
        let before = seen.insert(hash(&case), key.to_owned());
        assert_eq!(before, None, "{key} has the hash of this");
    }
    let mut documents = ["one", "two"].map(|name| {
        let mut case = annotated(&[("config", name)]);
        case.pod["metadata"]["annotations"]
            .as_object_mut()
            .expect("a map")
            .remove("stsidecar.dev/role-arn");
        hash(&case)
    });
    documents.sort();
    assert!(documents[0] != documents[1] && documents.iter().all(|one| !seen.contains_key(one)));
}

#[test]
fn every_value_of_the_chart_that_decides_changes_it() {
    let mut seen = BTreeMap::from([(hash(&with_values(Value::Null)), Value::Null)]);
    for values in [
        json!({ "agent": { "stsEndpoint": "https://sts.example.com" } }),
        json!({ "agent": { "stsTimeout": "4s" } }),
        json!({ "agent": { "audience": "chart" } }),
        json!({ "agent": { "sessionDuration": "3h" } }),
        json!({ "agent": { "tokenExpirationSeconds": 7200 } }),
        json!({ "agent": { "credentialsPort": 20021 } }),
        json!({ "agent": { "metrics": { "enabled": false } } }),
        json!({ "agent": { "metrics": { "port": 20022 } } }),
        json!({ "agent": { "waitForCredentials": false } }),
        json!({ "agent": { "legacyClients": true } }),
        json!({ "agent": { "ec2Metadata": true } }),
        json!({ "agent": { "allowInsecureSts": true } }),
        json!({ "agent": { "resources": { "requests": { "cpu": "6m" } } } }),
        json!({ "agent": { "resources": { "limits": { "memory": "64Mi" } } } }),
        json!({ "agent": { "securityContext": { "runAsUser": 1000 } } }),
        json!({ "agent": { "securityContext": { "runAsUser": null } } }),
        json!({ "agent": { "log": { "level": "warn" } } }),
        json!({ "agent": { "extraEnv": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }] } }),
        json!({ "agent": { "extraEnv": [{ "name": "B", "value": "2" }, { "name": "A", "value": "1" }] } }),
        json!({ "agent": { "extraEnv": [{ "name": "A", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } }] } }),
        json!({ "agent": { "awsCaBundle": { "configMap": "ca" } } }),
        json!({ "agent": { "awsCaBundle": { "configMap": "ca", "key": "other" } } }),
        json!({ "agent": { "httpProxy": { "httpsProxy": "http://proxy:3128" } } }),
        json!({ "agent": { "httpProxy": { "httpsProxy": "http://me:one@proxy:3128" } } }),
        json!({ "agent": { "httpProxy": { "httpsProxy": "http://me:two@proxy:3128" } } }),
        json!({ "agent": { "httpProxy": { "noProxy": ".svc" } } }),
        json!({ "agent": { "imagePullSecrets": [{ "name": "pull" }] } }),
        json!({ "image": { "pullPolicy": "Always" } }),
        json!({ "injector": { "meshProxies": ["envoy"] } }),
        json!({ "injector": { "skippedContainers": ["sidekick"] } }),
        json!({ "injector": { "agentArchitectures": ["arm64"] } }),
        json!({ "injector": { "agentArchitectures": ["amd64", "arm64"] } }),
    ] {
        let before = seen.insert(hash(&with_values(values.clone())), values.clone());
        assert_eq!(before, None, "{values} has the hash of this");
    }
}

/// Where a setting is, and in which order, decides nothing; nor does what the pod's own
/// specification shows.
#[test]
fn nothing_else_changes_it() {
    let expected = hash(&annotated(&[
        ("audience", "same"),
        ("session-duration", "2h"),
    ]));
    let by_chart = with_values(json!({ "agent": { "audience": "same", "sessionDuration": "2h" } }));
    let mut by_others = Case {
        pod: pod(),
        ..Case::default()
    };
    by_others.pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/role-arn");
    by_others.account =
        Some(json!({ "metadata": { "annotations": { "eks.amazonaws.com/role-arn": ROLE } } }));
    by_others.namespace = Some(json!({ "metadata": { "annotations": {
        "stsidecar.dev/audience": "same", "stsidecar.dev/session-duration": "2h",
    }}}));
    for case in [by_chart, by_others] {
        assert_eq!(hash(&case), expected);
    }
    let base = hash(&annotated(&[]));
    for values in [
        json!({ "image": { "tag": "9.9.9" } }),
        json!({ "injector": { "allowedRoleArns": [{ "namespaces": ["*"], "roleArns": ["*"] }] } }),
        json!({ "injector": { "strictEnvironment": true, "strictEnvFrom": true, "replicas": 7 } }),
        json!({ "agent": { "allowNoRole": true } }),
    ] {
        assert_eq!(hash(&with_values(values.clone())), base, "{values}");
    }
    let mut other = annotated(&[]);
    other.pod["metadata"]["annotations"]["example.com/note"] = "changed".into();
    other.pod["metadata"]["name"] = "another".into();
    other.pod["spec"]["containers"][0]["image"] = "example/app:2".into();
    other.pod["spec"]["containers"]
        .as_array_mut()
        .expect("a list")
        .push(json!({ "name": "more", "image": "a" }));
    assert_eq!(hash(&other), base);
    let [one, two] = [
        r#"[{"name": "A", "value": "1"}]"#,
        r#"[{"value": "1", "name": "A"}]"#,
    ]
    .map(|text| {
        let extra: Value = serde_json::from_str(text).expect("JSON");
        hash(&with_values(json!({ "agent": { "extraEnv": extra } })))
    });
    assert_eq!(one, two, "the order of keys");
}

/// A second call, a copy, and a pod of other settings that is adopted.
#[test]
fn what_is_found_has_the_hash_of_today() {
    let chart = json!({ "agent": { "sessionDuration": "3h", "legacyClients": true } });
    for before in [
        annotated(&[]),
        annotated(&[("audience", "other")]),
        with_values(chart),
    ] {
        let mut found = injected_by(&before).0;
        for after in [annotated(&[]), annotated(&[("port", "20011")])] {
            let annotations = found["metadata"]["annotations"]
                .as_object_mut()
                .expect("a map");
            annotations.remove("stsidecar.dev/audience");
            annotations.remove("stsidecar.dev/port");
            for (key, value) in after.pod["metadata"]["annotations"]
                .as_object()
                .expect("a map")
            {
                annotations.insert(key.clone(), value.clone());
            }
            let adopted = injected_by(&Case {
                pod: found.clone(),
                ..after.clone()
            })
            .0;
            assert_eq!(hash_of(&adopted), hash(&after));
            let Decision::Inject(again) = after.decide(&adopted, &mut draw()) else {
                panic!("a good pod")
            };
            assert_eq!(again.operations, [], "a third call changes something");
        }
    }
}

/// A forged or old one is overwritten, in both places.
#[test]
fn what_others_write_in_its_place_is_replaced() {
    let case = annotated(&[]);
    let (good, _) = injected_by(&case);
    let mut forged = good.clone();
    let mut status = status(&good);
    status["settingsHash"] = "1-0000000000000000".into();
    forged["metadata"]["annotations"]["stsidecar.dev/status"] = status.to_string().into();
    for own in forged["spec"]["initContainers"][0]["env"]
        .as_array_mut()
        .expect("variables")
    {
        if own["name"] == "STSIDECAR_SETTINGS_HASH" {
            own["value"] = "1-0000000000000000".into();
        }
    }
    let Decision::Inject(injection) = case.decide(&forged, &mut draw()) else {
        panic!("a good pod")
    };
    apply(&mut forged, &injection.operations);
    assert_eq!(hash_of(&forged), hash_of(&good));
}

/// What flags decide stays with the pod, so the webhook behind `stsidecar inject` finds the same.
#[test]
fn stsidecar_inject_and_the_webhook_behind_it_agree() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app\nspec:\n  containers:\n  - name: app\n    image: a\n";
    let values = json!({ "agent": { "audience": "chart", "region": "eu-west-1" } });
    for flags in [&["--region=eu-central-1"][..], &[]] {
        let arguments = [
            &[
                "--values=values.yaml",
                "--role-arn=arn:aws:iam::111122223333:role/app",
            ],
            flags,
        ]
        .concat();
        let outcome = stream::inject(&arguments, manifest, &values.to_string());
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        let pod: Value = serde_saphyr::from_str(&outcome.stdout).expect("a manifest");
        let mut asking = pod.clone();
        asking["metadata"]["annotations"]["stsidecar.dev/inject"] = "true".into();
        if flags.is_empty() {
            asking["metadata"]["annotations"]["stsidecar.dev/role-arn"] = ROLE.into();
        }
        let again = injected_by(&Case {
            pod: asking,
            values: values.clone(),
            ..Case::default()
        })
        .0;
        assert_eq!(hash_of(&again), hash_of(&pod), "{flags:?}");
    }
}

/// A pod that runs is injected again to know the hash of today, which is compared with the pod's
/// own.
#[test]
fn a_running_pods_hash_is_compared_with_that_of_todays_objects() {
    let role = |name: &str| {
        json!({ "metadata": { "annotations": {
            "stsidecar.dev/role-arn": format!("arn:aws:iam::111122223333:role/{name}"),
        }}})
    };
    let namespace =
        |label: &str| json!({ "metadata": { "labels": { "stsidecar.dev/injection": label } } });
    let mut before = Case {
        account: Some(role("app")),
        namespace: Some(namespace("enabled")),
        ..Case::default()
    };
    before.pod = json!({
        "metadata": { "annotations": { "stsidecar.dev/region": "eu-central-1" } },
        "spec": { "containers": [{ "name": "app", "image": "a" }] },
    });
    let running = injected_by(&before).0;
    let today = |case: &Case| Case {
        pod: running.clone(),
        ..case.clone()
    };
    assert_eq!(hash_of(&injected_by(&today(&before)).0), hash_of(&running));
    for (what, now) in [
        (
            "the role",
            Case {
                account: Some(role("other")),
                ..before.clone()
            },
        ),
        (
            "the chart",
            Case {
                values: json!({ "agent": { "audience": "other" } }),
                ..before.clone()
            },
        ),
    ] {
        let renewed = injected_by(&today(&now)).0;
        assert_ne!(hash_of(&renewed), hash_of(&running), "{what}");
    }
    let no_label = Case {
        namespace: Some(json!({ "metadata": {} })),
        ..before.clone()
    };
    let no_role = Case {
        account: Some(json!({})),
        ..before.clone()
    };
    for (now, reason) in [(no_label, "not_asked"), (no_role, "no_role")] {
        let decision = now.decide(&running, &mut draw());
        assert!(
            matches!(&decision, Decision::Skip(skip) if skip.reason == reason),
            "{decision:?}"
        );
    }
}
