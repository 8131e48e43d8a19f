//! What an earlier rendering left is as if it had been rendered now: annotations, values,
//! architectures and names that changed since, and what released versions rendered.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{ROLE, called, case, injected, load, named, sidecar};
use crate::case::Case;
use crate::kubelet;

/// The pod with its lists in an order that does not matter, and without what only says who patched
/// what.
fn plain(pod: &Value) -> Value {
    let mut pod = pod.clone();
    // kubectl's annotation may be the author's, so it stays as it was found.
    for key in [
        "stsidecar.dev/status",
        "kubectl.kubernetes.io/default-container",
    ] {
        pod["metadata"]["annotations"]
            .as_object_mut()
            .expect("a map")
            .remove(key);
    }
    for list in ["initContainers", "containers"] {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            // What a container has for its size may be an autoscaler's.
            container
                .as_object_mut()
                .expect("a map")
                .remove("resources");
            for of in ["env", "volumeMounts", "ports"] {
                match container.get_mut(of).and_then(Value::as_array_mut) {
                    Some(own) if !own.is_empty() => own.sort_by_key(ToString::to_string),
                    _ => drop(container.as_object_mut().expect("a map").remove(of)),
                }
            }
        }
    }
    pod["spec"]["volumes"]
        .as_array_mut()
        .expect("volumes")
        .sort_by_key(ToString::to_string);
    pod
}

fn annotate(case: &mut Case, pairs: &[(&str, Option<&str>)], pod: &mut Value) {
    for target in [&mut case.pod, pod] {
        let annotations = target["metadata"]["annotations"]
            .as_object_mut()
            .expect("a map");
        for (key, value) in pairs {
            match value {
                Some(value) => {
                    drop(annotations.insert(format!("stsidecar.dev/{key}"), (*value).into()));
                }
                None => drop(annotations.remove(&format!("stsidecar.dev/{key}"))),
            }
        }
    }
}

/// Renders with `before`, then asks again with `after`: the pod must be as if rendered with `after`
/// at once.
fn assert_renewed(what: &str, before: &Case, mut after: Case, pairs: &[(&str, Option<&str>)]) {
    let mut pod = injected(before);
    after.pod = before.pod.clone();
    annotate(&mut after, pairs, &mut pod);
    let renewed = called(&after, &pod).unwrap_or_else(|refused| panic!("{what}: {refused}"));
    assert_eq!(plain(&renewed), plain(&injected(&after)), "{what}");
    assert_eq!(
        called(&after, &renewed).expect(what),
        renewed,
        "{what}: a third call changes it"
    );
}

#[test]
fn annotations_that_changed_since_renew_what_was_rendered() {
    for (key, value) in [
        ("audience", "minio"),
        ("token-expiration", "600"),
        ("region", "eu-west-1"),
        ("role-arn", "arn:aws:iam::111122223333:role/other"),
        ("port", "19911"),
        ("metrics-port", "19912"),
        ("log-level", "debug"),
        ("log-format", "text"),
        ("sts-endpoint", "https://sts.example.com"),
        ("sts-timeout", "5s"),
        ("session-duration", "longest"),
        ("wait-for-credentials", "false"),
        ("readiness-probe", "true"),
        ("legacy-clients", "true"),
        ("skip-containers", "worker"),
        ("containers", "worker"),
        (
            "container-roles",
            "worker=arn:aws:iam::111122223333:role/other",
        ),
    ] {
        let (plain, mut set) = (case(Value::Null), case(Value::Null));
        annotate(
            &mut set,
            &[(key, Some(value))],
            &mut Value::clone(&plain.pod),
        );
        assert_renewed(
            &format!("{key} set"),
            &plain,
            case(Value::Null),
            &[(key, Some(value))],
        );
        let back = match key {
            "region" => Some("eu-central-1"),
            "role-arn" => Some(ROLE),
            _ => None,
        };
        assert_renewed(
            &format!("{key} taken away"),
            &set,
            case(Value::Null),
            &[(key, back)],
        );
    }
    let mut own = case(Value::Null);
    let mut copy = own.pod.clone();
    annotate(
        &mut own,
        &[("config", Some("mine")), ("role-arn", None)],
        &mut copy,
    );
    assert_renewed(
        "config taken away",
        &own,
        case(Value::Null),
        &[("config", None), ("role-arn", Some(ROLE))],
    );
    assert_renewed(
        "config changed",
        &own,
        case(Value::Null),
        &[("config", Some("other"))],
    );
    let pairs = [("config", Some("mine")), ("role-arn", None)];
    assert_renewed("config set", &case(Value::Null), case(Value::Null), &pairs);
}

#[test]
fn values_of_the_chart_that_changed_since_renew_what_was_rendered() {
    for values in [
        json!({ "image": { "tag": "9.9.9" } }),
        json!({ "agent": { "credentialsPort": 20011 } }),
        json!({ "agent": { "metrics": { "enabled": false } } }),
        json!({ "agent": { "metrics": { "port": 20012 } } }),
        json!({ "agent": { "incidentProbe": { "enabled": false } } }),
        json!({ "agent": { "incidentProbe": { "periodSeconds": 60 } } }),
        json!({ "agent": { "readinessProbe": { "enabled": true } } }),
        json!({ "agent": { "securityContext": { "runAsUser": null, "runAsGroup": null } } }),
        json!({ "agent": { "securityContext": { "runAsUser": 1000, "seccompProfile": null } } }),
        json!({ "agent": { "awsCaBundle": { "configMap": "ca" } } }),
        json!({ "agent": { "allowInsecureSts": true } }),
        json!({ "agent": { "audience": "other", "tokenExpirationSeconds": 3600 } }),
        json!({ "agent": { "log": { "level": "warn", "format": "text" } } }),
        json!({ "injector": { "agentArchitectures": ["arm64"] } }),
        json!({ "injector": { "agentArchitectures": ["amd64", "arm64"] } }),
    ] {
        let what = values.to_string();
        assert_renewed(&what, &case(Value::Null), case(values.clone()), &[]);
        assert_renewed(
            &format!("without {what}"),
            &case(values),
            case(Value::Null),
            &[],
        );
    }
    let pinned = json!({ "image": { "digest": "sha256:00" } });
    assert_renewed("a digest", &case(Value::Null), case(pinned), &[]);
}

/// What the author wrote beside our requirement stays, and so does one that only looks like ours.
#[test]
fn architectures_that_changed_since_leave_the_authors_terms() {
    let architectures = |of: Value| case(json!({ "injector": { "agentArchitectures": of } }));
    let required = |terms: Value| json!({ "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } });
    let pool = json!({ "key": "pool", "operator": "Exists" });
    let own = json!({ "key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"] });
    let ids = json!([{ "key": "metadata.name", "operator": "In", "values": ["one"] }]);
    for (terms, after) in [
        (
            json!([{ "matchExpressions": [pool] }, { "matchFields": ids }]),
            json!(["arm64"]),
        ),
        (
            json!([{ "matchExpressions": [pool] }, { "matchFields": ids }]),
            json!(["amd64", "arm64"]),
        ),
        (
            json!([{ "matchExpressions": [own, pool] }]),
            json!(["amd64", "arm64"]),
        ),
    ] {
        let mut before = architectures(json!(["amd64"]));
        before.pod["spec"]["affinity"] =
            json!({ "nodeAffinity": required(terms.clone()), "podAffinity": {} });
        assert_renewed(
            &format!("{terms} for {after}"),
            &before,
            architectures(after),
            &[],
        );
    }
}

#[test]
fn a_container_that_was_renamed_in_a_copy_gets_its_own_token() {
    let mut after = case(Value::Null);
    let mut pod = injected(&after);
    for target in [&mut after.pod, &mut pod] {
        target["spec"]["containers"][1]["name"] = "web".into();
    }
    let renewed = called(&after, &pod).expect("a copy");
    assert_eq!(plain(&renewed), plain(&injected(&after)));
}

/// Pods as released versions rendered them, kept as they were: NAME is the version.
#[test]
fn what_released_versions_rendered_is_renewed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inject/released");
    let mut versions = 0;
    for file in std::fs::read_dir(folder).expect("the folder of released pods") {
        let path = file.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a fixture");
        for pod in serde_saphyr::from_multiple::<Value>(&text).expect("YAML") {
            let name = format!("{}: {}", path.display(), pod["metadata"]["name"]);
            let renewed = called(&case(Value::Null), &pod)
                .unwrap_or_else(|refused| panic!("{name}: {refused}"));
            assert_eq!(
                sidecar(&renewed)["command"],
                json!(["/stsidecar"]),
                "{name}"
            );
            load(&kubelet::environment(sidecar(&renewed), &BTreeMap::new()));
            assert_eq!(
                called(&case(Value::Null), &renewed).expect(&name),
                renewed,
                "{name}: a third call"
            );
            assert!(
                named(&renewed["spec"]["volumes"], "stsidecar-token").is_object(),
                "{name}"
            );
        }
        versions += 1;
    }
    assert!(versions > 0);
}
