//! What is taken of a configuration, and what is said of webhooks that are gone.

use serde_json::{Value, json};

use super::*;
use crate::metrics::Registry;

fn values() -> Value {
    json!({
        "image": { "registry": "one.example", "repository": "a/b", "tag": "1.0.0" },
        "agent": { "region": "eu-central-1" },
        "injector": {
            "namespace": "stsidecar-system", "serviceName": "stsidecar-injector",
            "webhookConfiguration": "stsidecar-injector", "port": 9443, "metricsPort": 9912,
            "certs": { "mode": "self", "secretName": "stsidecar-injector-tls" },
        },
    })
}

fn with(pointer: &str, value: Value) -> String {
    let mut values = values();
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    values.pointer_mut(parent).expect("it is there")[key] = value;
    values.to_string()
}

fn own() -> Config {
    Config::read(
        std::path::Path::new("/config.yaml"),
        values().to_string().as_bytes(),
    )
    .expect("a configuration")
}

fn taken(text: &str) -> Template {
    match carried::read(text, &own()) {
        Carried::Taken { template, .. } => *template,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_image_is_taken_unless_it_is_of_another_build() {
    for (pointer, value, image) in [
        ("/image/registry", "two.example", "two.example/a/b:1.0.0"),
        ("/image/repository", "c", "one.example/c:1.0.0"),
        ("/image/tag", "1.1.0", "one.example/a/b:1.0.0"),
        ("/image/digest", "sha256:00", "one.example/a/b:1.0.0"),
    ] {
        assert_eq!(
            taken(&with(pointer, json!(value))).image(),
            image,
            "{pointer}"
        );
    }
    let mut moved = values();
    moved["image"] = json!({ "registry": "two.example", "repository": "c", "tag": "1.1.0" });
    assert_eq!(
        taken(&moved.to_string()).image(),
        "one.example/a/b:1.0.0",
        "its registry may lack the tag of before"
    );
}

#[test]
fn what_only_a_restart_changes_stops_nothing() {
    for (pointer, value) in [
        ("/injector/port", json!(8443)),
        ("/injector/log", json!({ "level": "debug" })),
        (
            "/injector/certs",
            json!({ "mode": "certManager", "secretName": "other" }),
        ),
    ] {
        assert_eq!(
            taken(&with(pointer, value)).image(),
            "one.example/a/b:1.0.0",
            "{pointer}"
        );
    }
}

#[test]
fn unknown_keys_are_an_error_of_ones_own_build_only() {
    let mut text = values();
    text["agent"]["inventedLater"] = json!(1);
    assert!(
        matches!(carried::read(&text.to_string(), &own()), Carried::Refused(said) if said.contains("inventedLater"))
    );
    text["image"]["tag"] = json!("1.1.0");
    let other = carried::read(&text.to_string(), &own());
    assert!(matches!(other, Carried::OfAnotherBuild(said) if said.contains("inventedLater")));
    assert!(matches!(carried::read("{", &own()), Carried::Refused(_)));
}

#[test]
fn a_configuration_of_another_release_is_refused_by_name() {
    let text = with("/injector/namespace", json!("elsewhere"));
    assert!(
        matches!(carried::read(&text, &own()), Carried::Refused(said) if said.contains("elsewhere/stsidecar-injector"))
    );
}

fn registration() -> Registration {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = crate::injector::client_of(kube::Config::new(
        "http://127.0.0.1:1".parse().expect("a URL"),
    ));
    let metrics = Metrics::register(&Registry::new()).expect("a fresh registry");
    let current = Arc::new(Current::new(own().template));
    Registration::new(own(), client.expect("a client"), current, metrics)
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_not_made_yet_is_no_incident_until_it_is_late() {
    let mut registration = registration();
    registration.judge(Some("missing".to_owned()));
    assert_eq!(
        (registration.presence, registration.current.webhooks()),
        (Presence::Unknown, Err("missing".to_owned()))
    );
    tokio::time::sleep(INSTALLED_WITHIN).await;
    registration.judge(Some("missing".to_owned()));
    assert_eq!(registration.presence, Presence::Missing);
    registration.judge(None);
    assert_eq!(
        (registration.presence, registration.current.webhooks()),
        (Presence::Present, Ok(()))
    );
    registration.judge(Some("missing".to_owned()));
    assert_eq!(
        registration.presence,
        Presence::Missing,
        "what was there is missed at once"
    );
}

#[tokio::test]
async fn the_annotation_decides_and_without_it_the_file() {
    let mut registration = registration();
    let image = |registration: &Registration| registration.current.template().image();
    registration.follow(None);
    assert_eq!(image(&registration), "one.example/a/b:1.0.0");
    registration.follow(Some(&with("/image/registry", json!("two.example"))));
    assert_eq!(image(&registration), "two.example/a/b:1.0.0");
    registration.follow(Some("{"));
    assert_eq!(image(&registration), "two.example/a/b:1.0.0");
    assert!(registration.current.configuration().is_err());
    registration.follow(None);
    assert_eq!(
        (image(&registration), registration.current.configuration()),
        ("one.example/a/b:1.0.0".to_owned(), Ok(()))
    );
}
