//! Two releases of the chart in one cluster: who injected a pod is on it, and no release changes
//! what another's did.

use serde_json::{Value, json};
use stsidecar::inject::Decision;

use crate::case::{Case, apply, draw};
use crate::shape::{injected_by, pod, sidecar};
use crate::stream;

const INJECTED_BY: &str = "stsidecar.dev/injected-by";
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn release(namespace: &str, name: &str, audience: &str) -> Case {
    let values = json!({
        "agent": { "audience": audience },
        "injector": { "namespace": namespace, "release": name },
    });
    Case {
        pod: pod(),
        values,
        ..Case::default()
    }
}

fn who(pod: &Value) -> String {
    pod["metadata"]["annotations"][INJECTED_BY]
        .as_str()
        .expect("a text")
        .to_owned()
}

/// As the API server calls them, one behind the other, each again behind the other's change.
#[test]
fn a_pod_is_the_first_releases_and_the_other_says_so() {
    let (one, two) = (release("team-a", "one", "a"), release("team-b", "two", "b"));
    let (mut pod, _) = injected_by(&one);
    assert_eq!(who(&pod), format!("team-a/one {VERSION}"));
    for _ in 0..2 {
        match two.decide(&pod, &mut draw()) {
            Decision::Skip(skip) => {
                assert_eq!(skip.reason, "other_release");
                let message = skip.message.expect("a message to the author of the pod");
                assert!(
                    message.contains("team-a/one") && message.contains("team-b/two"),
                    "{message}"
                );
                assert!(
                    message.contains("uninstall") && message.contains(INJECTED_BY),
                    "{message}"
                );
                assert!(
                    message.len() < 230,
                    "the API server may cut a longer warning: {message}"
                );
            }
            other => panic!("{other:?}"),
        }
        let Decision::Inject(again) = one.decide(&pod, &mut draw()) else {
            panic!("its own pod")
        };
        assert_eq!(again.operations, [], "its own release completes it");
        pod["metadata"]["annotations"]["example.com/other"] = "changed".into();
    }
    let own = pod["spec"]["initContainers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|own| own["name"] == "stsidecar");
    assert_eq!(own.count(), 1, "never both");
}

/// A release has a namespace: one of the same name elsewhere is another.
#[test]
fn releases_differ_by_name_or_by_namespace() {
    let (pod, _) = injected_by(&release("team-a", "stsidecar", "a"));
    for (namespace, name, is_same) in [
        ("team-a", "stsidecar", true),
        ("team-b", "stsidecar", false),
        ("team-a", "other", false),
    ] {
        let decision = release(namespace, name, "a").decide(&pod, &mut draw());
        assert_eq!(
            matches!(decision, Decision::Inject(_)),
            is_same,
            "{namespace}/{name}: {decision:?}"
        );
    }
}

/// Whose mark names no release, an older version's or `stsidecar inject`'s, is adopted: such pods
/// were before.
#[test]
fn what_names_no_release_is_adopted_and_so_is_an_upgrade() {
    let case = release("team-a", "one", "a");
    let (fresh, _) = injected_by(&case);
    let older = format!("team-a/one {VERSION}-alpha.1");
    for mark in [
        Value::Null,
        "stsidecar-injector/0.1.0".into(),
        "stsidecar-inject/0.1.0".into(),
        "".into(),
        "team-b/ 0.1.0".into(),
        "/two 0.1.0".into(),
        "team-b/two".into(),
        "team-b/TWO 1".into(),
        "team b/two 1".into(),
        older.into(),
    ] {
        let mut pod = fresh.clone();
        pod["metadata"]["annotations"][INJECTED_BY] = mark.clone();
        if mark.is_null() {
            pod["metadata"]["annotations"]
                .as_object_mut()
                .expect("a map")
                .remove(INJECTED_BY);
        }
        match case.decide(&pod, &mut draw()) {
            Decision::Inject(injection) => apply(&mut pod, &injection.operations),
            other => panic!("{mark}: {other:?}"),
        }
        assert_eq!(pod, fresh, "{mark}");
    }
}

/// The way out that the message names: of a copied manifest the mark alone is removed.
#[test]
fn a_copy_without_the_mark_is_renewed_and_a_mark_alone_is_nothing() {
    let (mut copy, _) = injected_by(&release("team-a", "one", "a"));
    let two = release("team-b", "two", "b");
    copy["metadata"]["annotations"]
        .as_object_mut()
        .expect("a map")
        .remove(INJECTED_BY);
    let renewed = injected_by(&Case {
        pod: copy,
        ..two.clone()
    })
    .0;
    assert_eq!(renewed["spec"], injected_by(&two).0["spec"]);
    let mut marked = two.clone();
    marked.pod["metadata"]["annotations"][INJECTED_BY] = "team-a/one 0.1.0".into();
    assert_eq!(
        sidecar(&injected_by(&marked).0),
        sidecar(&injected_by(&two).0)
    );
}

/// It is no rival: its author renews what it finds.
#[test]
fn stsidecar_inject_names_no_release_and_renews_any() {
    let (pod, _) = injected_by(&release("team-a", "one", "a"));
    let mut manifest = pod.clone();
    (manifest["apiVersion"], manifest["kind"]) = ("v1".into(), "Pod".into());
    let outcome = stream::inject(
        &["--values=values.yaml"],
        &manifest.to_string(),
        r#"{"agent":{"audience":"b"}}"#,
    );
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    let after: Value = serde_saphyr::from_str(&outcome.stdout).expect("a manifest");
    assert_eq!(who(&after), format!("stsidecar-inject/{VERSION}"));
    assert!(
        outcome.stdout.contains("audience: b") || outcome.stdout.contains("\"audience\":\"b\""),
        "{}",
        outcome.stdout
    );
}
