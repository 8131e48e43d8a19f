//! How certificates begin, are renewed and replaced.

use serde_json::json;
use stsidecar::injector::certificates::inspect;
use stsidecar::injector::config::{Durations, Mode};
use tokio::time::sleep;

use crate::api::{Api, SECRET, WEBHOOKS};
use crate::scene::{DAY, HOUR, Replica, SECOND, SELF, Time, authorities, call, call_all};

#[tokio::test(start_paused = true)]
async fn two_replicas_that_start_at_once_end_with_one_authority() {
    let (api, time) = (Api::start().await, Time::start());
    let replicas = [
        Replica::start(&api, time, SELF, 0.0),
        Replica::start(&api, time, SELF, 0.9),
    ];
    for replica in &replicas {
        replica.ready_within(5 * SECOND).await;
        call(&api, time, replica, std::time::Duration::ZERO)
            .await
            .expect("trusted");
    }
    sleep(10 * SECOND).await;
    assert_eq!(replicas[0].leaf(), replicas[1].leaf());
    assert_eq!(authorities(&api.bundle(SECOND).expect("written")).len(), 1);
    assert_eq!(
        api.writes().iter().filter(|path| *path == SECRET).count(),
        1,
        "one of them was refused"
    );
    assert_eq!(api.secret()["metadata"]["labels"], json!({"kept": "yes"}));
    let (first, second) = (
        replicas[0].metrics.renewals(),
        replicas[1].metrics.renewals(),
    );
    assert_eq!((first.0 + second.0, first.1 + second.1), (1, 0));
    for replica in replicas {
        replica.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_while_all_is_right() {
    let (api, time) = (Api::start().await, Time::start());
    let replicas = [
        Replica::start(&api, time, SELF, 0.0),
        Replica::start(&api, time, SELF, 0.9),
    ];
    replicas[0].ready_within(5 * SECOND).await;
    sleep(10 * SECOND).await;
    let writes = api.writes();
    sleep(HOUR).await;
    assert_eq!(api.writes(), writes);
    assert!(replicas.iter().all(|replica| replica.serving.is_ready()));
}

#[tokio::test(start_paused = true)]
async fn no_call_fails_while_leaf_and_authority_are_replaced_again_and_again() {
    let (api, time) = (Api::start().await, Time::start());
    let mode = Mode::SelfSigned(Durations {
        authority: HOUR / 3,
        leaf: HOUR / 12,
    });
    let replicas = [
        Replica::start(&api, time, mode, 0.2),
        Replica::start(&api, time, mode, 0.7),
    ];
    for replica in &replicas {
        replica.ready_within(5 * SECOND).await;
    }
    let first = authorities(&api.bundle(SECOND).unwrap_or_default());
    sleep(30 * SECOND).await;
    let calls = call_all(&api, time, &[&replicas[0], &replicas[1]], 5 * SECOND, HOUR).await;
    assert!(calls > 1_400, "{calls} calls");
    let last = authorities(&api.bundle(SECOND).expect("written"));
    assert!(
        last.iter().all(|ca| !first.contains(ca)),
        "the first authority is long gone"
    );
    assert!(last.len() <= 3, "{} authorities", last.len());
    let renewals = replicas
        .iter()
        .map(|replica| replica.metrics.renewals().0)
        .sum::<u64>();
    assert!((20..=80).contains(&renewals), "{renewals} renewals");
}

#[tokio::test(start_paused = true)]
async fn a_year_passes_with_renewals_long_before_the_alerts() {
    let (api, time) = (Api::start().await, Time::start());
    let replica = Replica::start(&api, time, SELF, 0.5);
    replica.ready_within(5 * SECOND).await;
    // Looks come each four seconds; the clock jumps two days between them.
    let mut authorities_seen = vec![authorities(
        &api.bundle(std::time::Duration::ZERO).expect("written"),
    )];
    for day in (0..400).step_by(2) {
        tokio::time::advance(2 * DAY).await;
        call_all(&api, time, &[&replica], 20 * SECOND, 45 * SECOND).await;
        let now = time.wall();
        assert!(replica.leaf_ends().since(now) > DAY, "day {day}");
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let left = replica.gauge("ca") - now.unix_seconds() as f64;
        assert!(
            left > 30.0 * 86_400.0,
            "day {day}: the authority has {left} s"
        );
        for kind in ["leaf", "ca"] {
            // Looks are two days apart here; the alert fires when a third of
            // what is left then is over.
            let (due, end) = (replica.due(kind), replica.gauge(kind));
            #[allow(clippy::cast_precision_loss, reason = "small numbers")]
            let overdue = now.unix_seconds() as f64 - due;
            assert!(
                due < end && overdue < 60.0,
                "day {day}: the {kind} is {overdue} s overdue, {end} {due}"
            );
        }
        authorities_seen.push(authorities(
            &api.bundle(std::time::Duration::ZERO).expect("written"),
        ));
    }
    authorities_seen.dedup();
    assert_eq!(
        authorities_seen.iter().map(Vec::len).collect::<Vec<_>>(),
        [1, 2, 1],
        "one replacement"
    );
}

#[tokio::test(start_paused = true)]
async fn an_operator_asks_for_a_new_authority_and_for_a_new_leaf() {
    let (api, time) = (Api::start().await, Time::start());
    let replicas = [
        Replica::start(&api, time, SELF, 0.1),
        Replica::start(&api, time, SELF, 0.8),
    ];
    for replica in &replicas {
        replica.ready_within(5 * SECOND).await;
    }
    sleep(30 * SECOND).await;
    let both = [&replicas[0], &replicas[1]];
    let ask = |what: &str| {
        api.edit(SECRET, |secret| {
            secret["metadata"]["annotations"] =
                json!({"stsidecar.dev/rotate": what, "other": "kept"});
        });
    };
    let (leaf, before) = (
        both[0].leaf(),
        authorities(&api.bundle(SECOND).expect("written")),
    );

    ask("leaf");
    call_all(&api, time, &both, SECOND, 10 * SECOND).await;
    let second = both[0].leaf();
    assert_ne!(second, leaf);
    assert_eq!(second, both[1].leaf());
    assert_eq!(authorities(&api.bundle(SECOND).expect("written")), before);
    assert_eq!(
        api.secret()["metadata"]["annotations"],
        json!({"other": "kept"})
    );

    ask("ca");
    call_all(&api, time, &both, SECOND, 60 * SECOND).await;
    assert_ne!(both[0].leaf(), second);
    assert_eq!(both[0].leaf(), both[1].leaf());
    let during = authorities(&api.bundle(SECOND).expect("written"));
    assert!(
        during.len() == 2 && during.contains(&before[0]),
        "old and new"
    );
    assert!(inspect::verify(&[both[0].leaf()], &before, crate::scene::NAME, time.wall()).is_err());
    assert_eq!(
        api.secret()["metadata"]["annotations"],
        json!({"other": "kept"})
    );

    ask("yes");
    sleep(10 * SECOND).await;
    assert_eq!(authorities(&api.bundle(SECOND).expect("written")), during);
    for _ in 0..8 {
        tokio::time::advance(DAY).await;
        call_all(&api, time, &both, SECOND, 10 * SECOND).await;
    }
    let after = authorities(&api.bundle(SECOND).expect("written"));
    assert_eq!(
        after.len(),
        1,
        "no leaf of the old one can be served any more"
    );
    assert!(!after.contains(&before[0]));
}

#[tokio::test(start_paused = true)]
async fn what_a_forced_upgrade_wipes_is_back_with_the_same_authority() {
    let (api, time) = (Api::start().await, Time::start());
    let replicas = [
        Replica::start(&api, time, SELF, 0.1),
        Replica::start(&api, time, SELF, 0.8),
    ];
    for replica in &replicas {
        replica.ready_within(5 * SECOND).await;
    }
    sleep(30 * SECOND).await;
    for health in [crate::api::Health::Up, crate::api::Health::Deaf] {
        api.set(health);
        sleep(10 * SECOND).await;
        let (data, bundle, leaf) = (
            api.secret()["data"].clone(),
            api.bundle(SECOND),
            replicas[1].leaf(),
        );
        api.wipe();
        assert!(
            call(&api, time, &replicas[0], std::time::Duration::ZERO)
                .await
                .is_err()
        );
        sleep(5 * SECOND).await;
        assert_eq!(
            (
                api.secret()["data"].clone(),
                api.bundle(std::time::Duration::ZERO)
            ),
            (data, bundle),
            "{health:?}"
        );
        assert_eq!(replicas[1].leaf(), leaf);
        call(&api, time, &replicas[0], std::time::Duration::ZERO)
            .await
            .expect("trusted again");
    }
    let renewals = replicas
        .iter()
        .map(|replica| replica.metrics.renewals().0)
        .sum::<u64>();
    assert_eq!(renewals, 1, "only the first start made anything");
    assert!(api.writes().iter().any(|path| path == WEBHOOKS));
}
