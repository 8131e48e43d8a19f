//! The certificates of a private STS: from a ConfigMap of each namespace, or from the chart's
//! values with the pod.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stsidecar::inject::Template;
use stsidecar::sts::Bundle;

use crate::case::Case;
use crate::kubelet;
use crate::shape::{denied, injected_by, pod, sidecar};
use crate::stream;

const ANNOTATION: &str = "stsidecar.dev/ca-bundle";

fn certificate(name: &str) -> String {
    rcgen::generate_simple_self_signed(vec![name.to_owned()])
        .expect("ring makes keys")
        .cert
        .pem()
}

fn with(bundle: &Value) -> Case {
    let values = json!({ "agent": { "awsCaBundle": bundle } });
    Case {
        pod: pod(),
        values,
        ..Case::default()
    }
}

fn volume(pod: &Value) -> &Value {
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    volumes
        .iter()
        .find(|volume| volume["name"] == "stsidecar-ca")
        .unwrap_or(&Value::Null)
}

fn annotation(pod: &Value) -> Option<&str> {
    pod["metadata"]["annotations"]
        .get(ANNOTATION)
        .map(|text| text.as_str().expect("a text"))
}

/// The kubelet says what is missing, when it is: `FailedMount`, `FailedToRetrieveImagePullSecret`.
/// The injector cannot know it, and a warning with every pod is one that is not read.
#[test]
fn what_may_be_missing_is_the_kubelets_to_say() {
    for values in [
        json!({ "awsCaBundle": { "configMap": "corporate-ca" } }),
        json!({ "awsCaBundle": { "pem": certificate("ca.example.com") } }),
        json!({ "imagePullSecrets": [{ "name": "mirror" }] }),
    ] {
        let account = Some(json!({ "metadata": { "name": "default" } }));
        let case = Case {
            pod: pod(),
            account,
            values: json!({ "agent": values }),
            ..Case::default()
        };
        assert_eq!(injected_by(&case).1, Vec::<String>::new(), "{values}");
    }
}

/// Nothing has to exist in the pod's namespace: the certificates come as an annotation, and the
/// kubelet makes a file of it (<https://kubernetes.io/docs/concepts/workloads/pods/downward-api/>).
#[test]
fn a_bundle_of_the_values_comes_with_the_pod() {
    let pem = certificate("one.example.com") + "# two\n" + &certificate("two.example.com");
    let (after, _) = injected_by(&with(&json!({ "pem": format!("# one\n{pem}\n\n") })));
    // `kubectl describe` cuts each line of an annotation after 140 characters, and prints every
    // line.
    let written = annotation(&after).expect("written");
    assert!(
        !written.contains('\n') && written.len() < pem.len(),
        "{written}"
    );
    assert_eq!(
        Bundle::parse(written.as_bytes())
            .expect("the agent's parser")
            .certificates(),
        2
    );
    let field = json!({ "fieldRef": { "fieldPath": format!("metadata.annotations['{ANNOTATION}']") }, "path": "ca.crt" });
    assert_eq!(
        *volume(&after),
        json!({ "name": "stsidecar-ca", "downwardAPI": { "items": [field] } })
    );
    let own = sidecar(&after);
    let mounts = own["volumeMounts"].as_array().expect("mounts");
    let mount = mounts
        .iter()
        .find(|mount| mount["name"] == "stsidecar-ca")
        .expect("mounted");
    let directory = mount["mountPath"].as_str().expect("a path");
    let environment = kubelet::environment(own, &BTreeMap::new());
    assert_eq!(environment["AWS_CA_BUNDLE"], format!("{directory}/ca.crt"));
    assert!(
        !environment
            .values()
            .any(|value| value.contains("BEGIN CERTIFICATE")),
        "kubectl describe prints it whole"
    );
    let text = after["metadata"]["annotations"]["stsidecar.dev/status"]
        .as_str()
        .expect("a status");
    assert!(
        text.contains("stsidecar-ca") && !text.contains("BEGIN"),
        "{text}"
    );
}

/// What is between them stays out, whatever it is; so does a line end.
#[test]
fn certificates_alone_come_with_the_pod_in_whichever_form_they_are_written() {
    let [one, two] = ["one.example.com", "two.example.com"].map(certificate);
    let list = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let older = two.replace(" CERTIFICATE-----", " X509 CERTIFICATE-----");
    let folded = |pem: &str| pem.replace('\n', "").replace("-----BEGIN", " -----BEGIN");
    let expected = injected_by(&with(&json!({ "pem": format!("{one}{two}") }))).0;
    for pem in [
        format!("{list}{one}{list}{two}"),
        format!("subject=one\n{one}subject=two\n{older}"),
        format!("{one}{two}").replace('\n', "\r\n"),
        format!("{}\n{two}", folded(&one).trim()),
        folded(&format!("{one}{two}")).trim().to_owned(),
    ] {
        let after = injected_by(&with(&json!({ "pem": pem }))).0;
        assert_eq!(annotation(&after), annotation(&expected), "{pem}");
        for text in [&*pem, annotation(&after).expect("written")] {
            assert_eq!(
                Bundle::parse(text.as_bytes())
                    .expect("the agent's parser")
                    .certificates(),
                2,
                "{text}"
            );
        }
    }
}

/// From any of the three to any other, as if it had been rendered now; and a call behind it changes
/// nothing.
#[test]
fn another_bundle_renews_what_was_rendered() {
    let [one, two] = ["one.example.com", "two.example.com"].map(certificate);
    let bundles = [
        json!({}),
        json!({ "configMap": "ca" }),
        json!({ "pem": one }),
        json!({ "pem": two }),
    ];
    let mut hashes = std::collections::BTreeSet::new();
    for before in &bundles {
        let found = injected_by(&with(before)).0;
        let text = found["metadata"]["annotations"]["stsidecar.dev/status"]
            .as_str()
            .expect("a status");
        let status: Value = serde_json::from_str(text).expect("JSON");
        assert!(
            hashes.insert(status["settingsHash"].to_string()),
            "{before} has the hash of another"
        );
        for after in &bundles {
            let fresh = injected_by(&with(after)).0;
            let renewed = injected_by(&Case {
                pod: found.clone(),
                ..with(after)
            })
            .0;
            assert_eq!(
                (volume(&renewed), annotation(&renewed)),
                (volume(&fresh), annotation(&fresh)),
                "{before} {after}"
            );
            assert_eq!(
                sidecar(&renewed)["env"],
                sidecar(&fresh)["env"],
                "{before} {after}"
            );
            let again = injected_by(&Case {
                pod: renewed.clone(),
                ..with(after)
            })
            .0;
            assert_eq!(again, renewed, "a third call changes something");
        }
    }
}

/// An author who writes it means a setting that there is not.
#[test]
fn an_annotation_of_the_author_is_refused() {
    let mut case = with(&json!({}));
    case.pod["metadata"]["annotations"][ANNOTATION] = certificate("mine.example.com").into();
    let (reason, message) = denied(&case);
    assert!(
        reason == "unknown_key"
            && message.contains(ANNOTATION)
            && message.contains("agent.awsCaBundle"),
        "{message}"
    );
    assert!(!message.contains("BEGIN"), "{message}");
}

#[test]
fn what_is_no_bundle_is_refused_by_its_value() {
    let good = certificate("ca.example.com");
    let key = rcgen::KeyPair::generate()
        .expect("ring makes keys")
        .serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let long = good.repeat(64 * 1024 / good.len() + 1);
    for (bundle, said) in [
        (
            json!({ "pem": "/etc/ssl/ca.crt" }),
            "agent.awsCaBundle.pem: it holds no PEM certificate",
        ),
        (
            json!({ "pem": format!("{good}{broken}") }),
            "agent.awsCaBundle.pem: PEM block 2 is not a certificate",
        ),
        (
            json!({ "pem": format!("{good}{key}") }),
            "agent.awsCaBundle.pem: it holds a private key",
        ),
        (json!({ "pem": long }), "agent.awsCaBundle.pem: it has 65"),
        (
            json!({ "pem": good, "configMap": "ca" }),
            "agent.awsCaBundle: configMap and pem exclude each other",
        ),
        (json!({ "pme": good }), "unknown field `pme`"),
    ] {
        let values =
            json!({ "agent": { "region": "eu-central-1", "awsCaBundle": bundle } }).to_string();
        let outcome = stream::inject(&["--values=values.yaml"], stream::POD, &values);
        assert_eq!(outcome.code, 78, "{said}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(said), "{said}: {}", outcome.stderr);
        let content = good.lines().nth(1).expect("base64");
        assert!(
            !outcome.stderr.contains(content) && outcome.stderr.len() < 400,
            "{}",
            outcome.stderr
        );
    }
    let room = good.repeat(64 * 1024 / good.len());
    for pem in [room, format!("# Issuer: CN=ca\n{good}"), String::new()] {
        let values = json!({ "agent": { "awsCaBundle": { "pem": pem } } });
        assert!(Template::from_values(values).is_ok());
    }
}

/// A text of many lines survives the way through a manifest.
#[test]
fn stsidecar_inject_writes_it_into_the_manifest() {
    let pem = certificate("ca.example.com");
    let values =
        json!({ "agent": { "region": "eu-central-1", "awsCaBundle": { "pem": pem } } }).to_string();
    let outcome = stream::inject(
        &["--values=values.yaml", stream::ROLE],
        stream::POD,
        &values,
    );
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""));
    let after: Value = serde_saphyr::from_str(&outcome.stdout).expect("a manifest");
    let written = annotation(&after).expect("written");
    assert_eq!(
        written.split_whitespace().collect::<String>(),
        pem.split_whitespace().collect::<String>()
    );
    assert_eq!(volume(&after)["downwardAPI"]["items"][0]["path"], "ca.crt");
}
