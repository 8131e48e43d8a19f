//! Which nodes a pod may run on before and after injection, judged by a scheduler of our own, on
//! every node that a cluster of several architectures and systems could have.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, draw};
use crate::shape::{denied, injected_by, pod};

const ARCH: &str = "kubernetes.io/arch";
const OS: &str = "kubernetes.io/os";

#[derive(Clone, Debug)]
struct Node {
    arch: &'static str,
    os: &'static str,
    name: &'static str,
    pool: Option<&'static str>,
}

fn nodes() -> Vec<Node> {
    let mut all = Vec::new();
    for arch in ["amd64", "arm64", "s390x"] {
        for os in ["linux", "windows"] {
            for (name, pool) in [("one", None), ("two", Some("3")), ("three", Some("batch"))] {
                all.push(Node {
                    arch,
                    os,
                    name,
                    pool,
                });
            }
        }
    }
    all
}

impl Node {
    fn label(&self, key: &str) -> Option<&str> {
        match key {
            "kubernetes.io/arch" | "beta.kubernetes.io/arch" => Some(self.arch),
            "kubernetes.io/os" | "beta.kubernetes.io/os" => Some(self.os),
            "pool" => self.pool,
            _ => None,
        }
    }

    /// `labels.Requirement.Matches` of apimachinery.
    fn meets(requirement: &Value, own: Option<&str>) -> bool {
        let values: Vec<&str> = requirement["values"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let compared = || Some((number(own)?, number(values.first().copied())?));
        match requirement["operator"].as_str().expect("an operator") {
            "In" => own.is_some_and(|own| values.contains(&own)),
            "NotIn" => own.is_none_or(|own| !values.contains(&own)),
            "Exists" => own.is_some(),
            "DoesNotExist" => own.is_none(),
            "Gt" => compared().is_some_and(|(own, other)| own > other),
            "Lt" => compared().is_some_and(|(own, other)| own < other),
            other => panic!("{other}"),
        }
    }

    /// `nodeaffinity.RequiredNodeAffinity` of component-helpers.
    fn takes(&self, pod: &Value) -> bool {
        let spec = &pod["spec"];
        let selected = spec["nodeSelector"].as_object().is_none_or(|map| {
            map.iter()
                .all(|(key, value)| self.label(key).is_some_and(|own| own == value))
        });
        let required =
            &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let of = |term: &Value, list: &str| term[list].as_array().cloned().unwrap_or_default();
        let matches = |term: &Value| {
            let (labels, fields) = (of(term, "matchExpressions"), of(term, "matchFields"));
            let is_empty = labels.is_empty() && fields.is_empty();
            !is_empty
                && labels
                    .iter()
                    .all(|one| Self::meets(one, self.label(one["key"].as_str().expect("a key"))))
                && fields.iter().all(|one| Self::meets(one, Some(self.name)))
        };
        let affine = required.is_null() || of(required, "nodeSelectorTerms").iter().any(matches);
        selected && affine
    }
}

fn with_affinity(terms: &Value) -> Value {
    let mut pod = pod();
    pod["spec"]["affinity"] = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } });
    pod
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    match operator {
        "Exists" | "DoesNotExist" => json!({ "key": key, "operator": operator }),
        _ => json!({ "key": key, "operator": operator, "values": values }),
    }
}

fn terms(all: &[Vec<Value>]) -> Value {
    all.iter()
        .map(|expressions| json!({ "matchExpressions": expressions }))
        .collect()
}

/// Whatever the outcome: an injected pod runs where it could before and where the image runs, and
/// nowhere else; one that is refused could run nowhere that the image does.
fn judge(pod: &Value, architectures: &[&str]) {
    let values = json!({ "injector": { "agentArchitectures": architectures } });
    let case = Case {
        pod: pod.clone(),
        values,
        ..Case::default()
    };
    let runs = |node: &Node| architectures.len() == 2 || architectures.contains(&node.arch);
    match case.decide(pod, &mut draw()) {
        Decision::Inject(_) => {
            let (after, _) = injected_by(&case);
            for node in nodes() {
                assert_eq!(
                    node.takes(&after),
                    node.takes(pod) && runs(&node),
                    "{node:?} {pod}\n{after}"
                );
            }
            let again = Case {
                pod: after.clone(),
                ..case.clone()
            };
            assert_eq!(
                injected_by(&again).0,
                after,
                "the second call changes something"
            );
        }
        Decision::Deny(denial) => {
            assert_eq!(denial.reason.as_str(), "platform", "{denial}");
            let fits = |node: &Node| {
                architectures.contains(&node.arch) && node.os == "linux" && node.takes(pod)
            };
            assert!(
                !nodes().iter().any(fits),
                "refused, and yet it could run: {denial} {pod}"
            );
        }
        Decision::Skip(skip) => panic!("{skip:?}"),
    }
}

#[test]
fn a_pod_that_says_nothing_runs_where_the_image_runs() {
    for architectures in [&["amd64"][..], &["arm64"], &["amd64", "arm64"]] {
        judge(&pod(), architectures);
    }
    let (after, _) = injected_by(&Case {
        pod: pod(),
        ..Case::default()
    });
    let wanted = json!([{ "matchExpressions": [expression(ARCH, "In", &["amd64"])] }]);
    let required = &after["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(required["nodeSelectorTerms"], wanted);
    let both = json!({ "injector": { "agentArchitectures": ["amd64", "arm64"] } });
    let (after, _) = injected_by(&Case {
        pod: pod(),
        values: both,
        ..Case::default()
    });
    assert!(
        after["spec"].get("affinity").is_none(),
        "an image for all needs no affinity"
    );
}

#[test]
fn every_term_is_narrowed_and_what_is_narrow_stays_as_it_is() {
    let pool = expression("pool", "In", &["batch"]);
    let fields =
        json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["one"] }] });
    for terms in [
        terms(&[vec![pool.clone()], vec![expression(OS, "In", &["linux"])]]),
        terms(&[
            vec![expression(ARCH, "In", &["arm64"])],
            vec![expression(ARCH, "In", &["amd64"])],
        ]),
        terms(&[vec![expression(ARCH, "In", &["amd64", "arm64"])]]),
        terms(&[vec![expression(
            "beta.kubernetes.io/arch",
            "NotIn",
            &["arm64"],
        )]]),
        terms(&[vec![expression(ARCH, "Exists", &[])]]),
        json!([fields, {}]),
        json!([{ "matchExpressions": null, "matchFields": [] }, { "matchExpressions": [pool] }]),
    ] {
        judge(&with_affinity(&terms), &["amd64"]);
    }
    for terms in [
        terms(&[vec![expression(ARCH, "In", &["amd64"])]]),
        json!([{}]),
    ] {
        let pod = with_affinity(&terms);
        let (after, _) = injected_by(&Case {
            pod: pod.clone(),
            ..Case::default()
        });
        assert_eq!(after["spec"]["affinity"], pod["spec"]["affinity"]);
    }
    let mut selected = pod();
    selected["spec"]["nodeSelector"] = json!({ ARCH: "amd64" });
    let (after, _) = injected_by(&Case {
        pod: selected,
        ..Case::default()
    });
    assert!(
        after["spec"].get("affinity").is_none(),
        "its nodeSelector is narrow enough"
    );
}

#[test]
fn an_affinity_without_required_terms_is_given_one_and_keeps_the_rest() {
    let preferred = json!([{ "weight": 1, "preference": { "matchExpressions": [expression(ARCH, "In", &["arm64"])] } }]);
    for affinity in [
        json!({}),
        json!({ "nodeAffinity": null, "podAntiAffinity": { "keep": 1 } }),
        json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } }),
        json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": null } }),
        json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [] } } }),
    ] {
        let mut pod = pod();
        pod["spec"]["affinity"] = affinity.clone();
        let (after, _) = injected_by(&Case {
            pod,
            ..Case::default()
        });
        let node = &after["spec"]["affinity"]["nodeAffinity"];
        let terms = &node["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
        assert_eq!(
            *terms,
            json!([{ "matchExpressions": [expression(ARCH, "In", &["amd64"])] }]),
            "{affinity}"
        );
        for kept in [
            "/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution",
            "/podAntiAffinity",
        ] {
            assert_eq!(
                after["spec"]["affinity"].pointer(kept),
                affinity.pointer(kept)
            );
        }
    }
}

#[test]
fn a_pod_that_is_bound_already_is_left_where_it_is() {
    let mut bound = pod();
    bound["spec"]["nodeName"] = "arm-1".into();
    let (after, _) = injected_by(&Case {
        pod: bound,
        ..Case::default()
    });
    assert!(after["spec"].get("affinity").is_none());
}

#[test]
fn another_architecture_or_system_is_refused_however_it_is_asked_for() {
    let selector = |key: &str, value: &str| {
        let mut pod = pod();
        pod["spec"]["nodeSelector"] = json!({ key: value });
        pod
    };
    let only = |key: &str, operator: &str, values: &[&str]| {
        with_affinity(&terms(&[vec![expression(key, operator, values)]]))
    };
    let mut both = only(ARCH, "In", &["amd64", "arm64"]);
    both["spec"]["nodeSelector"] = json!({ "beta.kubernetes.io/arch": "arm64" });
    for (pod, said) in [
        (selector(ARCH, "arm64"), "amd64"),
        (selector("beta.kubernetes.io/arch", "arm64"), "amd64"),
        (only(ARCH, "In", &["arm64", "s390x"]), "amd64"),
        (only("beta.kubernetes.io/arch", "In", &["arm64"]), "amd64"),
        (only(ARCH, "NotIn", &["amd64"]), "amd64"),
        (only(ARCH, "DoesNotExist", &[]), "amd64"),
        (only(ARCH, "Gt", &["1"]), "amd64"),
        (both, "amd64"),
        (selector("beta.kubernetes.io/os", "windows"), "Windows"),
        (only(OS, "In", &["windows"]), "Windows"),
        (only(OS, "NotIn", &["linux"]), "Windows"),
        (only("beta.kubernetes.io/os", "In", &["windows"]), "Windows"),
    ] {
        let (reason, message) = denied(&Case {
            pod: pod.clone(),
            ..Case::default()
        });
        assert_eq!(reason, "platform", "{pod}");
        assert!(
            message.contains(said) && message.contains("stsidecar.dev/inject"),
            "{message}"
        );
    }
}

#[test]
fn an_affinity_of_another_shape_is_refused_by_name() {
    for (affinity, said) in [
        (json!("x"), "spec.affinity must be a map"),
        (
            json!({ "nodeAffinity": [] }),
            "spec.affinity.nodeAffinity must be a map",
        ),
        (
            json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": {} } } }),
            "nodeSelectorTerms must be a list of maps",
        ),
        (
            json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
                { "matchExpressions": "x" },
            ] } } }),
            "matchExpressions must be a list of maps",
        ),
    ] {
        let mut pod = pod();
        pod["spec"]["affinity"] = affinity;
        let (reason, message) = denied(&Case {
            pod,
            ..Case::default()
        });
        assert_eq!(reason, "malformed");
        assert!(message.contains(said), "{message}");
    }
}

fn requirement() -> impl Strategy<Value = Value> {
    let keys = select(vec![
        ARCH,
        "beta.kubernetes.io/arch",
        OS,
        "beta.kubernetes.io/os",
        "pool",
        "absent",
    ]);
    let operators = select(vec![
        "In",
        "In",
        "NotIn",
        "NotIn",
        "Exists",
        "DoesNotExist",
        "Gt",
        "Lt",
    ]);
    let values = vec(
        select(vec!["amd64", "arm64", "s390x", "linux", "windows", "batch"]),
        1..3,
    );
    (keys, operators, values).prop_map(|(key, operator, values)| match operator {
        "Gt" | "Lt" => expression(key, operator, &["2"]),
        _ => expression(key, operator, &values),
    })
}

fn term() -> impl Strategy<Value = Value> {
    let field = (select(vec!["In", "NotIn"]), select(vec!["one", "two"]));
    let field =
        field.prop_map(|(operator, name)| json!({ "key": "metadata.name", "operator": operator, "values": [name] }));
    (vec(requirement(), 0..3), vec(field, 0..2)).prop_map(|(labels, fields)| {
        let mut term = json!({});
        if !labels.is_empty() {
            term["matchExpressions"] = labels.into();
        }
        if !fields.is_empty() {
            term["matchFields"] = fields.into();
        }
        term
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_affinity_ends_on_the_nodes_of_both_pod_and_image(
        terms in proptest::option::of(vec(term(), 1..4)),
        selector in proptest::option::of(select(vec![(ARCH, "amd64"), (ARCH, "arm64"), (OS, "linux"), ("pool", "batch")])),
        architectures in select(vec![vec!["amd64"], vec!["arm64"], vec!["amd64", "arm64"]]),
    ) {
        let mut pod = terms.map_or_else(pod, |terms| with_affinity(&terms.into()));
        if let Some((key, value)) = selector {
            pod["spec"]["nodeSelector"] = json!({ key: value });
        }
        judge(&pod, &architectures);
    }
}
