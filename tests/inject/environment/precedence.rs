//! What SDKs follow before they ask the sidecar: warned of, and refused where the operator wants
//! that.

use serde_json::{Value, json};

use super::{admitted, case, refused, strict};
use crate::case::Case;

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
