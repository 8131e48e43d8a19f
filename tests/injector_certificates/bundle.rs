//! A caBundle that others write, and webhooks that are not ours.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stsidecar::injector::certificates::inspect;
use tokio::time::sleep;

use crate::api::{Api, WEBHOOKS};
use crate::scene::{Replica, SECOND, SELF, Time, authorities, call, set_bundle};
use crate::trouble::other_pair;

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

/// No different from an object that is deleted: the API server asks no injector, and one that is
/// not ready would be missing once the webhooks are back.
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
        // `helm upgrade` brings them back as the chart has them, and each pod is refused
        // until they have a caBundle.
        api.edit(WEBHOOKS, |configuration| {
            configuration["webhooks"] = as_rendered.clone();
        });
        sleep(SECOND / 2).await;
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("trusted at once");
    }
}
