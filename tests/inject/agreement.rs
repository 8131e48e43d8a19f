//! What the webhook admits, the agent accepts: values of every annotation drawn around the limits
//! of what they may be, the pod rendered, and its sidecar's environment given to the agent's own
//! configuration.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::inject::{Decision, Template};

use crate::case::{Case, apply, draw};
use crate::{kubelet, stream};

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// Hosts that are this machine, that some resolvers take for it, and that are not; parts that would
/// be dropped.
const ENDPOINTS: [&str; 25] = [
    "https://sts.example.com",
    "https://sts.eu-central-1.amazonaws.com",
    "http://127.0.0.1:8333",
    "http://127.0.0.1.evil.example",
    "http://127.1",
    "http://127.0.0.1.:80",
    "http://0x7f.0.0.1",
    "http://2130706433",
    "http://[::1]:1/a",
    "http://[::ffff:127.0.0.1]",
    "http://[::1",
    "http://localhost.",
    "http://localhost.evil.example",
    "HTTP://LOCALHOST:8333",
    "http://127.255.255.254",
    "http://127.0.0.256",
    "http://127.0.0.01",
    "http://sts.svc",
    "https://sts.example.com/$$a/$(AWS_REGION)",
    "https://sts.example.com/%24",
    "https://user@sts.example.com",
    "https://sts.example.com:65536",
    "https://sts.example.com?x",
    "https://ä.example.com",
    "sts.example.com",
];

const FILTERS: [&str; 19] = [
    "info",
    "INFO",
    "off",
    "loud",
    "info,stsidecar=debug",
    "info,",
    ",",
    "stsidecar",
    "stsidecar=debug",
    "stsidecar::session = debug",
    "stsidecar-x=info",
    "a:b=info",
    "::=info",
    "a==info",
    "a=b=info",
    "info,[span]=debug",
    "1",
    "stsidecar=",
    "warn , stsidecar=trace",
];

/// Each annotation with values on both sides of what it takes.
fn around(key: &str) -> Vec<String> {
    let long = |text: &str, length: usize| format!("{text}{}", "x".repeat(length - text.len()));
    let texts: Vec<String> = match key {
        "role-arn" | "role-chain" => vec![
            ROLE.into(),
            "arn:minio:iam:::role/x".into(),
            "arn:aws:iam::1:role/app".into(),
            "urn:ecs:iam::ns1:role/app".into(),
            "urn:ecs:iam::$$ns1:role/$(AWS_REGION)".into(),
            format!("{ROLE},{ROLE}"),
            vec![ROLE; 20].join(",\n"),
            long(ROLE, 2048),
            long(ROLE, 2049),
        ],
        "container-roles" => vec![
            format!("app={ROLE}"),
            format!("app = {ROLE} ,\n worker={ROLE}"),
            format!("default={ROLE}"),
            "app=urn:ecs:iam::ns1:role/$(A)".into(),
        ],
        "region" => [
            "eu-central-1",
            "EU",
            "RegionOne",
            "a",
            "-a",
            "x y",
            "a$$b$(AWS_REGION)",
            "ä",
        ]
        .map(String::from)
        .into(),
        "sts-endpoint" => ENDPOINTS.map(String::from).into(),
        "sts-timeout" => [
            "1s", "999ms", "30s", "31s", "1500ms", "1s 1ns", "3", "3 s", "1m", "2.5s",
        ]
        .map(String::from)
        .into(),
        "audience" => ["sts.amazonaws.com", "a b", "$(X)", "ä"]
            .map(String::from)
            .into(),
        "token-expiration" => [
            "600",
            "599",
            "86400",
            "4294967295",
            "4294967296",
            "+600",
            "0600",
        ]
        .map(String::from)
        .into(),
        "session-name" => vec![
            "{namespace}.{pod}".into(),
            "{pod}".into(),
            "{other}".into(),
            "a".into(),
            "ab".into(),
            "$(A)".into(),
            long("", 64),
            long("", 65),
            long("{pod}", 67),
        ],
        "session-duration" => [
            "1h", "15m", "14m59s", "12h", "12h1s", "longest", "LONGEST", "3600", "900s", "1h 1ms",
            "36h",
        ]
        .map(String::from)
        .into(),
        "session-policy-arns" => vec![
            "arn:aws:iam::aws:policy/ReadOnlyAccess".into(),
            "arn:aws:iam::aws:role/ReadOnlyAccess".into(),
            ["arn:aws:iam::aws:policy/ReadOnlyAccess"; 10].join(","),
            ["arn:aws:iam::aws:policy/ReadOnlyAccess"; 11].join(","),
            vec![long("arn:aws:iam::aws:policy/", 204); 10].join(","),
            vec![long("arn:aws:iam::aws:policy/", 205); 10].join(","),
            long("arn:aws:iam::aws:policy/", 2048),
            long("arn:aws:iam::aws:policy/", 2049),
            "urn:policies/of-another-server".into(),
        ],
        "containers" | "skip-containers" => ["app", "worker", "app,worker", "App", "other"]
            .map(String::from)
            .into(),
        "port" | "metrics-port" => [
            "1024", "1023", "65535", "65536", "9911", "9912", "+2000", "02000", "0",
        ]
        .map(String::from)
        .into(),
        "log-level" => FILTERS.map(String::from).into(),
        "log-format" => ["json", "text", "JSON", "plain"].map(String::from).into(),
        "legacy-clients" | "wait-for-credentials" => ["true", "false", "TRUE", "yes", "1"]
            .map(String::from)
            .into(),
        other => panic!("no values for {other}"),
    };
    texts
}

/// Those that reach the agent; `config` names a document that only the agent sees.
const KEYS: [&str; 19] = [
    "role-arn",
    "role-chain",
    "container-roles",
    "region",
    "sts-endpoint",
    "sts-timeout",
    "audience",
    "token-expiration",
    "session-name",
    "session-duration",
    "session-policy-arns",
    "containers",
    "skip-containers",
    "port",
    "metrics-port",
    "log-level",
    "log-format",
    "legacy-clients",
    "wait-for-credentials",
];

fn annotation() -> impl Strategy<Value = (String, String)> {
    select(KEYS.to_vec()).prop_flat_map(|key| {
        let ends = select(vec![
            "", "", "", "\n", " ", "\r\n", "\t\n", "$", "$$", "\u{a0}", "\0", "\n\nx",
        ]);
        let begins = select(vec!["", "", "", "", " ", "\n"]);
        (begins, select(around(key)), ends)
            .prop_map(move |(begin, text, end)| (key.to_owned(), format!("{begin}{text}{end}")))
    })
}

fn values() -> impl Strategy<Value = Value> {
    let variable = |name: &str, value: &str| json!({ "agent": { "extraEnv": [{ "name": name, "value": value }] } });
    select(vec![
        Value::Null,
        Value::Null,
        Value::Null,
        json!({ "agent": { "allowInsecureSts": true, "stsEndpoint": "http://sts.svc" } }),
        json!({ "agent": { "httpProxy": { "httpsProxy": "http://me:p$$w$(AWS_REGION)@proxy:3128", "noProxy": "a,b" } } }),
        json!({ "agent": { "awsCaBundle": { "configMap": "ca", "key": "ca.pem" } } }),
        json!({ "agent": { "region": "eu-west-1", "log": { "level": "warn" } } }),
        variable("AWS_USE_FIPS_ENDPOINT", "true"),
        variable("AWS_ENDPOINT_URL", "https://sts.example.com"),
        variable("STSIDECAR_REFRESH_AT", "50%"),
    ])
}

/// The sidecar's environment as its process has it, if the pod is injected.
fn environment(case: &Case) -> Option<BTreeMap<String, String>> {
    let Decision::Inject(injection) = case.decide(&case.pod, &mut draw()) else {
        return None;
    };
    let mut pod = case.pod.clone();
    apply(&mut pod, &injection.operations);
    let list = pod["spec"]["initContainers"]
        .as_array()
        .expect("init containers");
    let own = list
        .iter()
        .find(|own| own["name"] == "stsidecar")
        .expect("the sidecar");
    Some(kubelet::environment(own, &BTreeMap::new()))
}

fn loaded(environment: &BTreeMap<String, String>) -> Result<Config, String> {
    let variable = |name: &str| environment.get(name).cloned();
    let read = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    });
    loaded
        .map(|loaded| loaded.config)
        .map_err(|error| error.to_string())
}

fn pod(annotations: &[(String, String)]) -> Value {
    let mut all = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE, "stsidecar.dev/region": "eu-central-1" });
    for (key, value) in annotations {
        all[format!("stsidecar.dev/{key}")] = value.as_str().into();
    }
    json!({
        "metadata": { "annotations": all },
        "spec": { "containers": [{ "name": "app", "image": "a" }, { "name": "worker", "image": "a" }] },
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_admitted_the_agent_accepts(annotations in vec(annotation(), 1..4), values in values()) {
        let case = Case { pod: pod(&annotations), values, ..Case::default() };
        if let Some(environment) = environment(&case) {
            let read = loaded(&environment);
            prop_assert!(read.is_ok(), "{annotations:?}: {}", read.err().unwrap_or_default());
        }
    }
}

/// One annotation at a time, so that none of the values hides behind another's refusal.
#[test]
fn each_value_is_refused_or_accepted_by_both() {
    let mut admitted = BTreeMap::new();
    for key in KEYS {
        for endpoint in [None, Some("https://sts.example.com")] {
            for value in around(key) {
                let mut annotations = vec![(key.to_owned(), value.clone())];
                annotations.extend(endpoint.map(|url| ("sts-endpoint".to_owned(), url.to_owned())));
                let case = Case {
                    pod: pod(&annotations),
                    ..Case::default()
                };
                if let Some(environment) = environment(&case) {
                    let read = loaded(&environment);
                    assert!(
                        read.is_ok(),
                        "{annotations:?}: {}",
                        read.err().unwrap_or_default()
                    );
                    *admitted.entry(key).or_insert(0) += 1;
                }
            }
        }
    }
    for key in KEYS {
        assert!(
            admitted.contains_key(key),
            "no value of {key} is admitted: this proves nothing"
        );
    }
}

/// What the agent takes, the webhook need not refuse: both read a log filter and an endpoint by one
/// rule.
#[test]
fn log_filters_and_endpoints_are_read_by_one_rule() {
    for (key, variable) in [
        ("log-level", "STSIDECAR_LOG_LEVEL"),
        ("sts-endpoint", "AWS_ENDPOINT_URL_STS"),
    ] {
        for value in around(key) {
            let case = Case {
                pod: pod(&[(key.to_owned(), value.clone())]),
                ..Case::default()
            };
            let mut own = environment(&Case {
                pod: pod(&[]),
                ..Case::default()
            })
            .expect("a plain pod");
            own.insert(variable.to_owned(), value.clone());
            assert_eq!(
                environment(&case).is_some(),
                loaded(&own).is_ok(),
                "{key}: {value}"
            );
        }
    }
}

/// YAML's block scalars end in a line end, and files that `--set-file` reads do.
#[test]
fn blanks_around_a_value_are_not_part_of_it() {
    let good = [
        ("role-arn", ROLE),
        ("region", "eu-west-1"),
        ("sts-endpoint", "https://sts.example.com"),
        ("sts-timeout", "5s"),
        ("audience", "minio"),
        ("token-expiration", "3600"),
        ("session-name", "{pod}"),
        ("session-duration", "longest"),
        (
            "session-policy-arns",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        ("role-chain", ROLE),
        (
            "container-roles",
            "app=arn:aws:iam::111122223333:role/other",
        ),
        ("containers", "app"),
        ("skip-containers", "worker"),
        ("port", "20000"),
        ("metrics-port", "20001"),
        ("log-level", "debug"),
        ("log-format", "text"),
        ("cpu-request", "10m"),
        ("cpu-limit", "100m"),
        ("memory-request", "20Mi"),
        ("memory-limit", "40Mi"),
        ("legacy-clients", "true"),
        ("wait-for-credentials", "false"),
        ("readiness-probe", "true"),
        ("inject", "true"),
        ("image", "registry.example.com/stsidecar:1"),
    ];
    let values = json!({ "injector": { "allowImageOverride": true } });
    let answer = |key: &str, value: String| {
        let case = Case {
            pod: pod(&[(key.to_owned(), value)]),
            values: values.clone(),
            ..Case::default()
        };
        match case.decide(&case.pod, &mut draw()) {
            Decision::Inject(injection) => injection.patch(),
            other => panic!("{key}: {other:?}"),
        }
    };
    for (key, value) in good {
        for written in [
            format!("{value}\n"),
            format!("  {value} "),
            format!("\r\n{value}\r\n"),
        ] {
            assert_eq!(
                answer(key, written.clone()),
                answer(key, value.to_owned()),
                "{key}: {written:?}"
            );
        }
    }
}

#[test]
fn a_key_of_a_config_map_that_is_no_files_name_is_refused() {
    for key in ["a/", "a://b", "../x", "a b"] {
        let values = json!({ "agent": { "awsCaBundle": { "configMap": "ca", "key": key } } });
        assert!(Template::from_values(values).is_err(), "{key}");
    }
}

/// Also behind a value of the chart that an annotation can take back to the default, or beside an
/// endpoint of its own.
#[test]
fn a_variable_that_the_agent_would_refuse_is_refused_in_the_values() {
    let (region, endpoint) = (
        json!({ "region": "eu-central-1" }),
        json!({ "stsEndpoint": "https://sts.example.com" }),
    );
    let debug = json!({ "log": { "level": "debug" } });
    for (agent, name, value) in [
        (&region, "STSIDECAR_REFRESH_AT", "95%"),
        (&region, "STSIDECAR_SHUTDOWN_GRACE", "soon"),
        (&region, "AWS_USE_FIPS_ENDPOINT", "yes"),
        (&region, "RUST_LOG", "loud"),
        (&region, "AWS_ENDPOINT_URL_COGNITO_IDENTITY", "http://127.1"),
        (&endpoint, "AWS_REGION", "not a region"),
        (&region, "AWS_DEFAULT_REGION", "x y"),
        (
            &json!({ "stsEndpoint": "http://localhost:1" }),
            "HTTPS_PROXY",
            "socks5://proxy:1080",
        ),
        (
            &json!({ "waitForCredentials": false }),
            "STSIDECAR_WAIT_FOR_CREDENTIALS",
            "maybe",
        ),
        (&debug, "STSIDECAR_LOG_LEVEL", "loud"),
        (
            &json!({ "log": { "format": "text" } }),
            "STSIDECAR_LOG_FORMAT",
            "xml",
        ),
        (
            &json!({ "stsTimeout": "5s" }),
            "STSIDECAR_STS_TIMEOUT",
            "soon",
        ),
    ] {
        let mut agent = agent.clone();
        agent["extraEnv"] = json!([{ "name": name, "value": value }]);
        let values = json!({ "agent": agent }).to_string();
        let outcome = stream::inject(&["--values=values.yaml"], "", &values);
        assert_eq!(outcome.code, 78, "{values}");
        let is_named = outcome.stderr.contains("agent.extraEnv") && outcome.stderr.contains(name);
        assert!(is_named, "{}", outcome.stderr);
    }
}

#[test]
fn a_variable_that_the_agent_takes_is_accepted_in_the_values() {
    for extra in [
        json!([
            { "name": "AWS_REGION", "value": "RegionOne" },
            { "name": "AWS_USE_FIPS_ENDPOINT", "value": "true" },
        ]),
        json!([
            { "name": "HTTPS_PROXY", "value": "http://$(HOST_IP):3128" },
            { "name": "STSIDECAR_LOG_LEVEL", "value": "" },
        ]),
    ] {
        let values = json!({ "agent": { "extraEnv": extra } }).to_string();
        let outcome = stream::inject(&["--values=values.yaml"], "", &values);
        assert_eq!(outcome.code, 0, "{extra}: {}", outcome.stderr);
    }
}

/// Plain text is the operator's to allow, and FIPS is of AWS's own endpoints.
#[test]
fn an_endpoint_that_the_operators_variables_exclude_is_refused() {
    for (url, agent) in [
        (
            "http://sts.svc",
            json!({
                "allowInsecureSts": true,
                "extraEnv": [{ "name": "STSIDECAR_ALLOW_INSECURE_STS", "value": "false" }],
            }),
        ),
        (
            "https://sts.example.com",
            json!({ "extraEnv": [{ "name": "AWS_USE_FIPS_ENDPOINT", "value": "true" }] }),
        ),
    ] {
        let case = Case {
            pod: pod(&[("sts-endpoint".to_owned(), url.to_owned())]),
            values: json!({ "agent": agent }),
            ..Case::default()
        };
        let decision = case.decide(&case.pod, &mut draw());
        assert!(matches!(decision, Decision::Deny(_)), "{url}");
    }
}
