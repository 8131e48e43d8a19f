//! The program and its `MutatingWebhookConfiguration`: the configuration that the object carries
//! decides the next review, without a restart, and its absence is seen.

mod program;

use serde_json::json;

use crate::api_server::status;
use program::{ANNOTATION, Program, REGISTRATION};

/// `helm upgrade --wait` returns while injectors of before are still asked, by API servers
/// that keep their connections.
#[tokio::test]
async fn the_configuration_of_the_registration_decides_the_next_review() {
    let mut program = Program::start().await;
    assert_eq!(program.region().await, "eu-central-1");
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-1"))]),
    ));
    program.until_region("eu-west-1").await;
    let role = json!([{ "namespaces": ["*"], "roleArns": ["arn:aws:iam::*:role/app"] }]);
    let both = [
        ("/agent/region", json!("eu-west-2")),
        ("/injector/allowedRoleArns", role),
    ];
    program.annotate(Some(&program.with(&both)));
    program.until_region("eu-west-2").await;
    // Manifests without the annotation, or an older chart's: the mounted file.
    program.annotate(None);
    program.until_region("eu-central-1").await;
    assert_eq!(program.reloads("error").await, 0);
    assert!(program.reloads("success").await >= 3);
    assert!(program.readiness().await.contains("[+]configuration ok"));
    program.assert_same_process();
}

/// What could not be read must not take away what works, and must be seen.
#[tokio::test]
async fn a_configuration_that_cannot_be_read_leaves_the_last_one_in_effect() {
    let mut program = Program::start().await;
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-1"))]),
    ));
    program.until_region("eu-west-1").await;
    let with = |pointer, value: &str| program.with(&[(pointer, json!(value))]);
    let broken = [
        ("{".to_owned(), ANNOTATION),
        (with("/agent/regoin", "eu-west-2"), "regoin"),
        (with("/agent/sessionDuration", "5s"), "sessionDuration"),
        (with("/injector/namespace", "elsewhere"), "elsewhere"),
    ];
    for (expected, (text, said)) in (1..).zip(&broken) {
        program.annotate(Some(text));
        program
            .until(said, async || program.reloads("error").await == expected)
            .await;
        let line = program.readiness_line("[!]configuration: ").await;
        assert!(line.contains(said), "{line}");
        let parts = ["ERROR", said, ANNOTATION];
        let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
        program
            .until("an error line", async || program.log().lines().any(is_it))
            .await;
        assert_eq!(program.region().await, "eu-west-1", "{text}");
    }
    program.annotate(Some(
        &program.with(&[("/agent/region", json!("eu-west-3"))]),
    ));
    program.until_region("eu-west-3").await;
    assert!(program.readiness().await.contains("[+]configuration ok"));
    program.assert_same_process();
}

/// An upgrade of the image: an injector and an agent of different builds were never tried together,
/// so each injector adds the agent of its own. The settings hold at once where it knows them all.
#[tokio::test]
async fn the_agent_of_another_build_is_left_to_its_injector() {
    let mut program = Program::start().await;
    assert_eq!(program.image().await, "one.example/stsidecar:1.0.0");
    let moved = [("/image/registry", json!("two.example"))];
    program.annotate(Some(&program.with(&moved)));
    program
        .until("the same build from elsewhere", async || {
            program.image().await.starts_with("two.example/")
        })
        .await;
    let next = [
        ("/image/registry", json!("two.example")),
        ("/image/tag", json!("1.1.0")),
        ("/agent/region", json!("eu-west-1")),
    ];
    program.annotate(Some(&program.with(&next)));
    program.until_region("eu-west-1").await;
    assert_eq!(program.image().await, "one.example/stsidecar:1.0.0");
    // A key that only the next build knows.
    let mut later = next.to_vec();
    later.extend([
        ("/agent/region", json!("eu-west-2")),
        ("/agent/inventedLater", json!(true)),
    ]);
    program.annotate(Some(&program.with(&later)));
    program
        .until("it says so", async || {
            program.log().contains("inventedLater")
        })
        .await;
    assert_eq!(
        (program.region().await, program.reloads("error").await),
        ("eu-west-1".to_owned(), 0)
    );
    assert!(!program.log().contains("ERROR"), "{}", program.log());
    program.assert_same_process();
}

/// Without it the API server asks no injector, and pods start without credentials.
#[tokio::test]
async fn a_registration_that_is_gone_is_seen_and_not_made_again() {
    let mut program = Program::start().await;
    let here = program.api.known(REGISTRATION).expect("it is there");
    program.until_registered(1).await;
    let mut half = here.clone();
    half["webhooks"].as_array_mut().expect("webhooks").remove(0);
    let mut of_another = here.clone();
    of_another["webhooks"][1]["clientConfig"]["service"]["namespace"] = json!("elsewhere");
    let mut missing = status(404, "not found");
    missing["reason"] = "NotFound".into();
    let absent = "MutatingWebhookConfiguration stsidecar-injector does not exist";
    let answers = [
        (404, missing, absent),
        (200, half, "pods.stsidecar.dev"),
        (200, of_another, "namespaces.stsidecar.dev"),
    ];
    for (number, (code, answer, said)) in (1..).zip(answers) {
        program.api.set(REGISTRATION, code, answer);
        program.until_registered(0).await;
        let line = program.readiness_line("[!]webhook: ").await;
        assert!(line.contains(said), "{line}");
        program
            .until("an error line", async || program.errors().len() >= number)
            .await;
        let errors = program.errors();
        assert!(
            errors.len() == number && errors[number - 1].contains(said),
            "{errors:?}"
        );
        let region = program.region().await;
        assert_eq!(region, "eu-central-1", "a review that comes is answered");
        program.api.set(REGISTRATION, 200, here.clone());
        program.until_registered(1).await;
        assert!(program.readiness().await.contains("[+]webhook ok"));
    }
    for method in ["POST", "PUT"] {
        let written = program.api.calls(method, "mutatingwebhookconfigurations");
        assert_eq!(written.len(), 0, "{method}");
    }
    program.assert_same_process();
}
