//! What the log says of refreshing: a line for each success, and failures without drowning anybody.

use serde_json::Value;

use super::Scene;
use super::support::agent::{ROLE, until};
use super::support::fake_sts::Behaviour;

#[test]
fn each_refresh_is_one_line_with_key_suffix_expiry_and_duration() {
    let scene = Scene::new();
    let agent = scene.launch_restless().start();
    until("three refreshes", || {
        (agent.events("credentials refreshed").len() >= 3).then_some(())
    });
    let calls = scene.sts.calls().len();
    let events = agent.events("credentials refreshed");
    // One answer may be on its way.
    assert!(
        (calls - 1..=calls + 1).contains(&events.len()),
        "{} lines of {calls} calls",
        events.len()
    );
    for (event, serial) in events.iter().zip(1_u64..) {
        let issued = scene
            .sts
            .issued(&format!("ASIAFAKE{serial:012}"))
            .expect("issued");
        assert_eq!(
            event["access_key_id"],
            format!("..{}", &issued.access_key_id[16..]),
            "{event}"
        );
        assert!(
            !event.to_string().contains(&issued.access_key_id),
            "{event}"
        );
        assert_eq!(event["expires"], issued.expiration_text());
        assert!(event["duration_ms"].is_u64(), "{event}");
        assert_eq!(
            (&event["generation"], &event["level"]),
            (&serial.into(), &"INFO".into())
        );
        assert_eq!(
            (&event["role"], &event["profile"]),
            (&ROLE.into(), &"default".into())
        );
        assert!(
            event["request_id"]
                .as_str()
                .is_some_and(|id| id.starts_with("f4ce575f-")),
            "{event}"
        );
    }
}

#[test]
fn a_failure_says_code_message_request_class_and_hint_and_is_repeated_at_most_once_a_minute() {
    let scene = Scene::new();
    let message = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    scene
        .sts
        .script(vec![Behaviour::error(403, "AccessDenied", message); 3]);
    scene
        .sts
        .set_default(Behaviour::error(500, "InternalFailure", "We had a problem"));
    let agent = scene.launch().start();
    until("five calls", || {
        (scene.sts.calls().len() >= 5).then_some(())
    });
    let counted = |reason: &str| {
        agent.metric::<u64>(&format!(
            "stsidecar_credentials_refresh_errors_total{{profile=\"default\",reason=\"{reason}\"}}"
        ))
    };
    until("all are counted", || {
        (counted("denied") >= 3 && counted("transient") >= 2).then_some(())
    });

    let events = agent.events("refresh failed");
    let [denied, broken] = events.as_slice() else {
        panic!("one line for each class: {events:#?}")
    };
    for (field, value) in [
        ("code", "AccessDenied"),
        ("class", "denied"),
        ("error", message),
        ("level", "WARN"),
        (
            "hint",
            "check the role ARN, and that its trust policy allows this service account",
        ),
    ] {
        assert_eq!(denied[field], value, "{denied}");
    }
    let id = denied["request_id"].as_str().expect("an id");
    assert!(id.starts_with("f4ce575f-"), "{denied}");
    let (code, class) = (&broken["code"], &broken["class"]);
    assert_eq!(
        (code, class),
        (&"InternalFailure".into(), &"transient".into())
    );
    for event in &events {
        let fields = ["attempts", "retry_in_ms", "duration_ms"];
        assert!(fields.iter().all(|field| event[field].is_u64()), "{event}");
        assert_eq!(
            event["remaining_seconds"],
            Value::Null,
            "there are no credentials"
        );
    }

    scene.sts.set_default(Behaviour::Ok);
    agent.first_credentials().issued().expect("credentials");
    agent.event("credentials refreshed");
    assert_eq!(agent.status()["profiles"][0]["lastError"], Value::Null);
}

#[test]
fn every_line_of_the_log_is_json_with_time_level_and_message() {
    let scene = Scene::new();
    let mut agent = scene.launch().start();
    agent.first_credentials();
    agent.signal(rustix::process::Signal::TERM);
    assert_eq!(agent.wait(), Some(0));
    for line in agent.log() {
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            ["timestamp", "level", "message", "target"]
                .iter()
                .all(|key| event[*key].is_string()),
            "{line}"
        );
    }
}
