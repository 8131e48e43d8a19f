//! From exec to the first credentials: the start line, waiting requests, and a token that comes
//! late.

use std::time::Duration;

use super::Scene;
use super::support::agent::{ROLE, until};
use super::support::fake_sts::Behaviour;
use super::support::tokens::unix_now;

/// The longest an SDK that gives up after a second may be made to wait.
const LONGEST: Duration = Duration::from_millis(950);

#[test]
fn the_first_answer_is_a_200_with_credentials_of_the_role_and_the_session() {
    let scene = Scene::new();
    let agent = scene.launch().start();
    let answer = agent.client().credentials().expect("an answer");
    let issued = answer.issued().expect("credentials");
    assert_eq!(issued.role_arn.as_deref(), Some(ROLE));
    assert_eq!(issued.session_name, "shop.checkout-7d4b9c-x2x4q");
    assert!(issued.expiration > unix_now() + 3500, "{issued:?}");
    assert!(
        answer.head.contains("content-type: application/json\r\n"),
        "{}",
        answer.head
    );
    assert!(
        answer.head.contains("cache-control: no-store\r\n"),
        "{}",
        answer.head
    );
    assert_eq!(scene.sts.calls().len(), 1);
}

#[test]
fn the_start_is_told_first_and_in_one_line_and_the_settings_once() {
    let scene = Scene::new();
    let agent = scene.launch().start();
    let events = agent.events("stsidecar is starting");
    let [event] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert!(
        agent.log()[0].contains("stsidecar is starting"),
        "it is the first line"
    );
    assert_eq!(
        (&event["version"], &event["roles"]),
        (&env!("CARGO_PKG_VERSION").into(), &ROLE.into())
    );
    let sts = event["sts"].as_str().expect("host and port");
    assert!(
        scene
            .sts
            .url()
            .trim_end_matches('/')
            .ends_with(&format!("//{sts}")),
        "{sts}"
    );
    let settings = agent.events("effective configuration");
    let [settings] = settings.as_slice() else {
        panic!("{settings:?}")
    };
    let text = settings["configuration"].as_str().expect("text");
    let configuration: serde_json::Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(configuration["profiles"]["default"][0]["roleArn"], ROLE);
    assert_eq!(configuration["logLevel"], "trace");
}

#[test]
fn a_request_before_the_first_credentials_is_held_for_them() {
    let scene = Scene::new();
    scene
        .sts
        .set_default(Behaviour::Latency(Duration::from_millis(400)));
    let agent = scene.launch().start();
    let answer = agent.client().credentials().expect("an answer");
    answer.issued().expect("credentials, not a 503");
    assert!(
        answer.took > Duration::from_millis(50),
        "it was there already: {:?}",
        answer.took
    );
}

#[test]
fn without_credentials_every_request_is_answered_within_950_ms_and_then_told_why() {
    let scene = Scene::new();
    scene.sts.set_default(Behaviour::Hang);
    let agent = scene.launch().start();
    let ask = || agent.client().credentials().expect("an answer");
    let answers: Vec<_> = std::thread::scope(|threads| {
        let asking: Vec<_> = (0..8).map(|_| threads.spawn(ask)).collect();
        asking
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    for answer in &answers {
        assert_eq!(
            (answer.status, &answer.json()["Code"]),
            (503, &"CredentialsNotReady".into())
        );
        assert!(
            answer.took >= Duration::from_millis(750),
            "not held: {:?}",
            answer.took
        );
    }
    // Again and again, because other programs run here too.
    until("an answer before an SDK gives up", || {
        (ask().took < LONGEST).then_some(())
    });
    until("the reason", || {
        (ask().json()["Code"] == "RequestTimeout").then_some(())
    });
}

#[test]
fn a_token_that_comes_late_is_used_at_once() {
    let mut scene = Scene::without_token();
    let mut agent = scene.launch().start();
    let mut client = agent.client();
    until("the reason", || {
        let answer = client.credentials().expect("an answer");
        assert_eq!(answer.status, 503);
        (answer.json()["Code"] == "TokenFileMissing").then_some(())
    });
    assert_eq!(agent.admin("/readyz").status, 503);
    assert_eq!(agent.admin("/livez").status, 200);
    assert!(scene.sts.calls().is_empty() && agent.is_running());
    let token = scene.rotate();
    agent.first_credentials().issued().expect("credentials");
    assert_eq!(scene.sts.calls()[0].form["WebIdentityToken"], token);
    assert_eq!(agent.admin("/readyz").status, 200);
}
