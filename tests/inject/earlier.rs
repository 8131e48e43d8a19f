//! A pod that already has a sidecar: a second call of one admission, a copy of a running pod, what `stsidecar inject`
//! or another version rendered, and what an author wrote by hand.
//!
//! Three rules: what others added is kept, what an earlier rendering left is as if it had been rendered now, and what
//! never was ours is refused.

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

#[test]
fn what_never_was_ours_is_refused() {
    let changes: [(&str, Change); 27] = [
        ("command", |own| own["command"] = json!(["/bin/sh"])),
        ("command", |own| {
            own["command"] = json!(["/stsidecar", "status"]);
        }),
        ("command", |own| own["command"] = Value::Null),
        ("args", |own| {
            own["args"] = json!(["run", "--log-level=trace"]);
        }),
        ("args", |own| own["args"] = json!([])),
        ("restartPolicy", |own| own["restartPolicy"] = Value::Null),
        ("image", |own| own["image"] = "evil".into()),
        ("image", |own| {
            own["image"] = "evil.example/agent:0.1.0".into();
        }),
        ("image", |own| own["image"] = Value::Null),
        ("image", |own| {
            own["image"] = format!(
                "ghcr.io/stsidecar/stsidecar/x:{}",
                env!("CARGO_PKG_VERSION")
            )
            .into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["privileged"] = true.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsUser"] = 0.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsGroup"] = 0.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["runAsNonRoot"] = false.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["readOnlyRootFilesystem"] = false.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["allowPrivilegeEscalation"] = true.into();
        }),
        ("securityContext", |own| {
            own["securityContext"]["capabilities"]["add"] = json!(["SYS_PTRACE"]);
        }),
        ("securityContext", |own| {
            own["securityContext"]["capabilities"] = json!({ "drop": ["NET_RAW"] });
        }),
        ("securityContext", |own| {
            own["securityContext"]["seccompProfile"] = json!({ "type": "Unconfined" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["appArmorProfile"] = json!({ "type": "Unconfined" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["seLinuxOptions"] = json!({ "type": "spc_t" });
        }),
        ("securityContext", |own| {
            own["securityContext"]["procMount"] = "Unmasked".into();
        }),
        ("securityContext", |own| {
            own["securityContext"] = Value::Null;
        }),
        ("securityContext", |own| own["securityContext"] = json!({})),
        ("volumeMounts", |own| mount(own, "theirs", "/stsidecar")),
        ("volumeMounts", |own| {
            mount(own, "theirs", "/x/..//stsidecar/");
        }),
        ("volumeMounts", |own| {
            mount(
                own,
                "theirs",
                "/var/run/secrets/stsidecar.dev/serviceaccount/token",
            );
        }),
    ];
    let case = case(Value::Null);
    let first = injected(&case);
    for (at, (field, change)) in changes.into_iter().enumerate() {
        let mut pod = first.clone();
        change(sidecar_mut(&mut pod));
        let refused = called(&case, &pod).expect_err(&format!("{at}: {field}"));
        assert!(
            refused.contains("stsidecar is reserved") && refused.contains(field),
            "{at}: {refused}"
        );
    }
}

fn mount(container: &mut Value, volume: &str, path: &str) {
    lay(
        container,
        &json!({ "volumeMounts": [{ "name": volume, "mountPath": path }] }),
    );
}

#[test]
fn an_earlier_image_is_replaced_only_in_a_pod_that_an_injection_marked() {
    let case = case(Value::Null);
    let mut pod = injected(&case);
    let first = pod.clone();
    sidecar_mut(&mut pod)["image"] = "ghcr.io/stsidecar/stsidecar:0.0.9".into();
    assert_eq!(called(&case, &pod).expect("another version's"), first);
    pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/status");
    assert!(
        called(&case, &pod)
            .expect_err("an author's")
            .contains("image")
    );
}

#[test]
fn our_volumes_are_for_us_alone() {
    let case = case(Value::Null);
    let first = injected(&case);
    let changes: [Change; 9] = [
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-token",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-state",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "stsidecar-endpoints",
                "/loot",
            );
        },
        |pod| {
            mount(
                &mut pod["spec"]["containers"][0],
                "theirs",
                "//var/run/./secrets/stsidecar.dev/endpoint",
            );
        },
        |pod| pod["spec"]["containers"][0]["volumeMounts"][0]["subPath"] = "worker".into(),
        |pod| {
            pod["spec"]["volumes"][0] =
                json!({ "name": "stsidecar-token", "hostPath": { "path": "/" } });
        },
        |pod| {
            pod["spec"]["volumes"][1] =
                json!({ "name": "stsidecar-endpoints", "hostPath": { "path": "/tmp" } });
        },
        |pod| {
            pod["spec"]["volumes"][0]["projected"]["sources"] =
                json!([{ "secret": { "name": "s" } }]);
        },
        |pod| {
            let volumes = pod["spec"]["volumes"].as_array_mut().expect("volumes");
            volumes.push(json!({ "name": "stsidecar-mine", "emptyDir": {} }));
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let mut pod = first.clone();
        change(&mut pod);
        let refused = called(&case, &pod).expect_err(&format!("change {at}"));
        assert!(refused.contains("reserved"), "{at}: {refused}");
    }
}

/// The pod with its lists in an order that does not matter, and without what only says who patched what.
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

/// Renders with `before`, then asks again with `after`: the pod must be as if rendered with `after` at once.
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

/// A case in which the chart alone names the region.
fn by_the_chart(values: &Value) -> Case {
    let mut case = case(json!({ "agent": { "region": "eu-central-1" } }));
    lay(&mut case.values, values);
    case.pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/region");
    case
}

fn to_all(pod: &mut Value, change: &dyn Fn(&mut Value)) {
    for list in ["initContainers", "containers"] {
        pod["spec"][list]
            .as_array_mut()
            .into_iter()
            .flatten()
            .for_each(change);
    }
}

/// What the application's processes are given, where every source of an envFrom holds `from`. `regional` is all that
/// today's SDKs know, so it stays once it is there.
fn given(pod: &Value, from: &BTreeMap<String, String>) -> Vec<BTreeMap<String, String>> {
    let lists = ["initContainers", "containers"]
        .into_iter()
        .flat_map(|list| pod["spec"][list].as_array().unwrap());
    let process = |own| {
        let mut process = kubelet::environment(own, from);
        process.remove("AWS_STS_REGIONAL_ENDPOINTS");
        process
    };
    lists
        .filter(|own| own["name"] != "stsidecar")
        .map(process)
        .collect()
}

/// Rendered before `change` and completed behind it, the application has what it has when all came behind `change`.
fn assert_order_does_not_matter(
    what: &str,
    case: &Case,
    after: &Case,
    change: &dyn Fn(&mut Value),
) {
    let mut at_once = Case {
        pod: case.pod.clone(),
        values: after.values.clone(),
        ..Case::default()
    };
    to_all(&mut at_once.pod, change);
    let expected = injected(&at_once);
    let mut pod = injected(case);
    to_all(&mut pod, change);
    let pod = called(after, &pod).unwrap_or_else(|refused| panic!("{what}: {refused}"));
    let names = [
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "NO_PROXY",
        "no_proxy",
        "HTTP_PROXY",
    ];
    for from in [
        BTreeMap::new(),
        names
            .into_iter()
            .map(|name| (name.to_owned(), format!("the {name}")))
            .collect(),
    ] {
        assert_eq!(
            given(&pod, &from),
            given(&expected, &from),
            "{what}, envFrom with {from:?}"
        );
    }
    assert_eq!(
        called(after, &pod).expect(what),
        pod,
        "{what}: a third call changes it"
    );
}

#[test]
fn an_env_from_that_comes_later_is_as_unknown_as_one_that_was_there() {
    for own in [
        json!([]),
        json!([{ "name": "AWS_REGION", "value": "eu-west-3" }]),
        json!([{ "name": "AWS_REGION", "value": "eu-central-1" }]),
        json!([{ "name": "AWS_DEFAULT_REGION", "value": "eu-west-3" }, { "name": "no_proxy", "value": "db" }]),
        json!([{ "name": "AWS_REGION", "value": "" }, { "name": "AWS_DEFAULT_REGION", "value": "" }]),
        json!([{ "name": "NO_PROXY", "value": "" }, { "name": "no_proxy", "value": "" }]),
        json!([{ "name": "HTTP_PROXY", "value": "http://proxy:3128" }]),
    ] {
        for prefix in ["", "AWS_", "DB_"] {
            let mut case = by_the_chart(&json!({}));
            to_all(&mut case.pod, &|container| {
                lay(container, &json!({ "env": own }));
            });
            let from = json!({ "envFrom": [{ "prefix": prefix, "configMapRef": { "name": "platform" } }] });
            assert_order_does_not_matter(&format!("{own}, {prefix}"), &case, &case, &|container| {
                lay(container, &from);
            });
        }
    }
}

#[test]
fn a_region_that_others_give_to_all_containers_stays_the_applications() {
    let set = |container: &mut Value| {
        lay(
            container,
            &json!({ "env": [{ "name": "AWS_REGION", "value": "af-south-1" }] }),
        );
    };
    let merge = |container: &mut Value| {
        let own = container["env"]
            .as_array_mut()
            .and_then(|env| env.iter_mut().find(|one| one["name"] == "AWS_REGION"));
        match own {
            Some(own) => own["value"] = "af-south-1".into(),
            None => set(container),
        }
    };
    let case = by_the_chart(&json!({}));
    for (what, after) in [
        ("the same", by_the_chart(&json!({}))),
        (
            "another region",
            by_the_chart(&json!({ "agent": { "region": "us-east-1" } })),
        ),
    ] {
        assert_order_does_not_matter(&format!("{what}, appended"), &case, &after, &set);
        assert_order_does_not_matter(&format!("{what}, in its place"), &case, &after, &merge);
    }
}

/// A version before the probes rendered neither; another webhook's stay where they are.
#[test]
fn probes_are_given_to_a_sidecar_that_has_none_and_those_of_others_are_kept() {
    let case = case(json!({ "agent": { "readinessProbe": { "enabled": true } } }));
    let first = injected(&case);
    let mut bare = first.clone();
    let probes = ["livenessProbe", "readinessProbe"];
    for key in probes {
        sidecar_mut(&mut bare)
            .as_object_mut()
            .expect("a map")
            .remove(key);
    }
    assert_eq!(
        sidecar(&called(&case, &bare).expect("a copy")),
        sidecar(&first)
    );
    let theirs = json!({ "tcpSocket": { "port": 9912 }, "failureThreshold": 3 });
    for values in [
        json!({}),
        json!({ "agent": { "incidentProbe": { "enabled": false } } }),
    ] {
        let case = self::case(values);
        let mut pod = injected(&case);
        for key in probes {
            sidecar_mut(&mut pod)[key] = theirs.clone();
        }
        let pod = called(&case, &pod).expect("a copy");
        assert!(
            probes.iter().all(|key| sidecar(&pod)[*key] == theirs),
            "{:#}",
            sidecar(&pod)
        );
    }
}

#[test]
fn the_status_names_no_variable_that_was_taken_back() {
    let legacy = case(json!({ "agent": { "legacyClients": true } }));
    let after = case(json!({ "agent": { "ec2Metadata": true } }));
    let pod = called(&after, &injected(&legacy)).expect("a copy");
    let status = |pod: &Value| {
        let text = pod["metadata"]["annotations"]["stsidecar.dev/status"]
            .as_str()
            .expect("a text")
            .to_owned();
        let status: Value = serde_json::from_str(&text).expect("JSON");
        let env = status["env"].as_object().expect("a map").clone();
        let sorted = |names: &Value| {
            let mut names: Vec<String> = serde_json::from_value(names.clone()).expect("names");
            names.sort();
            names
        };
        env.iter()
            .map(|(container, names)| (container.clone(), sorted(names)))
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(status(&pod), status(&injected(&after)));
}

#[test]
fn an_env_from_brings_nothing_in_the_place_of_what_leaves() {
    let before = case(json!({ "agent": {
        "awsCaBundle": { "configMap": "ca" }, "httpProxy": { "httpsProxy": "http://proxy:3128", "noProxy": "a" },
    }}));
    let case = case(Value::Null);
    let mut pod = injected(&before);
    lay(
        sidecar_mut(&mut pod),
        &json!({ "envFrom": [{ "configMapRef": { "name": "platform" } }] }),
    );
    let pod = called(&case, &pod).expect("a copy");
    let from = BTreeMap::from([("AWS_CA_BUNDLE".to_owned(), "/theirs".to_owned())]);
    assert_eq!(
        kubelet::environment(sidecar(&pod), &from)["AWS_CA_BUNDLE"],
        ""
    );
    assert_eq!(called(&case, &pod).expect("a third call"), pod);
}

/// A sidecar that would not start keeps the application from starting.
#[test]
fn a_proxy_of_others_that_the_agent_would_refuse_leaves() {
    let case = case(Value::Null);
    let first = injected(&case);
    for (name, url, stays) in [
        ("HTTPS_PROXY", "http://proxy:3128", true),
        ("https_proxy", "me:p%23@proxy:3128", true),
        ("HTTPS_PROXY", "http://$(HOST_IP):3128", true),
        ("HTTPS_PROXY", "socks5://proxy:1080", false),
        ("https_proxy", "http://me:p#1@proxy", false),
        ("HTTPS_PROXY", "http://proxy:99999", false),
    ] {
        let mut pod = first.clone();
        lay(
            sidecar_mut(&mut pod),
            &json!({ "env": [{ "name": name, "value": url }] }),
        );
        let pod = called(&case, &pod).expect("an addition");
        let environment = kubelet::environment(sidecar(&pod), &BTreeMap::new());
        assert_eq!(environment.contains_key(name), stays, "{name}={url}");
        if !url.contains('$') {
            load(&environment);
        }
    }
}
