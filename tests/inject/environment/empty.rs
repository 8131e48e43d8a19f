//! Empty variables: filled, refused or named, by what SDKs take them for.

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use super::{admitted, annotated, case, of, refused, strict, value};
use crate::case::draw;
use crate::judged::{FULL_URI, RELATIVE_URI, TOKEN, TOKEN_FILE, objects_with};

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
            let app = of(&pod, "app", &objects_with(&[]));
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
    assert!(
        value(&of(&pod, "app", &objects_with(&[])), TOKEN).is_some_and(|token| token.len() >= 32)
    );
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
        let app = of(&pod, "app", &objects_with(&[]));
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

/// Clients that find the one name empty go on to the other, and must find there what they found
/// before.
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
            value(&of(&pod, "app", &objects_with(&[])), "NO_PROXY"),
            Some(".internal,127.0.0.1"),
            "{env}"
        );
    }
}

/// Measured (docs/clients.md): botocore looks for a profile without a name, `object_store` asks
/// without a signature where the keys are empty, and the Rust SDK fails where the web identity is.
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

/// botocore opens `AWS_CREDENTIAL_FILE`, and Rust's SDK the token file beside a role, also when
/// they are empty; the one alone is not read.
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
