//! `check` against a cluster that is as it should be, and against others.

mod cluster;

use std::path::Path;

use serde_json::{Value, json};
use stsidecar::finding::{Finding, Severity};
use stsidecar::injector::check::examine;
use stsidecar::injector::config::Config;

use crate::reviews::ROLE;
use crate::running::{Running, start};
use crate::started::configuration;
use cluster::{CONFIGURATION, DRY_RUN, bundle, config, right, system};

async fn findings(running: &Running, configuration: &Value) -> Vec<Finding> {
    running.api.set(CONFIGURATION, 200, configuration.clone());
    let address = running.webhook.to_string();
    examine(&running.api.client(), &config(), "default", ROLE, &address).await
}

fn said(findings: &[Finding], name: &str) -> String {
    let found = findings.iter().find(|finding| finding.name == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {findings:?}"));
    format!("{} {}", found.severity.word(), found.message)
}

#[tokio::test]
async fn a_cluster_as_the_chart_makes_it_passes() {
    let running = start().await;
    running.api.set(
        DRY_RUN,
        201,
        json!({ "spec": { "initContainers": [{ "name": "stsidecar" }] } }),
    );
    let findings = findings(&running, &right()).await;
    for subject in [
        "pods.stsidecar.dev",
        "namespaces.stsidecar.dev",
        "service",
        "certificate",
        "dry run",
    ] {
        assert!(said(&findings, subject).starts_with("ok "), "{findings:?}");
    }
    let pod = &running.api.calls("POST", "dryRun=All")[0].body;
    assert_eq!(
        pod["metadata"]["annotations"]["stsidecar.dev/role-arn"],
        ROLE
    );
    assert_eq!(
        pod["metadata"]["annotations"]["stsidecar.dev/region"], "us-east-1",
        "whatever the chart names"
    );
}

#[tokio::test]
async fn a_bundle_that_does_not_trust_what_is_shown_is_a_failure() {
    let running = start().await;
    for wrong in [&[0, 1][..], &[0], &[1]] {
        let mut configuration = right();
        for at in wrong {
            configuration["webhooks"][at]["clientConfig"]["caBundle"] =
                bundle("other-ca.pem").into();
        }
        let found = findings(&running, &configuration).await;
        let service = said(&found, "service");
        assert!(
            service.starts_with("failure ") && service.contains("that the API server refuses"),
            "{service}"
        );
    }
}

#[tokio::test]
async fn each_thing_that_is_not_as_it_should_be_is_named() {
    let running = start().await;
    let service = "failure it does not call Service stsidecar-system/stsid";
    let selector = "failure its namespaceSelector";
    let namespaces = "namespaceSelector/matchExpressions";
    for (member, value, expected) in [
        (
            "clientConfig/caBundle",
            Value::Null,
            "failure caBundle is not set",
        ),
        ("clientConfig/service/name", json!("x"), service),
        (
            "failurePolicy",
            json!("Ignore"),
            "warning failurePolicy is not Fail",
        ),
        (
            &format!("{namespaces}/0/values"),
            json!(["kube-system"]),
            &format!("{selector} does not exclude stsidecar-system"),
        ),
        (
            &format!("{namespaces}/1"),
            json!({}),
            &format!("{selector} lacks stsidecar.dev/inj"),
        ),
        (
            "matchConditions",
            json!([]),
            "failure its matchConditions lack asks-for-injection",
        ),
        (
            "name",
            json!("x"),
            "failure it is missing from stsidecar-injector",
        ),
    ] {
        let pointer = &format!("/webhooks/0/{member}");
        let mut configuration = right();
        *configuration.pointer_mut(pointer).expect("there") = value;
        let found = findings(&running, &configuration).await;
        assert!(
            said(&found, "pods.stsidecar.dev").starts_with(expected),
            "{expected}: {found:?}"
        );
        assert!(
            said(&found, "namespaces.stsidecar.dev").starts_with("ok "),
            "{found:?}"
        );
        assert!(
            said(&found, "dry run").contains("comes back without the sidecar"),
            "{found:?}"
        );
    }
}

#[tokio::test]
async fn the_webhook_of_system_namespaces_is_judged_where_it_is() {
    let running = start().await;
    let subject = "system.stsidecar.dev";
    let without = findings(&running, &right()).await;
    assert!(
        without.iter().all(|finding| finding.name != subject),
        "no namespace may opt in: {without:?}"
    );
    for (pointer, value, expected) in [
        ("/sideEffects", json!("None"), "ok "),
        (
            "/failurePolicy",
            json!("Fail"),
            "failure failurePolicy is not Ignore",
        ),
        (
            "/namespaceSelector/matchExpressions/0/operator",
            json!("NotIn"),
            "failure its namespaceSelector names no",
        ),
        (
            "/namespaceSelector/matchExpressions/0/values",
            json!(["kube-system", "stsidecar-system"]),
            "failure its namespaceSelector includes stsidecar-system",
        ),
        (
            "/namespaceSelector/matchExpressions/1",
            json!({}),
            "failure its namespaceSelector lacks stsidecar.dev/inj",
        ),
        (
            "/matchConditions",
            json!([]),
            "failure its matchConditions lack asks-for-injection",
        ),
        (
            "/clientConfig/caBundle",
            Value::Null,
            "failure caBundle is not set",
        ),
    ] {
        let mut webhook = system();
        webhook["sideEffects"] = "None".into();
        *webhook.pointer_mut(pointer).expect("there") = value;
        let mut configuration = right();
        configuration["webhooks"]
            .as_array_mut()
            .expect("webhooks")
            .push(webhook);
        let found = findings(&running, &configuration).await;
        assert!(
            said(&found, subject).starts_with(expected),
            "{expected}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_pod_that_another_release_injects_is_a_failure() {
    let running = start().await;
    for (mark, expected) in [
        ("stsidecar-system/stsidecar 0.1.0", "ok "),
        ("stsidecar-injector/0.1.0", "ok "),
        (
            "team-a/one 0.1.0",
            "failure a pod that asks in namespace default is injected by another release, team-a/one",
        ),
    ] {
        let sidecar = json!([{ "name": "stsidecar" }]);
        let annotations = json!({ "stsidecar.dev/injected-by": mark });
        let pod = json!({ "metadata": { "annotations": annotations }, "spec": { "initContainers": sidecar } });
        running.api.set(DRY_RUN, 201, pod);
        let found = findings(&running, &right()).await;
        assert!(
            said(&found, "dry run").starts_with(expected),
            "{mark}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_cluster_without_the_webhook_and_a_refused_pod_are_failures() {
    let running = start().await;
    let refused = "admission webhook denied the request: stsidecar: no";
    running
        .api
        .set(DRY_RUN, 403, crate::api_server::status(403, refused));
    let found = examine(
        &running.api.client(),
        &config(),
        "default",
        ROLE,
        "127.0.0.1:1",
    )
    .await;
    assert!(
        said(&found, "webhooks").contains("there is no MutatingWebhookConfiguration"),
        "{found:?}"
    );
    assert!(said(&found, "dry run").ends_with(refused), "{found:?}");
    running.api.set(CONFIGURATION, 200, right());
    let found = examine(
        &running.api.client(),
        &config(),
        "default",
        ROLE,
        "127.0.0.1:1",
    )
    .await;
    assert!(
        said(&found, "service").contains("127.0.0.1:1 shows none"),
        "{found:?}"
    );
}

/// A list of roles that has none for the asking pod is what the chart's values say, so
/// they are what has to change.
#[tokio::test]
async fn a_role_that_the_list_excludes_names_the_value_to_set() {
    let running = start().await;
    let listing = |rules: &str| {
        let text = format!("{}  allowedRoleArns: {rules}\n", configuration(9443, 9912));
        Config::read(Path::new("/config.yaml"), text.as_bytes()).expect("a configuration")
    };
    running.api.set(CONFIGURATION, 200, right());
    running.api.set(
        DRY_RUN,
        201,
        json!({ "spec": { "initContainers": [{ "name": "stsidecar" }] } }),
    );
    let address = running.webhook.to_string();
    for rules in [
        r#"[{namespaces: ["team-*"], roleArns: ["*"]}]"#,
        r#"[{namespaces: ["*"], roleArns: ["arn:aws:iam::111122223333:role/other-*"]}]"#,
    ] {
        let found = examine(
            &running.api.client(),
            &listing(rules),
            "default",
            ROLE,
            &address,
        )
        .await;
        let last = found.last().expect("a finding");
        assert_eq!(last.severity, Severity::Failure, "{rules}: {last:?}");
        let (message, fix) = (&last.message, last.fix.as_deref().unwrap_or_default());
        assert!(
            message.contains(ROLE) && message.contains("default"),
            "{message}"
        );
        assert!(message.contains("injector.allowedRoleArns"), "{message}");
        assert!(
            fix.contains("tests.roleArn") && fix.contains("tests.namespace"),
            "{fix}"
        );
    }
    let open = listing(r#"[{namespaces: ["def*"], roleArns: ["arn:aws:iam::*"]}]"#);
    let found = examine(&running.api.client(), &open, "default", ROLE, &address).await;
    assert!(said(&found, "dry run").starts_with("ok "), "{found:?}");
}
