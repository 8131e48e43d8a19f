//! The sidecar's requests and limits beside pod-level resources (KEP-2837) and a `LimitRange`: the
//! API server, as its defaulting and validation are written, takes the injected pod whenever it
//! took the pod.

use serde_json::{Map, Value, json};

use crate::case::Case;
use crate::shape::{denied, injected_by, pod, sidecar};

/// An amount in thousandths, of the few spellings that these tests use.
fn amount(value: &Value) -> u64 {
    let text = value.as_str().expect("a text");
    let at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..at].parse().expect("a number");
    match &text[at..] {
        "" => number * 1000,
        "m" => number,
        "Mi" => (number * 1000) << 20,
        "Gi" => (number * 1000) << 30,
        other => panic!("{other}"),
    }
}

const LISTS: [&str; 2] = ["initContainers", "containers"];

fn containers<'a>(pod: &'a Value, list: &str) -> Vec<&'a Value> {
    pod["spec"][list].as_array().into_iter().flatten().collect()
}

/// `AggregateContainerRequests` of component-helpers: none when no container names the resource.
fn aggregate(pod: &Value, what: &str) -> Option<u64> {
    aggregate_of(pod, "requests", what)
}

fn aggregate_of(pod: &Value, kind: &str, what: &str) -> Option<u64> {
    let request = |container: &Value| container["resources"][kind].get(what).map(amount);
    let (mut running, mut most, mut named) = (0, 0, false);
    for container in containers(pod, "initContainers") {
        let own = request(container);
        named |= own.is_some();
        if container["restartPolicy"] == "Always" {
            running += own.unwrap_or(0);
            most = most.max(running);
        } else {
            most = most.max(running + own.unwrap_or(0));
        }
    }
    let all = containers(pod, "containers");
    named |= all.iter().any(|container| request(container).is_some());
    let sum: u64 = running
        + all
            .iter()
            .filter_map(|container| request(container))
            .sum::<u64>();
    named.then_some(sum.max(most))
}

/// `SetDefaults_Pod` and `defaultPodRequests`, as far as requests go.
fn defaulted(pod: &Value) -> Value {
    let mut pod = with_requests(pod);
    let limits = pod["spec"]["resources"]["limits"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for what in ["cpu", "memory"].into_iter().filter(|_| !limits.is_empty()) {
        if pod["spec"]["resources"]["requests"].get(what).is_some() {
            continue;
        }
        if let Some(sum) = aggregate(&pod, what) {
            pod["spec"]["resources"]["requests"][what] = format!("{sum}m").into();
        } else if let Some(limit) = limits.get(what) {
            pod["spec"]["resources"]["requests"][what] = limit.clone();
        }
    }
    pod
}

/// What Kubernetes 1.37.2 was seen to store of a pod's own resources, webhooks called before (gate
/// `PodLevelResourcesFixDefaulting`, <https://github.com/kubernetes/kubernetes/issues/136120>):
/// where each container has a limit and the pod none, their sum, or the pod's request where that is
/// more. In thousandths, by kind and resource.
fn stored_since_1_37(pod: &Value) -> Map<String, Value> {
    let pod = with_requests(pod);
    let own = |kind: &str, what: &str| pod["spec"]["resources"][kind].get(what).map(amount);
    let mut stored = Map::new();
    for what in ["cpu", "memory"] {
        let request = own("requests", what)
            .or_else(|| aggregate(&pod, what))
            .or_else(|| own("limits", what));
        let mut all = LISTS.into_iter().flat_map(|list| containers(&pod, list));
        let summed = all.all(|container| container["resources"]["limits"].get(what).is_some());
        let sum = aggregate_of(&pod, "limits", what)
            .filter(|_| summed)
            .max(request.filter(|_| summed));
        for (kind, value) in [
            ("requests", request),
            ("limits", own("limits", what).or(sum)),
        ] {
            if let Some(value) = value {
                stored.insert(format!("{kind} {what}"), value.into());
            }
        }
    }
    stored
}

/// A container's limit is its request where it has none.
fn with_requests(pod: &Value) -> Value {
    let mut pod = pod.clone();
    for list in LISTS {
        for container in pod["spec"][list].as_array_mut().into_iter().flatten() {
            for (what, limit) in container["resources"]["limits"]
                .as_object()
                .cloned()
                .unwrap_or_default()
            {
                if container["resources"]["requests"].get(&what).is_none() {
                    container["resources"]["requests"][&what] = limit;
                }
            }
        }
    }
    pod
}

/// `validatePodResourceConsistency` and requests within limits; the pod's limits bound init
/// containers too, as the KEP has it.
fn accepted(pod: &Value) -> Result<(), String> {
    let own = &pod["spec"]["resources"];
    for what in ["cpu", "memory"] {
        let (request, limit) = (
            own["requests"].get(what).map(amount),
            own["limits"].get(what).map(amount),
        );
        if request
            .zip(limit)
            .is_some_and(|(request, limit)| request > limit)
        {
            return Err(format!("{what}: the pod's request exceeds its limit"));
        }
        if request
            .zip(aggregate(pod, what))
            .is_some_and(|(request, sum)| sum > request)
        {
            return Err(format!("{what}: the containers' requests exceed the pod's"));
        }
        for container in LISTS.into_iter().flat_map(|list| containers(pod, list)) {
            let of = |kind: &str| container["resources"][kind].get(what).map(amount);
            let exceeds = |most: Option<u64>, own: Option<u64>| {
                most.zip(own).is_some_and(|(most, own)| own > most)
            };
            if exceeds(limit, of("limits")) || exceeds(of("limits"), of("requests")) {
                return Err(format!(
                    "{what}: a limit of {} exceeds what it may",
                    container["name"]
                ));
            }
        }
    }
    Ok(())
}

/// The pod's own, then each container's resources.
fn with(own: &Value, app: &Value, init: Option<&Value>) -> Value {
    let mut pod = pod();
    pod["spec"]["resources"] = own.clone();
    pod["spec"]["containers"][0]["resources"] = app.clone();
    if let Some(init) = init {
        pod["spec"]["initContainers"] =
            json!([{ "name": "migrate", "image": "m", "resources": init }]);
    }
    pod
}

#[test]
fn the_api_server_takes_what_it_took_before_and_derives_the_same_from_it() {
    let small = json!({ "requests": { "cpu": "10m", "memory": "32Mi" } });
    let chart = json!({ "agent": { "resources": { "limits": { "cpu": "200m" }, "requests": { "memory": null } } } });
    let rows = [
        // Room for both, for one of them, for none.
        (
            json!({ "requests": { "cpu": "1", "memory": "1Gi" } }),
            small.clone(),
        ),
        (
            json!({ "requests": { "cpu": "10m", "memory": "1Gi" } }),
            small.clone(),
        ),
        (
            json!({ "requests": { "cpu": "12m", "memory": "40Mi" } }),
            small.clone(),
        ),
        (
            json!({ "requests": { "cpu": "10m", "memory": "32Mi" } }),
            small.clone(),
        ),
        (
            json!({ "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "cpu": "10m", "memory": "32Mi" } }),
            small.clone(),
        ),
        // A pod's limit below the sidecar's.
        (json!({ "limits": { "memory": "20Mi" } }), json!({})),
        (
            json!({ "limits": { "cpu": "100m", "memory": "64Mi" } }),
            json!({ "limits": { "cpu": "50m", "memory": "64Mi" } }),
        ),
        // The pod's request is derived, from its limit or from its containers.
        (
            json!({ "limits": { "cpu": "1", "memory": "1Gi" } }),
            json!({}),
        ),
        (
            json!({ "limits": { "cpu": "1", "memory": "1Gi" } }),
            small.clone(),
        ),
        (json!({ "limits": { "memory": "1Gi" } }), small.clone()),
        (json!({ "requests": { "memory": "1Gi" } }), json!({})),
        (json!({}), small.clone()),
        (
            json!({ "limits": {} }),
            json!({ "limits": { "cpu": "1", "memory": "1Gi" } }),
        ),
    ];
    for (own, app) in rows {
        for init in [
            None,
            Some(json!({ "requests": { "cpu": "10m", "memory": "16Mi" } })),
        ] {
            for values in [Value::Null, chart.clone()] {
                let raw = with(&own, &app, init.as_ref());
                // A file reaches the injector as it is, a review with the API server's defaults.
                for pod in [raw.clone(), defaulted(&raw)] {
                    accepted(&defaulted(&pod)).expect("the row itself is accepted");
                    let case = Case {
                        pod: pod.clone(),
                        values: values.clone(),
                        ..Case::default()
                    };
                    let (after, _) = injected_by(&case);
                    let shown = &sidecar(&after)["resources"];
                    let stored = defaulted(&after);
                    accepted(&stored).unwrap_or_else(|problem| {
                        panic!("{problem}: {own} {app} {init:?}: {shown}")
                    });
                    let (before, now) = (
                        &defaulted(&pod)["spec"]["resources"],
                        &stored["spec"]["resources"],
                    );
                    assert_eq!(now["limits"], before["limits"]);
                    for what in ["cpu", "memory"] {
                        let limited = before["limits"].get(what).is_some();
                        assert!(
                            !limited || now["requests"][what] == before["requests"][what],
                            "{own} {app}: {now}"
                        );
                    }
                    let again = Case {
                        pod: stored.clone(),
                        values: values.clone(),
                        ..Case::default()
                    };
                    assert_eq!(
                        injected_by(&again).0,
                        stored,
                        "the second call changes something"
                    );
                }
            }
        }
    }
}

#[test]
fn a_pod_whose_limits_are_derived_from_its_containers_keeps_them_and_its_class() {
    let whole = json!({ "limits": { "cpu": "1", "memory": "1Gi" } });
    let rows = [
        // The request is derived, and equals the limit.
        (
            json!({ "limits": { "memory": "64Mi" } }),
            json!({ "limits": { "cpu": "50m", "memory": "64Mi" } }),
        ),
        (json!({ "limits": { "cpu": "2" } }), whole.clone()),
        (
            json!({ "requests": { "memory": "1Gi" } }),
            json!({ "limits": { "cpu": "50m" } }),
        ),
        // The pod's request is more than its containers' limits, and becomes the limit.
        (json!({ "requests": { "cpu": "2" } }), whole.clone()),
        (
            json!({ "requests": { "cpu": "2", "memory": "2Gi" } }),
            whole,
        ),
        // A container's request is less than its limit; one has no limit; nothing is derived of
        // what the pod limits.
        (
            json!({ "requests": { "memory": "1Gi" } }),
            json!({ "limits": { "cpu": "50m" }, "requests": { "cpu": "10m" } }),
        ),
        (
            json!({ "requests": { "memory": "1Gi" } }),
            json!({ "requests": { "cpu": "10m" } }),
        ),
        (
            json!({ "limits": { "cpu": "1", "memory": "1Gi" } }),
            json!({ "limits": { "cpu": "50m", "memory": "64Mi" } }),
        ),
    ];
    let asked = json!({ "cpu": "200m", "memory": "48Mi" });
    let chart =
        json!({ "agent": { "resources": { "requests": asked, "limits": { "memory": "64Mi" } } } });
    let other =
        json!({ "agent": { "resources": { "limits": { "cpu": "300m", "memory": "96Mi" } } } });
    let init = json!({ "limits": { "cpu": "10m", "memory": "16Mi" } });
    for (own, app) in &rows {
        for (init, values) in [
            (None, Value::Null),
            (Some(&init), Value::Null),
            (None, chart.clone()),
            (None, other.clone()),
        ] {
            let pod = with(own, app, init);
            let (after, _) = injected_by(&Case {
                pod: pod.clone(),
                values,
                ..Case::default()
            });
            let (before, now) = (stored_since_1_37(&pod), stored_since_1_37(&after));
            let row = format!("{own} {app} {init:?}: {}", sidecar(&after)["resources"]);
            assert_eq!(
                now.keys().collect::<Vec<_>>(),
                before.keys().collect::<Vec<_>>(),
                "{row}"
            );
            for what in ["cpu", "memory"] {
                let equal = |of: &Map<String, Value>| {
                    of.get(&format!("requests {what}")) == of.get(&format!("limits {what}"))
                };
                assert_eq!(
                    equal(&now),
                    equal(&before),
                    "{what} of {row}: {before:?}, then {now:?}"
                );
            }
            accepted(&defaulted(&after)).unwrap_or_else(|problem| panic!("{problem}: {row}"));
        }
    }
}

#[test]
fn a_container_that_comes_later_takes_the_room_of_the_sidecar() {
    let pod = with(
        &json!({ "requests": { "cpu": "100m" } }),
        &json!({ "requests": { "cpu": "50m" } }),
        None,
    );
    let (mut after, _) = injected_by(&Case {
        pod,
        ..Case::default()
    });
    assert_eq!(sidecar(&after)["resources"]["requests"]["cpu"], "5m");
    let later =
        json!({ "name": "logs", "image": "l", "resources": { "requests": { "cpu": "50m" } } });
    after["spec"]["containers"]
        .as_array_mut()
        .expect("a list")
        .push(later);
    let (again, _) = injected_by(&Case {
        pod: after,
        ..Case::default()
    });
    accepted(&defaulted(&again)).expect("accepted");
    assert_eq!(
        sidecar(&again)["resources"]["limits"]["memory"],
        "32Mi",
        "what fits is kept"
    );
}

/// The API server sends none of these; a file and a forged review can hold them.
#[test]
fn resources_of_another_shape_are_refused_by_name() {
    for (own, said) in [
        (json!({ "resources": "x" }), "spec.resources must be a map"),
        (
            json!({ "resources": { "requests": [1] } }),
            "spec.resources.requests must be a map",
        ),
        (
            json!({ "nodeSelector": ["kubernetes.io/arch"] }),
            "spec.nodeSelector must be a map",
        ),
    ] {
        let mut pod = pod();
        pod["spec"]
            .as_object_mut()
            .expect("a map")
            .extend(own.as_object().cloned().expect("a map"));
        let (reason, message) = denied(&Case {
            pod,
            ..Case::default()
        });
        assert_eq!(reason, "malformed");
        assert!(message.contains(said), "{message}");
    }
    let (after, _) = injected_by(&Case {
        pod: pod(),
        ..Case::default()
    });
    for (list, name) in [("containers", "app"), ("initContainers", "stsidecar")] {
        for (resources, said) in [
            (json!("x"), "resources must be a map"),
            (
                json!({ "requests": "x", "limits": { "cpu": "1" } }),
                "resources.requests must be a map",
            ),
            (
                json!({ "limits": [{ "cpu": "1" }] }),
                "resources.limits must be a map",
            ),
        ] {
            let mut pod = after.clone();
            pod["spec"]["resources"] = json!({ "requests": { "cpu": "10m" } });
            pod["spec"][list][0]["resources"] = resources;
            assert_eq!(pod["spec"][list][0]["name"], name);
            let (reason, message) = denied(&Case {
                pod,
                ..Case::default()
            });
            assert_eq!(reason, "malformed");
            assert!(
                message.contains(&format!("spec.{list}[0].{said}")),
                "{message}"
            );
        }
    }
}

/// `IsPodLevelResourcesSet` of component-helpers: an empty map sets nothing, so the containers
/// decide.
#[test]
fn a_pod_that_is_guaranteed_by_its_containers_stays_so_beside_an_empty_map() {
    let whole = json!({ "limits": { "cpu": "1", "memory": "1Gi" } });
    for own in [
        json!(null),
        json!({}),
        json!({ "requests": {}, "limits": {} }),
        json!({ "limits": null }),
    ] {
        let (after, _) = injected_by(&Case {
            pod: with(&own, &whole, None),
            ..Case::default()
        });
        let resources = &sidecar(&after)["resources"];
        assert_eq!(
            resources["limits"],
            json!({ "cpu": "100m", "memory": "32Mi" }),
            "{own}"
        );
        assert_eq!(resources["requests"], resources["limits"], "{own}");
    }
    let named = json!({ "requests": { "cpu": "2" } });
    let (after, _) = injected_by(&Case {
        pod: with(&named, &whole, None),
        ..Case::default()
    });
    assert_eq!(
        sidecar(&after)["resources"]["requests"]["cpu"],
        "5m",
        "the pod's own decide"
    );
}

/// The mark that the API server's own `LimitRanger` leaves before webhooks are called.
fn ranged(limits: &Value, set: &str) -> Value {
    let mut pod = pod();
    pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] =
        format!("LimitRanger plugin set: {set}").into();
    pod["spec"]["containers"][0]["resources"] =
        json!({ "limits": limits, "requests": { "cpu": "1m", "memory": "1Mi" } });
    pod
}

#[test]
fn a_default_limit_that_the_sidecar_cannot_live_with_is_named() {
    let said = |pod: Value, values: Value| {
        let (_, warnings) = injected_by(&Case {
            pod,
            values,
            ..Case::default()
        });
        warnings
            .into_iter()
            .filter(|text| text.contains("LimitRange"))
            .collect::<Vec<_>>()
    };
    let low = ranged(
        &json!({ "cpu": "20m", "memory": "1Gi" }),
        "cpu, memory request for container app; cpu, memory limit for container app",
    );
    let warnings = said(low.clone(), Value::Null);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for part in ["20m", "50m", "stsidecar.dev/cpu-limit", "docs/resources.md"] {
        assert!(warnings[0].contains(part), "{part}: {warnings:?}");
    }
    let unlimited = json!({ "agent": { "resources": { "limits": { "memory": null } } } });
    let memory = said(
        ranged(
            &json!({ "memory": "8Mi" }),
            "memory limit for container app",
        ),
        unlimited,
    );
    assert!(
        memory.len() == 1
            && memory[0].contains("8Mi")
            && memory[0].contains("stsidecar.dev/memory-request"),
        "{memory:?}"
    );
    // Its own limit, an author's limit, a default that is high enough.
    let mut own = low;
    own["metadata"]["annotations"]["stsidecar.dev/cpu-limit"] = "100m".into();
    assert!(said(own, Value::Null).is_empty());
    assert!(
        said(
            ranged(&json!({ "cpu": "20m" }), "memory limit for container app"),
            Value::Null
        )
        .is_empty()
    );
    assert!(
        said(
            ranged(&json!({ "cpu": "500m" }), "cpu limit for container app"),
            Value::Null
        )
        .is_empty()
    );
    assert!(
        said(
            ranged(&json!({ "cpu": "20m" }), "cpu limit for container other"),
            Value::Null
        )
        .is_empty()
    );
    assert!(
        said(
            ranged(&json!({}), "anything, at all; for container; limit for"),
            Value::Null
        )
        .is_empty()
    );
}
