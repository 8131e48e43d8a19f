//! The Secrets that the sidecar's image is pulled with, beside those of the pod and of its
//! ServiceAccount.

use serde_json::{Value, json};
use stsidecar::inject::{Decision, Template};

use crate::case::{Case, apply, draw};
use crate::{rules, stream};

fn case(own: Value) -> Case {
    let mut spec = json!({ "containers": [{ "name": "app", "image": "a" }] });
    if !own.is_null() {
        spec["imagePullSecrets"] = own;
    }
    let pod = json!({
        "metadata": { "annotations": {
            "stsidecar.dev/inject": "true", "stsidecar.dev/role-arn": "arn:aws:iam::111122223333:role/app",
            "stsidecar.dev/region": "eu-central-1",
        }},
        "spec": spec,
    });
    let values =
        json!({ "agent": { "imagePullSecrets": [{ "name": "mirror" }, { "name": "other" }] } });
    Case {
        pod,
        values,
        ..Case::default()
    }
}

/// The names that the pod has afterwards, and what is said.
fn answer(case: &Case) -> (Value, String) {
    let Decision::Inject(injection) = case.decide(&case.pod, &mut draw()) else {
        panic!("a good pod")
    };
    let mut pod = case.pod.clone();
    apply(&mut pod, &injection.operations);
    (
        pod["spec"]["imagePullSecrets"].clone(),
        injection.warnings.join("\n"),
    )
}

#[test]
fn the_charts_secrets_are_added_to_those_that_the_pod_has() {
    let names = |names: &[&str]| {
        Value::from(
            names
                .iter()
                .map(|name| json!({ "name": name }))
                .collect::<Vec<_>>(),
        )
    };
    for (own, expected) in [
        (Value::Null, names(&["mirror", "other"])),
        (json!([]), names(&["mirror", "other"])),
        (names(&["mine"]), names(&["mine", "mirror", "other"])),
        (
            names(&["other", "mine"]),
            names(&["other", "mine", "mirror"]),
        ),
    ] {
        let case = case(own.clone());
        assert!(rules::hold(&case, &own.to_string()));
        let (after, said) = answer(&case);
        assert_eq!(after, expected, "{own}");
        assert_eq!(said, "", "of one that is missing the kubelet says so");
    }
    let all = case(names(&["mirror", "other"]));
    assert_eq!(
        answer(&all),
        (names(&["mirror", "other"]), String::new()),
        "nothing is added, so nothing is said"
    );
}

/// The API server gives a pod its ServiceAccount's only where the pod names none.
#[test]
fn those_of_the_service_account_are_not_lost() {
    let mut case = case(Value::Null);
    case.account = Some(json!({
        "kind": "ServiceAccount", "metadata": { "name": "default" },
        "imagePullSecrets": [{ "name": "of-account" }, { "name": "other" }],
    }));
    assert_eq!(
        answer(&case).0,
        json!([{ "name": "of-account" }, { "name": "other" }, { "name": "mirror" }])
    );
}

#[test]
fn a_manifest_without_its_service_account_is_not_given_any() {
    let values = "agent: {region: eu-central-1, imagePullSecrets: [{name: mirror}]}\n";
    let account = "kind: ServiceAccount\nmetadata: {name: default}\nimagePullSecrets: [{name: of-account}]\n---\n";
    let pod = "kind: Pod\nmetadata: {name: app}\nspec: {containers: [{name: app}]}\n";
    let run = |text: &str| {
        stream::inject(
            &[
                "--values=values.yaml",
                "--role-arn=arn:aws:iam::111122223333:role/app",
            ],
            text,
            values,
        )
    };
    let alone = run(pod);
    assert_eq!(alone.code, 0, "{}", alone.stderr);
    assert!(
        !alone.stdout.contains("imagePullSecrets"),
        "{}",
        alone.stdout
    );
    assert!(
        alone.stderr.contains("mirror") && alone.stderr.contains("ServiceAccount"),
        "{}",
        alone.stderr
    );
    let together = run(&format!("{account}{pod}"));
    assert!(
        together.stdout.contains("name: mirror"),
        "{}",
        together.stdout
    );
    assert_eq!(
        together.stdout.matches("of-account").count(),
        2,
        "{}",
        together.stdout
    );
    let named = run(&pod.replace("spec: {", "spec: {imagePullSecrets: [{name: mine}], "));
    assert!(
        named.stdout.contains("name: mirror") && named.stdout.contains("name: mine"),
        "{}",
        named.stdout
    );
}

#[test]
fn what_cannot_be_the_name_of_a_secret_is_refused() {
    for secrets in [
        json!([{ "name": "" }]),
        json!([{ "name": "A b" }]),
        json!(["mirror"]),
        json!([{ "nam": "x" }]),
    ] {
        let values = json!({ "agent": { "imagePullSecrets": secrets } });
        assert!(Template::from_values(values.clone()).is_err(), "{values}");
    }
}
