//! Pods that no author wrote: drawn from what pods are made of, and from anything that JSON can
//! hold.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use serde_json::{Map, Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, draw};
use crate::rules;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

fn maybe(value: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    proptest::option::of(value)
}

/// Ours among them, and twice now and then: Kubernetes takes the last.
fn variable() -> impl Strategy<Value = Value> {
    let usual = select(vec![
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "NO_PROXY",
        "no_proxy",
        "HTTPS_PROXY",
        "http_proxy",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "OTHER",
    ]);
    let ours = select(vec![
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_STS_REGIONAL_ENDPOINTS",
    ]);
    let values = select(vec![
        "",
        "",
        "eu-west-1",
        "a,b",
        "127.0.0.1",
        "*",
        "$(OTHER)",
        "$$(OTHER)",
        "$(NOWHERE)",
        "http://127.0.0.1:9911/v1/credentials",
        "/var/run/secrets/stsidecar.dev/endpoint/token",
    ]);
    (prop_oneof![4 => usual, 1 => ours], values, any::<u8>()).prop_map(|(name, value, kind)| match kind % 16 {
        0 => json!({ "name": name, "valueFrom": { "configMapKeyRef": { "name": "m", "key": "k" } } }),
        1 => json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": "s", "key": "k", "optional": true } } }),
        2 => json!({ "name": name }),
        3 => json!({ "name": name, "value": value, "valueFrom": null }),
        _ => json!({ "name": name, "value": value }),
    })
}

fn env_from() -> impl Strategy<Value = Value> {
    let prefix = select(vec![
        None,
        None,
        Some(""),
        Some("A"),
        Some("AWS_"),
        Some("AWS_D"),
        Some("DB_"),
        Some("AWS_EC2_"),
        Some("AWS_S"),
        Some("no_"),
        Some("H"),
    ]);
    (prefix, any::<bool>(), any::<bool>()).prop_map(|(prefix, is_secret, optional)| {
        let (kind, name) = if is_secret {
            ("secretRef", "s")
        } else {
            ("configMapRef", "m")
        };
        let mut source = json!({ kind: { "name": name } });
        if optional {
            source[kind]["optional"] = true.into();
        }
        if let Some(prefix) = prefix {
            source["prefix"] = prefix.into();
        }
        source
    })
}

fn container(name: String, is_init: bool) -> impl Strategy<Value = Value> {
    let env = maybe(vec(variable(), 0..5).prop_map(Value::from));
    let from = maybe(vec(env_from(), 0..3).prop_map(Value::from));
    let mounts = maybe(Just(
        json!([{ "name": "data", "mountPath": "/data", "future": { "x": 1.5 } }]),
    ));
    (env, from, mounts, any::<u8>()).prop_map(move |(env, from, mounts, bits)| {
        let mut value =
            json!({ "name": name, "image": "app", "futureField": { "keep": [1, null, "x"] } });
        let mut set = |key: &str, of: Option<Value>| {
            if let Some(of) = of {
                value[key] = of;
            }
        };
        set("env", env);
        set("volumeMounts", mounts);
        set("envFrom", from);
        set(
            "restartPolicy",
            (is_init && bits & 2 != 0).then(|| "Always".into()),
        );
        set(
            "resources",
            (bits & 0x0c != 0).then(|| json!({ "limits": { "cpu": "1", "memory": "1Gi" } })),
        );
        set(
            "ports",
            (bits & 0x70 == 0).then(|| json!([{ "containerPort": 9911 }])),
        );
        value
    })
}

fn containers(is_init: bool) -> impl Strategy<Value = Vec<Value>> {
    let names = [
        "istio-proxy",
        "linkerd-init",
        "vault-agent",
        "app",
        "worker",
        "default",
        "a",
    ];
    let names = select(
        names
            .map(|name| {
                if is_init {
                    format!("{name}-i")
                } else {
                    name.to_owned()
                }
            })
            .to_vec(),
    )
    .prop_map(move |name| {
        if name.starts_with("istio") {
            "istio-proxy".to_owned()
        } else {
            name
        }
    });
    vec(names, usize::from(!is_init)..4).prop_flat_map(move |mut names| {
        names.sort();
        names.dedup();
        names
            .into_iter()
            .map(|name| container(name, is_init))
            .collect::<Vec<_>>()
    })
}

fn annotation() -> impl Strategy<Value = (String, String)> {
    let good = select(vec![
        ("stsidecar.dev/role-arn", ROLE),
        ("stsidecar.dev/region", "eu-central-1"),
        (
            "stsidecar.dev/role-chain",
            "arn:aws:iam::111122223333:role/b, arn:aws:iam::111122223333:role/c",
        ),
        (
            "stsidecar.dev/container-roles",
            "app=arn:aws:iam::111122223333:role/b",
        ),
        ("stsidecar.dev/session-duration", "longest"),
        ("stsidecar.dev/session-duration", "15m"),
        ("stsidecar.dev/session-name", "{namespace}-{pod}"),
        (
            "stsidecar.dev/session-policy-arns",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        ("stsidecar.dev/legacy-clients", "true"),
        ("stsidecar.dev/wait-for-credentials", "false"),
        ("stsidecar.dev/readiness-probe", "true"),
        ("stsidecar.dev/log-level", "debug"),
        ("stsidecar.dev/log-format", "text"),
        ("stsidecar.dev/port", "19911"),
        ("stsidecar.dev/skip-containers", "app"),
        ("stsidecar.dev/containers", "app"),
        ("stsidecar.dev/cpu-limit", "200m"),
        ("stsidecar.dev/sts-endpoint", "https://sts.example.com"),
        ("stsidecar.dev/status", "{\"env\":{\"app\":7}}"),
        ("other.example.com/key", "~/odd"),
    ]);
    let bad = ("stsidecar\\.dev/[a-z-]{1,12}", ".{0,12}");
    prop_oneof![
        12 => good.prop_map(|(key, value)| (key.to_owned(), value.to_owned())),
        1 => bad,
    ]
}

fn pod() -> impl Strategy<Value = Value> {
    let annotations = vec(annotation(), 0..4);
    (
        annotations,
        containers(false),
        proptest::option::of(containers(true)),
        any::<u8>(),
    )
        .prop_map(|(annotations, containers, inits, bits)| {
            let mut all: Map<String, Value> = annotations
                .into_iter()
                .map(|(key, value)| (key, value.into()))
                .collect();
            all.insert("stsidecar.dev/inject".to_owned(), "true".into());
            if bits & 7 != 0 {
                all.entry("stsidecar.dev/role-arn")
                    .or_insert_with(|| ROLE.into());
                all.entry("stsidecar.dev/region")
                    .or_insert_with(|| "eu-central-1".into());
            }
            let mut spec =
                json!({ "containers": containers, "futureOfPods": { "a~b/c": [0.1, -3] } });
            if let Some(inits) = inits {
                spec["initContainers"] = inits.into();
            }
            if bits & 8 != 0 {
                spec["volumes"] = json!([{ "name": "data", "emptyDir": {} }]);
            }
            if bits & 16 != 0 {
                spec["volumes"] = Value::Null;
            }
            json!({ "metadata": { "annotations": all }, "spec": spec })
        })
}

/// Anything, with the words of pods as keys so that some of it gets far.
fn anything() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "metadata",
        "spec",
        "annotations",
        "labels",
        "containers",
        "initContainers",
        "env",
        "name",
        "value",
        "volumes",
        "volumeMounts",
        "ports",
        "stsidecar.dev/inject",
        "stsidecar",
        "true",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let keys = words.clone().prop_map(str::to_owned);
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(keys, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

const PLACES: [&str; 9] = [
    "/metadata/annotations",
    "/metadata",
    "/spec",
    "/spec/containers",
    "/spec/containers/0",
    "/spec/containers/0/env",
    "/spec/initContainers",
    "/spec/volumes",
    "/spec/containers/0/volumeMounts",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_pod_of_usual_parts_is_injected_by_the_rules_or_refused(pod in pod()) {
        let case = Case { pod, ..Case::default() };
        rules::hold(&case, "a drawn pod");
    }

    #[test]
    fn nothing_that_json_can_hold_ends_in_a_panic(
        anything in anything(), pod in pod(), at in any::<prop::sample::Index>(),
    ) {
        // Once alone, and once in the place of a part of a good pod.
        let case = |pod| Case { pod, ..Case::default() };
        rules::hold(&case(anything.clone()), "anything");
        let mut pod = pod;
        let place: &str = PLACES[at.index(PLACES.len())];
        if let Some(part) = pod.pointer_mut(place) {
            *part = anything;
        }
        rules::hold(&case(pod), "a pod with anything in it");
    }
}

/// The drawn pods would prove little if most were refused.
#[test]
fn most_drawn_pods_are_injected() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let drawn = (0..400).map(|_| pod().new_tree(&mut runner).expect("a pod").current());
    let injected = drawn.filter(|pod| {
        let case = Case {
            pod: pod.clone(),
            ..Case::default()
        };
        matches!(case.decide(pod, &mut draw()), Decision::Inject(_))
    });
    let injected = injected.count();
    assert!(injected > 80, "{injected} of 400");
}

/// The API server's limit for an object is 1.5 MiB; the time is printed, since machines differ.
#[test]
#[allow(clippy::disallowed_methods, reason = "it is a measurement")]
fn the_largest_pod_is_injected() {
    let container = |at: usize| {
        let env: Vec<Value> = (0..40)
            .map(|n| json!({ "name": format!("NAME_{n}"), "value": "x".repeat(80) }))
            .collect();
        json!({ "name": format!("app-{at}"), "image": "app", "env": env })
    };
    let containers: Vec<Value> = (0..300).map(container).collect();
    let pod = json!({
        "metadata": { "annotations": {
            "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE, "stsidecar.dev/region": "eu-central-1",
        }},
        "spec": { "containers": containers },
    });
    let text = pod.to_string();
    assert!(text.len() > 1_200_000, "{}", text.len());
    let case = Case {
        pod,
        ..Case::default()
    };
    let template = case.template();
    let request = stsidecar::inject::Request {
        pod: &case.pod,
        namespace: "shop",
        account: None,
        namespace_object: None,
        asked_by_caller: false,
        fallback_role: None,
    };
    let started = Instant::now();
    let decision = stsidecar::inject::decide(&request, &template, &mut draw());
    let took = started.elapsed();
    println!("{} bytes, 300 containers: {took:?}", text.len());
    assert!(matches!(decision, Decision::Inject(_)), "{decision:?}");
    assert!(rules::hold(&case, "the largest pod"));
}
