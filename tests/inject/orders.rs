//! Other injectors in every order: whichever runs first, the pod comes out the same, and ours
//! starts where it must.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};

type Injector = fn(&Case, &mut Value);

fn insert(pod: &mut Value, list: &str, at: usize, container: Value) {
    let spec = pod["spec"].as_object_mut().expect("a spec");
    let list = spec
        .entry(list)
        .or_insert_with(|| json!([]))
        .as_array_mut()
        .expect("a list");
    list.insert(at.min(list.len()), container);
}

fn ours(case: &Case, pod: &mut Value) {
    match case.decide(pod, &mut draw()) {
        Decision::Inject(injection) => apply(pod, &injection.operations),
        other => panic!("{other:?}"),
    }
}

fn istio(_: &Case, pod: &mut Value) {
    insert(
        pod,
        "initContainers",
        0,
        json!({ "name": "istio-proxy", "image": "i", "restartPolicy": "Always" }),
    );
    insert(
        pod,
        "initContainers",
        0,
        json!({ "name": "istio-validation", "image": "i" }),
    );
}

fn linkerd(_: &Case, pod: &mut Value) {
    insert(
        pod,
        "initContainers",
        usize::MAX,
        json!({ "name": "linkerd-init", "image": "l" }),
    );
    insert(
        pod,
        "initContainers",
        usize::MAX,
        json!({ "name": "linkerd-proxy", "image": "l", "restartPolicy": "Always" }),
    );
}

fn vault(_: &Case, pod: &mut Value) {
    insert(
        pod,
        "initContainers",
        0,
        json!({ "name": "vault-agent-init", "image": "v" }),
    );
    insert(
        pod,
        "containers",
        usize::MAX,
        json!({ "name": "vault-agent", "image": "v" }),
    );
}

fn logs(_: &Case, pod: &mut Value) {
    insert(
        pod,
        "containers",
        0,
        json!({ "name": "logs", "image": "l" }),
    );
    insert(
        pod,
        "initContainers",
        0,
        json!({ "name": "logs-init", "image": "l" }),
    );
}

fn orders(rest: &[(&'static str, Injector)]) -> Vec<Vec<(&'static str, Injector)>> {
    if rest.is_empty() {
        return vec![Vec::new()];
    }
    let begun = rest.iter().enumerate().flat_map(|(at, first)| {
        let others: Vec<_> = rest
            .iter()
            .enumerate()
            .filter(|(own, _)| *own != at)
            .map(|(_, one)| *one)
            .collect();
        orders(&others)
            .into_iter()
            .map(move |order| [&[*first], order.as_slice()].concat())
    });
    begun.collect()
}

/// Each container with what it was given, without regard to the order.
fn contents(pod: &Value) -> BTreeSet<String> {
    let lists = ["initContainers", "containers", "volumes"];
    let all = lists
        .iter()
        .flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    let unordered = |item: &Value| {
        let mut item = item.clone();
        if item["name"] == "stsidecar" {
            let text = item["env"][0]["value"]
                .as_str()
                .expect("the configuration")
                .to_owned();
            let mut document: Value = serde_json::from_str(&text).expect("JSON");
            document["clients"]
                .as_array_mut()
                .expect("clients")
                .sort_by_key(ToString::to_string);
            item["env"][0]["value"] = document;
        }
        item.to_string()
    };
    all.map(unordered).collect()
}

#[test]
fn every_order_of_injectors_ends_in_the_same_pod() {
    let role = "arn:aws:iam::111122223333:role/app";
    let pod = json!({
        "metadata": { "annotations": {
            "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": role, "stsidecar.dev/region": "eu-central-1",
        }},
        "spec": {
            "initContainers": [{ "name": "migrate", "image": "a" }],
            "containers": [{ "name": "app", "image": "a" }],
        },
    });
    let case = Case {
        pod,
        ..Case::default()
    };
    let all: [(&str, Injector); 5] = [
        ("ours", ours),
        ("istio", istio),
        ("linkerd", linkerd),
        ("vault", vault),
        ("logs", logs),
    ];
    let mut first: Option<BTreeSet<String>> = None;
    for order in orders(&all) {
        let names: Vec<&str> = order.iter().map(|(name, _)| *name).collect();
        let mut pod = case.pod.clone();
        for (_, injector) in &order {
            injector(&case, &mut pod);
        }
        if names.last() != Some(&"ours") {
            ours(&case, &mut pod);
        }
        let contents = contents(&pod);
        assert_eq!(
            first.get_or_insert(contents.clone()),
            &contents,
            "{names:?}"
        );
        let inits: Vec<&str> = pod["spec"]["initContainers"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|own| own["name"].as_str())
            .collect();
        let at = |name: &str| inits.iter().position(|own| *own == name).expect(name);
        assert!(
            at("stsidecar") > at("istio-proxy") && at("stsidecar") > at("linkerd-proxy"),
            "{names:?}: {inits:?}"
        );
        let last_proxy = at("istio-proxy").max(at("linkerd-proxy"));
        for app in ["migrate", "logs-init"] {
            assert!(
                at("stsidecar") < at(app) || at(app) < last_proxy,
                "{names:?}: {inits:?}"
            );
        }
    }
}
