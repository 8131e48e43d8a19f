//! Meshes that redirect a pod's traffic: where the sidecar is among their containers, and which
//! pods would wait for ever, because STS is reached through a proxy that starts after the sidecar.

use serde_json::{Value, json};

use crate::case::Case;
use crate::shape::{injected, injected_by, pod, sidecar};

/// A pod as a mesh's injector leaves it: init containers and containers by name, `+` marking a
/// native sidecar.
fn meshed(inits: &[&str], containers: &[&str], annotations: &Value) -> Value {
    let made = |name: &&str| match name.strip_suffix('+') {
        Some(name) => json!({ "name": name, "image": "m", "restartPolicy": "Always" }),
        None => json!({ "name": name, "image": "m" }),
    };
    let mut pod = pod();
    pod["spec"]["initContainers"] = inits.iter().map(made).collect();
    let all = pod["spec"]["containers"].as_array_mut().expect("a list");
    all.extend(containers.iter().map(made));
    let own = pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map");
    own.extend(annotations.as_object().cloned().expect("a map"));
    pod
}

fn about_the_mesh(warnings: &[String]) -> Vec<&String> {
    warnings
        .iter()
        .filter(|text| text.contains("docs/meshes.md"))
        .collect()
}

fn order(pod: &Value) -> Vec<&str> {
    pod["spec"]["initContainers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|own| own["name"].as_str())
        .collect()
}

#[test]
fn a_pod_whose_ordinary_proxy_starts_after_the_redirection_is_warned_of() {
    let istio = json!({ "sidecar.istio.io/status": r#"{"initContainers":["istio-validation"],"containers":["istio-proxy"]}"# });
    let renamed = json!({ "sidecar.istio.io/status": r#"{"initContainers":null,"containers":["mesh-proxy"]}"# });
    let linkerd = json!({ "linkerd.io/proxy-version": "edge-25.4.4" });
    for (pod, proxy, ways) in [
        (
            meshed(&["istio-validation"], &["istio-proxy"], &istio),
            "istio-proxy",
            [
                "sidecar.istio.io/nativeSidecar",
                "traffic.sidecar.istio.io/excludeOutboundPorts: \"443\"",
            ],
        ),
        (
            meshed(&["istio-validation"], &["istio-proxy"], &json!({})),
            "istio-proxy",
            ["nativeSidecar", "443"],
        ),
        // A CNI that checks nothing leaves only the proxy.
        (
            meshed(&[], &["istio-proxy"], &istio),
            "istio-proxy",
            ["nativeSidecar", "443"],
        ),
        (
            meshed(&[], &["mesh-proxy"], &renamed),
            "mesh-proxy",
            ["nativeSidecar", "443"],
        ),
        (
            meshed(&["linkerd-network-validator"], &["linkerd-proxy"], &linkerd),
            "linkerd-proxy",
            [
                "config.beta.linkerd.io/proxy-enable-native-sidecar",
                "config.linkerd.io/skip-outbound-ports: \"443\"",
            ],
        ),
        (
            meshed(&[], &["linkerd-proxy"], &linkerd),
            "linkerd-proxy",
            ["native-sidecar", "443"],
        ),
        (
            meshed(&["kuma-validation"], &["kuma-sidecar"], &json!({})),
            "kuma-sidecar",
            ["native", "443"],
        ),
        // An init container that is no native sidecar ends before anything else starts: no proxy.
        (
            meshed(&["istio-validation", "istio-proxy"], &[], &json!({})),
            "istio-validation",
            ["nativeSidecar", "443"],
        ),
    ] {
        let (after, warnings) = injected(&pod);
        let said = about_the_mesh(&warnings);
        assert_eq!(said.len(), 2, "{warnings:?} {pod}");
        assert!(
            said.iter().all(|text| text.len() < 240),
            "the API server cuts what is longer: {said:?}"
        );
        let said = said[0].clone() + said[1];
        for part in [&[proxy, "stsidecar.dev/wait-for-credentials"][..], &ways].concat() {
            assert!(said.contains(part), "{part}: {said}");
        }
        let given = after
            .to_string()
            .matches("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
            .count();
        let renamed = after["metadata"]["annotations"]
            .to_string()
            .contains("mesh-proxy");
        assert!(
            given == 2 || renamed,
            "only the application is given the variables: {after}"
        );
    }
}

#[test]
fn a_proxy_that_runs_first_or_a_way_out_is_no_reason_to_warn() {
    let wait = json!({ "stsidecar.dev/wait-for-credentials": "false" });
    let excluded = |key: &str, value: &str| json!({ key: value });
    for pod in [
        meshed(&["istio-validation", "istio-proxy+"], &[], &json!({})),
        meshed(
            &["linkerd-network-validator", "linkerd-proxy+"],
            &[],
            &json!({}),
        ),
        meshed(&["istio-init"], &["istio-proxy"], &json!({})),
        meshed(&["linkerd-init"], &["linkerd-proxy"], &json!({})),
        meshed(&["istio-init", "istio-proxy+"], &[], &json!({})),
        meshed(&["istio-validation"], &["istio-proxy"], &wait),
        meshed(
            &["istio-validation"],
            &["istio-proxy"],
            &excluded("traffic.sidecar.istio.io/excludeOutboundPorts", "80, 443"),
        ),
        meshed(
            &["istio-validation"],
            &["istio-proxy"],
            &excluded(
                "traffic.sidecar.istio.io/excludeOutboundIPRanges",
                "10.9.0.0/16",
            ),
        ),
        meshed(
            &["linkerd-network-validator"],
            &["linkerd-proxy"],
            &excluded("config.linkerd.io/skip-outbound-ports", "25,400-500"),
        ),
        meshed(
            &[],
            &["istio-proxy"],
            &excluded("sidecar.istio.io/interceptionMode", "NONE"),
        ),
        pod(),
    ] {
        let (_, warnings) = injected(&pod);
        assert_eq!(about_the_mesh(&warnings), Vec::<&String>::new(), "{pod}");
    }
    // A gateway's proxy redirects nothing.
    let mut gateway = meshed(&[], &["istio-proxy"], &json!({}));
    gateway["spec"]["containers"][1]["args"] = json!(["proxy", "router"]);
    assert_eq!(about_the_mesh(&injected(&gateway).1), Vec::<&String>::new());
    // Linkerd reads its keys on the Namespace too.
    let namespace = json!({ "metadata": { "annotations": { "config.linkerd.io/skip-outbound-ports": "443" } } });
    let pod = meshed(
        &["linkerd-network-validator"],
        &["linkerd-proxy"],
        &json!({}),
    );
    let case = Case {
        pod,
        namespace: Some(namespace),
        ..Case::default()
    };
    assert_eq!(about_the_mesh(&injected_by(&case).1), Vec::<&String>::new());
}

/// Many clusters redirect the addresses of their own Services only, for which Istio's injector
/// writes the annotation with a CNI plugin. Istio's waypoints and node proxies are Envoys of the
/// same container name that redirect nothing.
#[test]
fn a_pod_whose_calls_of_sts_are_not_redirected_is_not_warned_of() {
    const RANGES: &str = "traffic.sidecar.istio.io/includeOutboundIPRanges";
    const PORTS: &str = "traffic.sidecar.istio.io/includeOutboundPorts";
    const IMDS: &str = "traffic.sidecar.istio.io/excludeOutboundIPRanges";
    let istio = |annotations: Value| meshed(&["istio-validation"], &["istio-proxy"], &annotations);
    let kuma = |said: &str| {
        meshed(
            &["kuma-validation"],
            &["kuma-sidecar"],
            &json!({ "kuma.io/transparent-proxying": said }),
        )
    };
    let run = |role: &str| {
        let mut pod = meshed(&[], &["istio-proxy"], &json!({}));
        pod["spec"]["containers"][1]["args"] =
            json!(["proxy", role, "--domain", "shop.svc.cluster.local"]);
        pod
    };
    for (pod, is_warned) in [
        (istio(json!({ RANGES: "10.96.0.0/12" })), false),
        (
            istio(json!({ RANGES: "10.96.0.0/12,fd00:10:96::/112" })),
            false,
        ),
        (istio(json!({ RANGES: "" })), false),
        (istio(json!({ RANGES: "*" })), true),
        (istio(json!({ RANGES: "0.0.0.0/0" })), true),
        (istio(json!({ RANGES: "10.96.0.0/12,::/0" })), true),
        // Ports are redirected whatever the addresses.
        (istio(json!({ RANGES: "", PORTS: "8080,443" })), true),
        (istio(json!({ RANGES: "", PORTS: "*" })), true),
        (istio(json!({ RANGES: "", PORTS: "4317" })), false),
        (istio(json!({ PORTS: "4317" })), true),
        // The instance metadata by IPv6 is the node's own too.
        (
            istio(json!({ IMDS: "169.254.169.254/32,fd00:ec2::254/128,::1/128" })),
            true,
        ),
        (kuma("disabled"), false),
        (kuma("false"), false),
        (kuma("enabled"), true),
        (run("router"), false),
        (run("waypoint"), false),
        (run("ztunnel"), false),
        (run("sidecar"), true),
    ] {
        let (_, warnings) = injected(&pod);
        assert_eq!(
            !about_the_mesh(&warnings).is_empty(),
            is_warned,
            "{pod}: {warnings:?}"
        );
    }
}

/// Of an STS in the cluster the address is one of those that are redirected.
#[test]
fn redirecting_the_clusters_own_addresses_catches_an_sts_in_the_cluster() {
    let pod = |ranges: &str, endpoint: &str| {
        let said = json!({
            "traffic.sidecar.istio.io/includeOutboundIPRanges": ranges,
            "stsidecar.dev/sts-endpoint": endpoint,
        });
        meshed(&["istio-validation"], &["istio-proxy"], &said)
    };
    for endpoint in [
        "https://sts.storage.svc",
        "https://sts.storage.svc.cluster.local:8333",
        "https://sts.storage",
        "https://sts",
        "https://10.96.4.7:8333",
        "https://[fd00:10:96::7]",
    ] {
        let warnings = injected(&pod("10.96.0.0/12,fd00:10:96::/112", endpoint)).1;
        assert_eq!(about_the_mesh(&warnings).len(), 2, "{endpoint}");
        let warnings = injected(&pod("", endpoint)).1;
        assert_eq!(
            about_the_mesh(&warnings),
            Vec::<&String>::new(),
            "{endpoint}: nothing is redirected"
        );
    }
    for endpoint in [
        "https://sts.eu-central-1.amazonaws.com",
        "https://sts.example.com",
        "https://svc.example.com",
    ] {
        assert_eq!(
            about_the_mesh(&injected(&pod("10.96.0.0/12", endpoint)).1),
            Vec::<&String>::new(),
            "{endpoint}"
        );
    }
}

/// Kuma leaves out calls by port and user, of which the sidecar has one of its own.
#[test]
fn a_kuma_that_leaves_out_the_sidecars_user_is_no_reason_to_warn() {
    let rules = "traffic.kuma.io/exclude-outbound-ports-for-uids";
    for (rule, is_warned) in [
        ("tcp:443:65532", false),
        ("443:65532", false),
        ("65532", false),
        ("tcp:22,400-500:65000-66000", false),
        ("udp:53:65532; tcp:*:65532", false),
        ("udp:443:65532", true),
        ("tcp:443:1000", true),
        ("tcp:8443:65532;tcp:443:1000", true),
        ("", true),
    ] {
        let pod = meshed(
            &["kuma-validation"],
            &["kuma-sidecar"],
            &json!({ rules: rule }),
        );
        let (_, warnings) = injected(&pod);
        assert_eq!(!about_the_mesh(&warnings).is_empty(), is_warned, "{rule}");
    }
    let pod = meshed(
        &["kuma-validation"],
        &["kuma-sidecar"],
        &json!({ rules: "443:65532" }),
    );
    for user in [json!(1000), Value::Null] {
        let values = json!({ "agent": { "securityContext": { "runAsUser": user } } });
        let (_, warnings) = injected_by(&Case {
            pod: pod.clone(),
            values,
            ..Case::default()
        });
        assert_eq!(
            about_the_mesh(&warnings).len(),
            2,
            "the sidecar has another user"
        );
    }
}

/// Istio's annotation names native proxies among the init containers, and templates of one's own
/// call them otherwise.
#[test]
fn a_native_proxy_that_istio_only_marks_starts_before_the_sidecar() {
    let marked = |containers: Value| {
        let status = json!({ "initContainers": ["istio-validation", "mesh-proxy"], "containers": containers });
        json!({ "sidecar.istio.io/status": status.to_string() })
    };
    let native = meshed(
        &["istio-validation", "mesh-proxy+"],
        &[],
        &marked(Value::Null),
    );
    let (after, warnings) = injected(&native);
    assert_eq!(
        order(&after),
        ["istio-validation", "mesh-proxy", "stsidecar"]
    );
    assert_eq!(about_the_mesh(&warnings), Vec::<&String>::new());
    assert_eq!(injected(&after).0, after);
    // Beside a proxy of the usual name, another native container of the template is no proxy.
    let both = meshed(
        &["istio-validation", "mesh-proxy+"],
        &["istio-proxy"],
        &marked(json!(["istio-proxy"])),
    );
    let (after, warnings) = injected(&both);
    assert_eq!(order(&after)[0], "stsidecar");
    assert_eq!(about_the_mesh(&warnings).len(), 2, "{warnings:?}");
}

#[test]
fn what_is_excluded_must_be_the_port_that_the_agent_calls() {
    let pod = |ports: &str, endpoint: &str| {
        let ports = json!({
            "traffic.sidecar.istio.io/excludeOutboundPorts": ports,
            "traffic.sidecar.istio.io/excludeOutboundIPRanges": "169.254.169.254/32",
            "stsidecar.dev/sts-endpoint": endpoint,
        });
        meshed(&["istio-validation"], &["istio-proxy"], &ports)
    };
    let said = |pod: &Value, values: Value| {
        !about_the_mesh(
            &injected_by(&Case {
                pod: pod.clone(),
                values,
                ..Case::default()
            })
            .1,
        )
        .is_empty()
    };
    let sts = "https://sts.example.com:8333";
    assert!(said(&pod("443", sts), Value::Null));
    assert!(!said(&pod("8333", sts), Value::Null));
    let proxied =
        json!({ "agent": { "httpProxy": { "httpsProxy": "http://proxy.example.com:3128" } } });
    assert!(said(&pod("8333", sts), proxied.clone()));
    assert!(!said(&pod("3128", sts), proxied));
    let (_, warnings) = injected(&pod("80", sts));
    assert!(
        about_the_mesh(&warnings)[1].contains("excludeOutboundPorts: \"8333\""),
        "{warnings:?}"
    );
    // On loopback there is nothing to redirect.
    assert!(!said(&pod("80", "http://127.0.0.1:8333"), Value::Null));
}

/// An init container that redirects must come after the sidecar, unless a native proxy runs by
/// then.
#[test]
fn the_sidecar_starts_before_an_init_container_that_redirects_to_an_ordinary_proxy() {
    for (redirects, proxy) in [
        ("istio-init", "istio-proxy"),
        ("linkerd-init", "linkerd-proxy"),
        ("kuma-init", "kuma-sidecar"),
    ] {
        let (mut after, _) = injected(&meshed(&[redirects], &[proxy], &json!({})));
        assert_eq!(order(&after), ["stsidecar", redirects]);
        // An injector that comes later and puts its own first.
        let list = after["spec"]["initContainers"]
            .as_array_mut()
            .expect("a list");
        list.swap(0, 1);
        let (again, _) = injected(&after);
        assert_eq!(order(&again), ["stsidecar", redirects]);
        let native = format!("{proxy}+");
        let (after, _) = injected(&meshed(&[redirects, &native], &[], &json!({})));
        assert_eq!(order(&after), [redirects, proxy, "stsidecar"]);
        assert!(sidecar(&after).is_object());
    }
}
