//! A Secret that was edited, an API server that is away, certificates that ended while no replica ran.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stsidecar::injector::certificates::inspect;
use tokio::time::sleep;

use crate::api::{Api, Health, SECRET, WEBHOOKS};
use crate::scene::{
    DAY, HOUR, Replica, SECOND, SELF, Time, authorities, call, call_all, set_bundle,
};

fn other_pair() -> (String, String) {
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
async fn a_foreign_webhook_in_the_configuration_keeps_its_own_bundle() {
    let (api, time) = (Api::start().await, Time::start());
    let bundle = other_pair().0;
    let other = |service: Value| json!({"name": "other.example", "clientConfig": {"service": service, "caBundle": bundle}});
    for service in [
        json!(null),
        json!({"name": "other", "namespace": "stsidecar-system"}),
    ] {
        api.edit(WEBHOOKS, |configuration| {
            let webhooks = configuration["webhooks"].as_array_mut().expect("webhooks");
            webhooks.retain(|webhook| webhook["name"] != "other.example");
            webhooks.push(other(service));
        });
        let replica = Replica::start(&api, time, SELF, 0.5);
        replica.ready_within(5 * SECOND).await;
        api.wipe();
        sleep(5 * SECOND).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("repaired");
        assert_eq!(
            api.webhooks()["webhooks"][2]["clientConfig"]["caBundle"],
            bundle
        );
        replica.stop().await;
    }
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

#[tokio::test(start_paused = true)]
async fn a_fight_over_ca_bundle_stays_slow() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    let (good, bad) = (
        authorities(&api.bundle(Duration::ZERO).expect("written")),
        other_pair().0,
    );
    for _ in 0..6_000 {
        if api.bundle(Duration::ZERO).as_ref() != Some(&bad) {
            set_bundle(&api, &bad);
        }
        sleep(SECOND / 10).await;
    }
    assert!(
        (100..400).contains(&api.writes().len()),
        "{} writes in ten minutes",
        api.writes().len()
    );
    sleep(10 * SECOND).await;
    let after = authorities(&api.bundle(Duration::ZERO).expect("written"));
    assert!(
        good.iter().all(|ca| after.contains(ca)),
        "the fight is over"
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_or_broken_bundle_is_set_right() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    let good = authorities(&api.bundle(Duration::ZERO).expect("written"));
    let foreign = authorities(&other_pair().0);
    let with_rubbish = format!(
        "{}-----BEGIN CERTIFICATE-----\nrubbish\n",
        inspect::to_pem(&foreign)
    );
    let bundles = [
        (inspect::to_pem(&foreign), &foreign),
        (with_rubbish, &foreign),
        ("no PEM".to_owned(), &Vec::new()),
    ];
    for (bad, kept) in bundles {
        set_bundle(&api, &STANDARD.encode(&bad));
        sleep(2 * SECOND).await;
        let present = authorities(&api.bundle(Duration::ZERO).expect("written"));
        assert!(
            [&good, kept]
                .into_iter()
                .flatten()
                .all(|ca| present.contains(ca)),
            "{bad}"
        );
        // What no replica of any mode needs.
        sleep(11 * 60 * SECOND).await;
        assert_eq!(
            authorities(&api.bundle(Duration::ZERO).expect("written")),
            good,
            "{bad}"
        );
    }
    assert!(replica.serving.is_ready());
}

#[tokio::test(start_paused = true)]
async fn an_annotation_by_which_cainjector_overwrites_ca_bundle_is_named() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    for key in [
        "cert-manager.io/inject-ca-from",
        "cert-manager.io/inject-ca-from-secret",
    ] {
        api.edit(WEBHOOKS, |configuration| {
            configuration["metadata"]["annotations"][key] = json!("a/b");
        });
        sleep(5 * SECOND).await;
        let readiness = replica.serving.readiness();
        assert!(
            readiness.ready && readiness.reason.contains(key),
            "{readiness:?}"
        );
        // What it does is set right as quickly as anything else.
        api.wipe();
        sleep(SECOND).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("trusted again");
        assert!(
            !replica.serving.readiness().reason.contains("cainjector"),
            "{:?}",
            replica.serving.readiness()
        );
    }
}

/// No different from an object that is deleted: the API server asks no injector, and one that is not ready would be
/// missing once the webhooks are back.
#[tokio::test(start_paused = true)]
async fn an_object_without_our_webhooks_is_left_alone() {
    let (api, time) = (Api::start().await, Time::start());
    let as_rendered = api.webhooks()["webhooks"].clone();
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    let mut of_others = as_rendered.clone();
    for webhook in of_others.as_array_mut().expect("webhooks") {
        webhook["clientConfig"]["service"]["namespace"] = json!("elsewhere");
    }
    for webhooks in [json!([]), of_others] {
        let writes = api.writes().len();
        api.edit(WEBHOOKS, |configuration| {
            configuration["webhooks"] = webhooks;
        });
        sleep(60 * SECOND).await;
        let readiness = replica.serving.readiness();
        assert!(
            readiness.ready && readiness.reason.contains("no webhook that calls"),
            "{readiness:?}"
        );
        assert_eq!(api.writes().len(), writes, "there is nothing to write");
        // `helm upgrade` brings them back as the chart has them, and each pod is refused until they have a caBundle.
        api.edit(WEBHOOKS, |configuration| {
            configuration["webhooks"] = as_rendered.clone();
        });
        sleep(SECOND / 2).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("trusted at once");
    }
}
