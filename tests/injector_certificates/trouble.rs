//! A Secret that was edited, an API server that is away, certificates that
//! ended while no replica ran.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api::{Api, Health, SECRET};
use crate::scene::{DAY, HOUR, Replica, SECOND, SELF, Time, authorities, call, call_all};

pub fn other_pair() -> (String, String) {
    let made =
        rcgen::generate_simple_self_signed(["elsewhere.example".to_owned()]).expect("a pair");
    (
        STANDARD.encode(made.cert.pem()),
        STANDARD.encode(made.signing_key.serialize_pem()),
    )
}

#[tokio::test(start_paused = true)]
async fn a_secret_edited_to_rubbish_is_replaced_from_memory() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    sleep(30 * SECOND).await;
    let good = api.secret()["data"].clone();
    let (certificate, key) = other_pair();
    let edits: [(&str, Value); 9] = [
        ("ca.crt", json!("bm8gUEVN")),
        ("ca.crt", json!("not base64!")),
        ("ca.key", json!(key)),
        ("ca.crt", json!(certificate)),
        ("tls.crt", json!(certificate)),
        ("tls.key", json!(key)),
        ("tls.crt", json!("")),
        ("next-ca.crt", json!(certificate)),
        ("previous-ca.crt", json!("bm8gUEVN")),
    ];
    for (name, value) in edits {
        api.edit(SECRET, |secret| secret["data"][name] = value);
        call_all(&api, time, &[&replica], SECOND, 5 * SECOND).await;
        assert_eq!(api.secret()["data"], good, "{name}");
    }
    assert_eq!(replica.metrics.renewals(), (1, 0));
    api.edit(SECRET, |secret| secret["data"]["own"] = json!("a2VwdA=="));
    api.edit(SECRET, |secret| {
        drop(
            secret["data"]
                .as_object_mut()
                .expect("data")
                .remove("ca.key"),
        );
    });
    sleep(5 * SECOND).await;
    assert_eq!(
        api.secret()["data"]["own"],
        "a2VwdA==",
        "other keys are not ours"
    );
    assert_eq!(api.secret()["data"]["ca.key"], good["ca.key"]);
}

#[tokio::test(start_paused = true)]
async fn rubbish_found_at_the_start_is_replaced_part_by_part() {
    let (api, time) = (Api::start().await, Time::start());
    Replica::start(&api, time, SELF, 0.5)
        .ready_within(5 * SECOND)
        .await;
    let made = api.secret()["data"].clone();
    let (certificate, _) = other_pair();
    for (name, same_authority) in [("tls.crt", true), ("ca.crt", false)] {
        let (api, time) = (Api::start().await, Time::start());
        api.edit(SECRET, |secret| {
            secret["data"] = made.clone();
            secret["data"][name] = json!(certificate);
        });
        let replica = Replica::start(&api, time, SELF, 0.5);
        replica.ready_within(5 * SECOND).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("trusted");
        assert_eq!(
            api.secret()["data"]["ca.key"] == made["ca.key"],
            same_authority,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_valid_secret_of_another_release_is_taken_over_without_a_failed_call() {
    let (other, time) = (Api::start().await, Time::start());
    Replica::start(&other, time, SELF, 0.5)
        .ready_within(5 * SECOND)
        .await;
    let api = Api::start().await;
    let replicas = [
        Replica::start(&api, time, SELF, 0.1),
        Replica::start(&api, time, SELF, 0.8),
    ];
    for replica in &replicas {
        replica.ready_within(5 * SECOND).await;
    }
    sleep(30 * SECOND).await;
    let before = replicas[0].leaf();
    api.edit(SECRET, |secret| {
        secret["data"] = other.secret()["data"].clone();
    });
    call_all(
        &api,
        time,
        &[&replicas[0], &replicas[1]],
        SECOND,
        90 * SECOND,
    )
    .await;
    assert_ne!(replicas[0].leaf(), before);
    assert_eq!(replicas[0].leaf(), replicas[1].leaf());
    assert_eq!(
        api.secret()["data"]["ca.crt"],
        other.secret()["data"]["ca.crt"]
    );
    assert_eq!(
        authorities(&api.bundle(SECOND).expect("written")).len(),
        2,
        "the one before is trusted until its end"
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_away_changes_nothing_that_is_served() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    for health in [Health::Down, Health::Hanging] {
        sleep(30 * SECOND).await;
        let leaf = replica.leaf();
        api.set(health);
        sleep(HOUR).await;
        let readiness = replica.serving.readiness();
        assert!(
            readiness.ready && readiness.reason.contains("stsidecar-injector"),
            "{readiness:?}"
        );
        assert_eq!(replica.leaf(), leaf);
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("still trusted");
        api.set(Health::Up);
        api.wipe();
        // Two reads that hang already have five seconds each.
        sleep(15 * SECOND).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("repaired after it came back");
        assert!(
            !replica.serving.readiness().reason.contains(';'),
            "{:?}",
            replica.serving.readiness()
        );
    }
    api.set(Health::Down);
    tokio::time::advance(8 * DAY).await;
    sleep(10 * SECOND).await;
    assert!(!replica.serving.is_ready(), "the leaf has ended");
    api.set(Health::Up);
    replica.ready_within(6 * SECOND).await;
    call(&api, time, &replica, Duration::ZERO)
        .await
        .expect("renewed at once");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn certificates_that_ended_while_no_replica_ran_are_replaced_at_the_start() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    replica.stop().await;
    let old = api.secret()["data"].clone();
    for (pause, same_authority) in [(10 * DAY, true), (400 * DAY, false)] {
        tokio::time::advance(pause).await;
        let replica = Replica::start(&api, time, SELF, 0.5);
        replica.ready_within(5 * SECOND).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("trusted");
        assert_eq!(
            api.secret()["data"]["ca.crt"] == old["ca.crt"],
            same_authority,
            "{pause:?}"
        );
        assert_eq!(
            authorities(&api.bundle(Duration::ZERO).expect("written")).len(),
            1
        );
        replica.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_may_not_read_the_secret_says_so() {
    let (api, time) = (Api::start().await, Time::start());
    api.set(Health::NoSecrets);
    let replica = Replica::start(&api, time, SELF, 0.5);
    sleep(20 * SECOND).await;
    let readiness = replica.serving.readiness();
    assert!(!readiness.ready, "{readiness:?}");
    for part in [
        "no certificate yet",
        "Secret stsidecar-system/stsidecar-injector-tls",
        "403",
        "secrets is forbidden",
    ] {
        assert!(readiness.reason.contains(part), "{part}: {readiness:?}");
    }
    assert_eq!(api.writes().len(), 0);
    api.set(Health::Up);
    replica.ready_within(6 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_secret_is_reported_and_filled_again_when_it_is_back() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    let made = api.secret()["data"].clone();
    api.set(Health::SecretGone);
    api.wipe();
    sleep(10 * SECOND).await;
    let readiness = replica.serving.readiness();
    assert!(
        readiness.ready && readiness.reason.contains("does not exist; `helm upgrade`"),
        "{readiness:?}"
    );
    call(&api, time, &replica, Duration::ZERO)
        .await
        .expect("caBundle is repaired all the same");
    api.set(Health::Up);
    sleep(6 * SECOND).await;
    assert_eq!(api.secret()["data"], made);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_may_not_watch_looks_no_more_often_for_it() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    api.set(Health::NoWatches);
    sleep(10 * SECOND).await;
    let before = api.reads();
    sleep(60 * SECOND).await;
    assert!(
        api.reads() - before <= 2 * 60 / 4 + 2,
        "{} reads in a minute",
        api.reads() - before
    );
    assert!(replica.serving.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_clock_is_wrong_goes_by_the_api_servers() {
    for seconds in [
        -400 * 86_400,
        -10 * 86_400,
        -600,
        600,
        10 * 86_400,
        400 * 86_400,
    ] {
        let (api, time) = (Api::start().await, Time::start());
        let wrong = Replica::start(&api, time.wrong_by(seconds), SELF, 0.1);
        wrong.ready_within(5 * SECOND).await;
        let right = Replica::start(&api, time, SELF, 0.8);
        right.ready_within(5 * SECOND).await;
        call_all(&api, time, &[&wrong, &right], SECOND, 60 * SECOND).await;
        assert_eq!(
            (wrong.leaf(), api.writes().len()),
            (right.leaf(), 2),
            "off by {seconds} s"
        );
        for replica in [wrong, right] {
            replica.stop().await;
        }
    }
}
