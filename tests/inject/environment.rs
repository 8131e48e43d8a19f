//! The environment of chosen containers, row by row, judged by what the kubelet makes of it.

use serde_json::{Value, json};
use stsidecar::config::{Config, Flags, Sources};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};
use crate::effective::{Environment, environment};
use crate::judged::{FULL_URI, Holding, RELATIVE_URI, TOKEN, TOKEN_FILE, holding, named};
use crate::rules;

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// A pod whose container `app` has these fields, in a cluster whose region is `eu-central-1`.
fn case(container: &Value) -> Case {
    let mut app = json!({ "name": "app", "image": "app" });
    app.as_object_mut()
        .expect("a map")
        .extend(container.as_object().expect("fields").clone());
    let annotations = json!({ "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": ROLE });
    Case {
        pod: json!({ "metadata": { "annotations": annotations }, "spec": { "containers": [app, { "name": "other" }] } }),
        values: json!({ "agent": { "region": "eu-central-1" } }),
        ..Case::default()
    }
}

fn annotated(mut case: Case, key: &str, value: &str) -> Case {
    case.pod["metadata"]["annotations"][key] = value.into();
    case
}

/// The pod as it is admitted, and the warnings.
fn admitted(case: &Case) -> (Value, Vec<String>) {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Inject(injection) => {
            let mut pod = case.pod.clone();
            apply(&mut pod, &injection.operations);
            rules::hold(case, &case.pod.to_string());
            (pod, injection.warnings)
        }
        other => panic!("{}: {other:?}", case.pod),
    }
}

fn refused(case: &Case) -> String {
    match case.decide(&case.pod, &mut draw()) {
        Decision::Deny(denial) => denial.message,
        other => panic!("{}: {other:?}", case.pod),
    }
}

/// What the container has where its objects hold this.
fn of(pod: &Value, container: &str, world: &Holding) -> Environment {
    environment(named(pod, container), world).expect("it starts")
}

fn value<'a>(all: &'a Environment, name: &str) -> Option<&'a str> {
    all.get(name).map(String::as_str)
}

const THEIRS: [(&str, &str); 2] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
];

#[test]
fn a_region_that_an_env_from_could_bring_is_not_overwritten() {
    for (what, source) in [
        (
            "ConfigMap settings",
            json!({ "configMapRef": { "name": "settings" } }),
        ),
        (
            "Secret keys",
            json!({ "secretRef": { "name": "keys", "optional": true } }),
        ),
        (
            "ConfigMap settings",
            json!({ "prefix": "AWS_", "configMapRef": { "name": "settings" } }),
        ),
        (
            "Secret keys",
            json!({ "prefix": "A", "secretRef": { "name": "keys" } }),
        ),
    ] {
        let case = case(&json!({ "envFrom": [source] }));
        let (pod, warnings) = admitted(&case);
        let app = of(&pod, "app", &holding(&THEIRS));
        assert_eq!(
            (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
            (Some("us-east-1"), Some("us-east-1"))
        );
        let other = of(&pod, "other", &holding(&THEIRS));
        assert_eq!(
            value(&other, "AWS_REGION"),
            Some("eu-central-1"),
            "the container beside it has the chart's"
        );
        let said = |word: &str| {
            warnings.iter().any(|one| {
                one.contains("container app ")
                    && one.contains("envFrom")
                    && one.contains(what)
                    && one.contains(word)
            })
        };
        assert!(
            said("AWS_REGION") && said("stsidecar.dev/region"),
            "{what}: {warnings:?}"
        );
        assert!(said("AWS_ACCESS_KEY_ID"), "{what}: {warnings:?}");
        assert!(
            !warnings.iter().any(|one| one.contains("container other")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_prefix_decides_what_an_env_from_could_bring() {
    for (prefix, could) in [
        ("", true),
        ("A", true),
        ("AWS_", true),
        ("AWS_R", true),
        ("DB_", false),
        ("aws_", false),
        ("AWS_REGION", false),
        ("AWS_REGION_", false),
    ] {
        let case =
            case(&json!({ "envFrom": [{ "prefix": prefix, "configMapRef": { "name": "m" } }] }));
        let (pod, warnings) = admitted(&case);
        let given = value(&of(&pod, "app", &holding(&[])), "AWS_REGION") == Some("eu-central-1");
        assert_eq!(
            (given, warnings.is_empty()),
            (!could, !could),
            "{prefix}: {warnings:?}"
        );
    }
    let metadata =
        json!({ "envFrom": [{ "prefix": "AWS_EC2_", "configMapRef": { "name": "m" } }] });
    let (_, warnings) = admitted(&case(&metadata));
    assert!(
        warnings.len() == 1 && warnings[0].contains("AWS_EC2_METADATA_DISABLED"),
        "{warnings:?}"
    );
    let both = json!({ "envFrom": [{ "prefix": "DB_", "configMapRef": { "name": "db" } }, { "secretRef": { "name": "keys" } }] });
    let (_, warnings) = admitted(&case(&both));
    assert!(
        warnings.iter().any(|one| one.contains("Secret keys")),
        "{warnings:?}"
    );
    assert!(
        !warnings.iter().any(|one| one.contains("ConfigMap db")),
        "it brings nothing of the kind: {warnings:?}"
    );
}

#[test]
fn an_env_from_without_sources_is_none() {
    for none in [json!([]), Value::Null] {
        let (pod, warnings) = admitted(&case(&json!({ "envFrom": none })));
        assert_eq!(
            value(&of(&pod, "app", &holding(&[])), "AWS_REGION"),
            Some("eu-central-1")
        );
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[test]
fn an_explicit_region_is_written_over_what_an_env_from_brings() {
    let from = json!({ "envFrom": [{ "configMapRef": { "name": "m" } }] });
    let object = json!({ "metadata": { "annotations": { "stsidecar.dev/region": "eu-west-1" } } });
    for case in [
        annotated(case(&from), "stsidecar.dev/region", "eu-west-1"),
        Case {
            account: Some(object.clone()),
            ..case(&from)
        },
        Case {
            namespace: Some(object.clone()),
            ..case(&from)
        },
    ] {
        let (pod, warnings) = admitted(&case);
        let app = of(&pod, "app", &holding(&THEIRS));
        assert_eq!(
            (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
            (Some("eu-west-1"), Some("eu-west-1"))
        );
        let said = warnings
            .iter()
            .any(|one| one.contains("envFrom") && one.contains("AWS_ACCESS_KEY_ID"));
        assert!(
            said && !warnings.iter().any(|one| one.contains("no AWS_REGION")),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_region_of_env_is_not_doubled_over_the_other_name_of_an_env_from() {
    let container = json!({
        "envFrom": [{ "configMapRef": { "name": "m" } }],
        "env": [{ "name": "AWS_REGION", "value": "eu-west-3" }],
    });
    let (pod, _) = admitted(&case(&container));
    let app = of(&pod, "app", &holding(&THEIRS));
    assert_eq!(
        (value(&app, "AWS_REGION"), value(&app, "AWS_DEFAULT_REGION")),
        (Some("eu-west-3"), Some("us-east-1"))
    );
}

/// A key that is optional and missing leaves `$(AWS_REGION)` as it is written: a region of that name.
#[test]
fn a_region_of_an_optional_key_is_not_doubled() {
    let key = json!({ "configMapKeyRef": { "name": "m", "key": "region", "optional": true } });
    let (pod, _) = admitted(&case(
        &json!({ "env": [{ "name": "AWS_REGION", "valueFrom": key }] }),
    ));
    assert_eq!(
        value(&of(&pod, "app", &holding(&[])), "AWS_DEFAULT_REGION"),
        None
    );
}

#[test]
fn a_reference_is_no_region_of_the_sidecar() {
    let from_other = json!({ "env": [{ "name": "OTHER", "value": "x" }, { "name": "AWS_REGION", "value": "$(OTHER)" }] });
    let mut case = case(&from_other);
    case.values = json!({ "agent": { "stsEndpoint": "https://sts.example.com" } });
    let (pod, _) = admitted(&case);
    let sidecar = of(&pod, "stsidecar", &holding(&[]));
    assert_eq!(
        value(&sidecar, "AWS_REGION"),
        None,
        "the container's own name for it is another container's"
    );
}

#[test]
fn strict_env_from_refuses_what_could_win() {
    let strict = |container: &Value| {
        let mut case = case(container);
        case.values["injector"] = json!({ "strictEnvFrom": true });
        case
    };
    let message = refused(&strict(
        &json!({ "envFrom": [{ "secretRef": { "name": "keys" } }] }),
    ));
    for word in [
        "container app",
        "envFrom",
        "Secret keys",
        "AWS_ACCESS_KEY_ID",
        "injector.strictEnvFrom",
    ] {
        assert!(message.contains(word), "{message}");
    }
    admitted(&strict(
        &json!({ "envFrom": [{ "prefix": "DB_", "secretRef": { "name": "keys" } }] }),
    ));
    admitted(&strict(&json!({ "envFrom": [] })));
}

#[test]
fn a_proxy_that_an_env_from_could_bring_is_bypassed() {
    let (pod, _) = admitted(&case(
        &json!({ "envFrom": [{ "configMapRef": { "name": "proxies" } }] }),
    ));
    for (name, hosts) in [("NO_PROXY", ".internal"), ("no_proxy", ".internal")] {
        let app = of(
            &pod,
            "app",
            &holding(&[("HTTP_PROXY", "http://proxy:3128"), (name, hosts)]),
        );
        for name in ["NO_PROXY", "no_proxy"] {
            let value = value(&app, name).expect("exceptions");
            assert!(
                value.split(',').any(|host| host == "127.0.0.1"),
                "{name}={value}"
            );
            assert!(
                value.split(',').any(|host| host == ".internal"),
                "{name}={value}"
            );
        }
    }
    let (pod, _) = admitted(&case(
        &json!({ "envFrom": [{ "prefix": "DB_", "configMapRef": { "name": "m" } }] }),
    ));
    assert_eq!(
        value(&of(&pod, "app", &holding(&[])), "NO_PROXY"),
        None,
        "nothing could bring a proxy"
    );
    let (pod, _) = admitted(&case(&json!({})));
    let app = of(&pod, "app", &holding(&[]));
    assert!(
        app.contains_key(FULL_URI) && app.contains_key(TOKEN_FILE) && !app.contains_key("NO_PROXY")
    );
}

/// Clients take the other name's exceptions for empty ones: those must be in ours, wherever they come from.
#[test]
fn exceptions_that_may_come_out_empty_hide_none_of_the_others() {
    let from = json!([{ "configMapRef": { "name": "proxies" } }]);
    for (name, other) in [("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")] {
        let nothing = json!({ "name": "OTHER" });
        let refers = json!({ "name": name, "value": "$(OTHER)" });
        let proxy = json!({ "name": "HTTPS_PROXY", "value": "http://proxy:3128" });
        let literal = json!({ "name": other, "value": "theirs" });
        for container in [
            json!({ "env": [nothing, proxy, refers], "envFrom": from }),
            json!({ "env": [nothing, proxy, literal, refers] }),
            json!({ "env": [nothing, proxy, refers, literal] }),
        ] {
            let (pod, _) = admitted(&case(&container));
            let app = of(&pod, "app", &holding(&[(other, "theirs")]));
            for name in [name, other] {
                let hosts = value(&app, name)
                    .unwrap_or_default()
                    .split(',')
                    .collect::<Vec<_>>();
                assert!(
                    hosts.contains(&"theirs") && hosts.contains(&"127.0.0.1"),
                    "{container}: {name}={hosts:?}"
                );
            }
        }
    }
    let alone = json!({ "env": [{ "name": "HTTPS_PROXY", "value": "http://p" }, { "name": "NO_PROXY", "value": "$(A)" }] });
    let (pod, _) = admitted(&case(&alone));
    assert_eq!(
        value(&of(&pod, "app", &holding(&[])), "NO_PROXY"),
        Some("$(A),127.0.0.1")
    );
}

/// An injector after ours adds to every container: its region may be in there, and a third call changes nothing.
#[test]
fn an_env_from_of_a_later_injector_is_completed_once() {
    let mut case = case(&json!({}));
    let (mut pod, _) = admitted(&case);
    let app = pod["spec"]["containers"][0]
        .as_object_mut()
        .expect("a container");
    app.insert(
        "envFrom".to_owned(),
        json!([{ "secretRef": { "name": "keys" } }]),
    );
    case.pod = pod;
    let Decision::Inject(second) = case.decide(&case.pod, &mut draw()) else {
        panic!("the second call refuses")
    };
    assert!(
        second
            .warnings
            .iter()
            .any(|one| one.contains("Secret keys")),
        "{:?}",
        second.warnings
    );
    let mut pod = case.pod.clone();
    apply(&mut pod, &second.operations);
    let app = of(
        &pod,
        "app",
        &holding(&[("AWS_REGION", "us-east-1"), ("NO_PROXY", ".internal")]),
    );
    assert_eq!(
        value(&app, "AWS_REGION"),
        Some("us-east-1"),
        "the chart's is only a default"
    );
    assert!(
        value(&app, "NO_PROXY").is_some_and(|hosts| hosts.starts_with(".internal,")),
        "{app:?}"
    );
    match case.decide(&pod, &mut draw()) {
        Decision::Inject(third) => assert!(third.operations.is_empty(), "{:?}", third.operations),
        other => panic!("the third call says {other:?}"),
    }
}

/// A later variable of the same name beats an earlier one, and an empty one counts.
#[test]
fn empty_variables_of_the_endpoint_are_filled() {
    for name in [FULL_URI, TOKEN_FILE] {
        for env in [
            json!([{ "name": name, "value": "" }]),
            json!([{ "name": name }]),
            json!([{ "name": name, "value": "http://169.254.170.23" }, { "name": name, "value": "" }]),
            json!([{ "name": "OTHER", "value": "x" }, { "name": name, "value": "", "valueFrom": null }]),
        ] {
            let (pod, _) = admitted(&case(&json!({ "env": env })));
            let app = of(&pod, "app", &holding(&[]));
            assert_eq!(
                value(&app, FULL_URI),
                Some("http://127.0.0.1:9911/v1/credentials"),
                "{env}"
            );
            assert_eq!(
                value(&app, TOKEN_FILE),
                Some("/var/run/secrets/stsidecar.dev/endpoint/token"),
                "{env}"
            );
        }
    }
}

/// botocore, Ruby, Swift and Rust take an empty relative URI for one, and Java an empty token.
#[test]
fn what_cannot_be_filled_is_refused_by_name() {
    for name in [RELATIVE_URI, TOKEN] {
        for env in [
            json!([{ "name": name, "value": "" }]),
            json!([{ "name": name }]),
            json!([{ "name": name, "value": "/v2" }, { "name": name, "value": "" }]),
            json!([{ "name": name, "value": "/v2" }]),
            json!([{ "name": name, "valueFrom": { "configMapKeyRef": { "name": "m", "key": "k" } } }]),
            json!([{ "name": name, "valueFrom": { "secretKeyRef": { "name": "s", "key": "k", "optional": true } } }]),
        ] {
            let message = refused(&case(&json!({ "env": env })));
            assert!(
                message.contains("container app") && message.contains(name),
                "{env}: {message}"
            );
        }
    }
    let references = json!({ "configMapKeyRef": { "name": "m", "key": "k", "optional": true } });
    for name in [FULL_URI, TOKEN_FILE] {
        let message = refused(&case(
            &json!({ "env": [{ "name": name, "valueFrom": references }] }),
        ));
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn an_empty_token_of_a_legacy_client_is_filled() {
    let case = case(&json!({ "env": [{ "name": TOKEN, "value": "" }] }));
    let (pod, _) = admitted(&annotated(case, "stsidecar.dev/legacy-clients", "true"));
    assert!(value(&of(&pod, "app", &holding(&[])), TOKEN).is_some_and(|token| token.len() >= 32));
}

/// What a namespace alone asked for is left as it is, and said.
#[test]
fn a_relative_uri_leaves_a_pod_of_its_namespace_alone() {
    for own in ["", "/v2"] {
        let mut case = case(&json!({ "env": [{ "name": RELATIVE_URI, "value": own }] }));
        case.pod["metadata"]["annotations"]
            .as_object_mut()
            .expect("a map")
            .remove("stsidecar.dev/inject");
        case.namespace =
            Some(json!({ "metadata": { "labels": { "stsidecar.dev/injection": "enabled" } } }));
        match case.decide(&case.pod, &mut draw()) {
            Decision::Skip(skip) => {
                assert_eq!(skip.reason, "conflict");
                assert!(
                    skip.message
                        .is_some_and(|message| message.contains(RELATIVE_URI))
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Charts render `AWS_REGION: ""` when it has no value; JavaScript's SDK and botocore fail on it.
#[test]
fn an_empty_region_is_filled() {
    let empty = |name: &str| json!({ "name": name, "value": "" });
    let region = |env: Value| {
        let (pod, _) = admitted(&case(&json!({ "env": env })));
        let app = of(&pod, "app", &holding(&[]));
        ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| value(&app, name).expect(name).to_owned())
    };
    assert_eq!(region(json!([empty("AWS_REGION")])), ["eu-central-1"; 2]);
    assert_eq!(
        region(json!([empty("AWS_DEFAULT_REGION"), empty("AWS_REGION")])),
        ["eu-central-1"; 2]
    );
    let west = |name: &str| json!({ "name": name, "value": "eu-west-1" });
    assert_eq!(
        region(json!([empty("AWS_REGION"), west("AWS_DEFAULT_REGION")])),
        ["eu-west-1"; 2]
    );
    assert_eq!(
        region(json!([west("AWS_REGION"), empty("AWS_DEFAULT_REGION")])),
        ["eu-west-1"; 2]
    );
    let referred = |name: &str| json!({ "name": name, "valueFrom": { "configMapKeyRef": { "name": "m", "key": "k" } } });
    assert_eq!(
        region(json!([referred("AWS_REGION"), empty("AWS_DEFAULT_REGION")])),
        ["elsewhere"; 2]
    );
    // `$(NAME)` reaches only what was defined before it.
    assert_eq!(
        region(json!([empty("AWS_REGION"), referred("AWS_DEFAULT_REGION")])),
        ["", "elsewhere"]
    );
}

/// Clients that find the one name empty go on to the other, and must find there what they found before.
#[test]
fn an_empty_exception_is_filled_with_what_the_other_holds() {
    let proxy = json!({ "name": "HTTP_PROXY", "value": "http://proxy:3128" });
    let (empty, full) = (
        json!({ "name": "NO_PROXY" }),
        json!({ "name": "no_proxy", "value": ".internal" }),
    );
    for env in [json!([proxy, empty, full]), json!([proxy, full, empty])] {
        let (pod, _) = admitted(&case(&json!({ "env": env })));
        assert_eq!(
            value(&of(&pod, "app", &holding(&[])), "NO_PROXY"),
            Some(".internal,127.0.0.1"),
            "{env}"
        );
    }
}

/// Measured (docs/clients.md): botocore looks for a profile without a name, `object_store` asks without a signature where
/// the keys are empty, and the Rust SDK fails where the web identity is.
#[test]
fn an_empty_variable_that_an_sdk_takes_for_one_is_named() {
    for name in [
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ] {
        let container = json!({ "env": [{ "name": name, "value": "" }] });
        let (_, warnings) = admitted(&case(&container));
        assert!(
            warnings
                .iter()
                .any(|one| one.contains("container app") && one.contains(name)),
            "{warnings:?}"
        );
        assert!(refused(&strict(&container)).contains(name));
    }
}

/// botocore opens `AWS_CREDENTIAL_FILE`, and Rust's SDK the token file beside a role, also when they are empty; the one
/// alone is not read.
#[test]
fn an_empty_file_that_an_sdk_opens_is_named() {
    let empty = |name: &str| json!({ "name": name, "value": "" });
    let (token, role) = (empty("AWS_WEB_IDENTITY_TOKEN_FILE"), empty("AWS_ROLE_ARN"));
    for (env, name) in [
        (json!([empty("AWS_CREDENTIAL_FILE")]), "AWS_CREDENTIAL_FILE"),
        (json!([token, role]), "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ] {
        let (_, warnings) = admitted(&case(&json!({ "env": env })));
        assert!(
            warnings
                .iter()
                .any(|one| one.contains("container app") && one.contains(name)),
            "{env}: {warnings:?}"
        );
    }
    let (_, warnings) = admitted(&case(&json!({ "env": [role] })));
    assert!(warnings.is_empty(), "{warnings:?}");
}

fn strict(container: &Value) -> Case {
    let mut case = case(container);
    case.values["injector"] = json!({ "strictEnvironment": true });
    case
}

/// Warned of, and refused with `strictEnvironment`; both say what, where and never a value.
fn beats_the_endpoint(container: &Value, volumes: Option<&Value>, names: &[&str]) {
    let with = |mut case: Case| {
        if let Some(volumes) = volumes {
            case.pod["spec"]["volumes"] = volumes.clone();
        }
        case
    };
    let (_, warnings) = admitted(&with(case(container)));
    let strict = refused(&with(strict(container)));
    let all =
        |text: &str| text.contains("container app") && names.iter().all(|name| text.contains(name));
    assert!(
        warnings.iter().any(|one| all(one)),
        "{container}: {warnings:?}"
    );
    assert!(
        all(&strict) && strict.contains("injector.strictEnvironment"),
        "{container}: {strict}"
    );
    assert!(
        !warnings.concat().contains("canary") && !strict.contains("canary"),
        "{warnings:?} {strict}"
    );
}

#[test]
fn every_variable_that_beats_the_endpoint_is_named() {
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AMAZON_ACCESS_KEY_ID",
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_CONFIG_FILE",
        "AWS_CREDENTIAL_PROFILES_FILE",
        "AWS_CREDENTIAL_FILE",
        "BOTO_CONFIG",
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "MINIO_ROOT_USER",
        "MINIO_ROOT_PASSWORD",
    ] {
        beats_the_endpoint(
            &json!({ "env": [{ "name": name, "value": "canary" }] }),
            None,
            &[name],
        );
        let key = json!({ "secretKeyRef": { "name": "s", "key": "k", "optional": true } });
        beats_the_endpoint(
            &json!({ "env": [{ "name": name, "valueFrom": key }] }),
            None,
            &[name],
        );
    }
}

#[test]
fn a_file_that_is_none_beats_nothing() {
    for (name, value) in [
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_CONFIG_FILE", ""),
        ("AWS_SDK_LOAD_CONFIG", "1"),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "x"),
    ] {
        let (_, warnings) = admitted(&strict(
            &json!({ "env": [{ "name": name, "value": value }] }),
        ));
        assert!(warnings.is_empty(), "{name}={value}: {warnings:?}");
    }
}

#[test]
fn system_properties_of_java_are_found_where_they_are_passed() {
    let flags = "-Xmx1g -Daws.accessKeyId=canary -Daws.secretAccessKey=canary";
    for variable in ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "JAVA_OPTS"] {
        let env = json!({ "env": [{ "name": variable, "value": flags }] });
        beats_the_endpoint(&env, None, &[variable, "-Daws.accessKeyId"]);
    }
    for flag in [
        "secretKey",
        "profile",
        "sharedCredentialsFile",
        "configFile",
        "roleArn",
        "webIdentityTokenFile",
    ] {
        let flag = format!("-Daws.{flag}");
        let command = json!({ "command": ["java", format!("{flag}=canary"), "-jar", "app.jar"] });
        beats_the_endpoint(&command, None, &["command", &flag]);
        let shell = json!({ "command": ["sh", "-c"], "args": [format!("exec java {flag}=canary -jar app.jar")] });
        beats_the_endpoint(&shell, None, &["args", &flag]);
    }
    let (_, warnings) = admitted(&strict(
        &json!({ "args": ["-Daws.region=eu-west-1", "-Daws.accessKeyIdentity=x"] }),
    ));
    assert!(warnings.is_empty(), "{warnings:?}");
}

#[test]
fn mounts_where_sdks_look_for_files_are_found() {
    for path in [
        "/root/.aws",
        "/home/app/.aws/",
        "/.aws",
        "/root/.aws/credentials",
        "/root/.aws/config",
        "/root/.boto",
        "/etc/boto.cfg",
    ] {
        let mount = json!({ "name": "files", "mountPath": path, "subPath": "x" });
        let volumes = json!([{ "name": "files", "secret": { "secretName": "aws" } }]);
        beats_the_endpoint(
            &json!({ "volumeMounts": [mount] }),
            Some(&volumes),
            &["files", path.trim_end_matches('/')],
        );
    }
    for volumes in [
        json!([{ "name": "files", "secret": { "items": [{ "key": "k", "path": ".aws/credentials" }] } }]),
        json!([{ "name": "files", "configMap": { "items": [{ "key": "k", "path": ".aws/config" }] } }]),
        json!([{ "name": "files", "projected": { "sources": [{ "secret": { "items": [{ "key": "k", "path": ".aws/credentials" }] } }] } }]),
    ] {
        let mount = json!({ "name": "files", "mountPath": "/root" });
        beats_the_endpoint(
            &json!({ "volumeMounts": [mount] }),
            Some(&volumes),
            &["files", "/root/.aws/"],
        );
    }
    for path in [
        "/root/.awsome",
        "/data/aws",
        "/root/.aws/sso/cache",
        "/root",
    ] {
        let case = strict(&json!({ "volumeMounts": [{ "name": "files", "mountPath": path }] }));
        assert!(admitted(&case).1.is_empty(), "{path}");
    }
}

#[test]
fn a_pod_or_its_namespace_may_keep_the_instance_metadata() {
    const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
    let disabled = |case: &Case| {
        value(&of(&admitted(case).0, "app", &holding(&[])), METADATA).map(str::to_owned)
    };
    assert_eq!(disabled(&case(&json!({}))).as_deref(), Some("true"));
    assert_eq!(
        disabled(&annotated(
            case(&json!({})),
            "stsidecar.dev/ec2-metadata",
            "true"
        )),
        None
    );
    let object = json!({ "metadata": { "annotations": { "stsidecar.dev/ec2-metadata": "true" } } });
    let of_namespace = Case {
        namespace: Some(object),
        ..case(&json!({}))
    };
    assert_eq!(disabled(&of_namespace), None);
    assert_eq!(
        disabled(&annotated(
            of_namespace,
            "stsidecar.dev/ec2-metadata",
            "false"
        ))
        .as_deref(),
        Some("true")
    );
    let mut by_chart = case(&json!({}));
    by_chart.values["agent"]["ec2Metadata"] = true.into();
    assert_eq!(disabled(&by_chart), None);
    assert_eq!(
        disabled(&annotated(by_chart, "stsidecar.dev/ec2-metadata", "false")).as_deref(),
        Some("true")
    );
    let refused = refused(&annotated(
        case(&json!({})),
        "stsidecar.dev/ec2-metadata",
        "yes",
    ));
    assert!(
        refused.contains("stsidecar.dev/ec2-metadata") && refused.contains("did you mean"),
        "{refused}"
    );
}

/// Who may write a `ConfigMap` must not be able to send the token in plain text where the operator forbids it.
#[test]
fn a_config_map_cannot_allow_plain_text() {
    let document = "stsEndpoint: http://sts.example.com\nallowInsecureSts: true\nregion: eu-central-1\n\
                    profiles: {default: {webIdentity: {roleArn: 'arn:aws:iam::111122223333:role/app'}}}\n";
    let mut case = annotated(case(&json!({})), "stsidecar.dev/config", "mine");
    case.pod["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove("stsidecar.dev/role-arn");
    for (allowed, accepted) in [(false, false), (true, true)] {
        case.values["agent"]["allowInsecureSts"] = allowed.into();
        let Decision::Inject(injection) = case.decide(&case.pod, &mut draw()) else {
            panic!("not injected")
        };
        let mut pod = case.pod.clone();
        apply(&mut pod, &injection.operations);
        let sidecar = of(&pod, "stsidecar", &holding(&[]));
        let loaded = Config::load(&Sources {
            flags: &Flags::default(),
            variable: &|name| sidecar.get(name).cloned(),
            read: &|_| Ok(document.as_bytes().to_vec()),
        });
        assert_eq!(
            loaded.is_ok(),
            accepted,
            "{:?}",
            loaded.err().map(|error| error.to_string())
        );
    }
}
