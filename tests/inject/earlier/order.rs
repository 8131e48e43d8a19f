//! What others add between two calls, and what they add before the first one, end in the same
//! application.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{called, case, injected, lay, load, sidecar, sidecar_mut};
use crate::case::Case;
use crate::kubelet;

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

/// What the application's processes are given, where every source of an envFrom holds `from`.
/// `regional` is all that today's SDKs know, so it stays once it is there.
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

/// Rendered before `change` and completed behind it, the application has what it has when all came
/// behind `change`.
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
