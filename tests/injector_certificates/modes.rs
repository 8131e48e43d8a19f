//! One mode after another, as `helm upgrade`, its failures and `helm rollback` bring them: replicas
//! of both run side by side, and each must stay trusted until its last call.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use stsidecar::injector::certificates::inspect;
use stsidecar::injector::config::Mode;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::api::{Api, Health, SECRET};
use crate::mounted::{issuer, mount};
use crate::rollout::{MINUTE, prepare, roll, start};
use crate::scene::{HOUR, NAME, Replica, SECOND, SELF, Time, authorities, call_all};

fn present(api: &Api) -> Vec<CertificateDer<'static>> {
    authorities(&api.bundle(Duration::ZERO).expect("written"))
}

#[tokio::test(start_paused = true)]
async fn no_call_fails_while_each_mode_follows_each_other() {
    let (api, time) = (Api::start().await, Time::start());
    let folders: Vec<TempDir> = (0..2).map(|_| TempDir::new().expect("a folder")).collect();
    let issuers = [issuer("operator"), issuer("cert-manager")];
    for (folder, issuer) in folders.iter().zip(&issuers) {
        mount(folder.path(), issuer, 1);
    }
    let steps = [
        (SELF, 0),
        (Mode::External, 0),
        (Mode::CertManager { renew_before: None }, 1),
        (SELF, 0),
        (Mode::CertManager { renew_before: None }, 1),
    ];
    let back = [(Mode::External, 0), (SELF, 0)];
    let mut replicas = Vec::new();
    for (mode, folder) in steps.into_iter().chain(back) {
        prepare(&api, mode);
        replicas = roll(
            &api,
            time,
            replicas,
            start(&api, time, mode, folders[folder].path()),
        )
        .await;
    }
    let both: Vec<&Replica> = replicas.iter().collect();
    call_all(&api, time, &both, MINUTE, 15 * MINUTE).await;
    let left = present(&api);
    assert_eq!(left.len(), 1, "what earlier modes needed is gone");
    inspect::verify(&[both[0].leaf()], &left, NAME, time.wall()).expect("and what serves is not");
    let writes = api.writes().len();
    sleep(HOUR).await;
    assert_eq!(api.writes().len(), writes, "all is right");
}

#[tokio::test(start_paused = true)]
async fn another_mode_is_ready_once_every_api_server_knows_its_authority() {
    let (api, time, folder) = (
        Api::start().await,
        Time::start(),
        TempDir::new().expect("a folder"),
    );
    let own = Replica::start(&api, time, SELF, 0.5);
    own.ready_within(5 * SECOND).await;
    sleep(MINUTE).await;
    let first = issuer("operator");
    mount(folder.path(), &first, 1);
    let start = start(&api, time, Mode::External, folder.path());
    let (new, began) = (start(0.1), Instant::now());
    while !present(&api).contains(first.der()) {
        sleep(SECOND / 10).await;
        assert!(began.elapsed() < 5 * SECOND, "caBundle lacks the new CA");
    }
    let trusted = Instant::now();
    while !new.serving.is_ready() {
        sleep(SECOND / 10).await;
        assert!(
            trusted.elapsed() < 40 * SECOND,
            "{:?}",
            new.serving.readiness()
        );
    }
    assert!(
        trusted.elapsed() >= 29 * SECOND,
        "ready after {:?}",
        trusted.elapsed()
    );
    // What the first one saw is on record, so that the second one need not wait.
    start(0.8).ready_within(5 * SECOND).await;
    // Of a replica that was ready once, nothing but the certificate itself decides.
    api.wipe();
    sleep(5 * SECOND).await;
    assert!(own.serving.is_ready() && new.serving.is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_failed_upgrade_leaves_the_old_mode_serving_and_nothing_behind() {
    let (api, time) = (Api::start().await, Time::start());
    let nowhere = TempDir::new().expect("a folder");
    let replicas = roll(
        &api,
        time,
        Vec::new(),
        start(&api, time, SELF, nowhere.path()),
    )
    .await;
    let both: Vec<&Replica> = replicas.iter().collect();
    let (before, secret) = (present(&api), api.secret()["data"].clone());
    prepare(&api, Mode::CertManager { renew_before: None });
    // The Secret of cert-manager comes late, and the pod is taken back just then, ready or not.
    for lasts in [20 * SECOND, 45 * SECOND, 20 * MINUTE] {
        let folder = TempDir::new().expect("a folder");
        let new = Replica::mounted(
            &api,
            time,
            Mode::CertManager { renew_before: None },
            0.3,
            folder.path().to_owned(),
        );
        call_all(&api, time, &both, SECOND, 10 * SECOND).await;
        assert!(!new.serving.is_ready(), "{:?}", new.serving.readiness());
        mount(folder.path(), &issuer("cert-manager"), 1);
        call_all(&api, time, &both, lasts / 20, lasts).await;
        assert_eq!(
            new.serving.is_ready(),
            lasts > 30 * SECOND,
            "{:?}",
            new.serving.readiness()
        );
        assert_eq!(
            present(&api).len(),
            before.len() + 1,
            "both modes are trusted"
        );
        new.stop().await;
        call_all(&api, time, &both, MINUTE, 12 * MINUTE).await;
        assert_eq!(present(&api), before);
    }
    prepare(&api, SELF);
    call_all(&api, time, &both, SECOND, 10 * SECOND).await;
    assert_eq!(
        api.secret()["data"],
        secret,
        "written back into the Secret that is there again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_pod_of_mode_self_that_finds_an_emptied_secret_waits_for_its_new_authority() {
    let (api, time) = (Api::start().await, Time::start());
    let nowhere = TempDir::new().expect("a folder");
    let mut replicas = roll(
        &api,
        time,
        Vec::new(),
        start(&api, time, SELF, nowhere.path()),
    )
    .await;
    sleep(MINUTE).await;
    // Made again by Helm while the old pods cannot read it: they write nothing back.
    for replica in replicas.drain(1..) {
        replica.stop().await;
    }
    api.set(Health::NoSecrets);
    api.edit(SECRET, |secret| {
        drop(secret.as_object_mut().expect("an object").remove("data"));
    });
    sleep(10 * SECOND).await;
    let other = Api::start().await;
    Replica::start(&other, time, SELF, 0.5)
        .ready_within(5 * SECOND)
        .await;
    api.edit(SECRET, |secret| {
        secret["data"] = other.secret()["data"].clone();
    });
    api.set(Health::Up);
    let replicas = roll(
        &api,
        time,
        replicas,
        start(&api, time, SELF, nowhere.path()),
    )
    .await;
    let both: Vec<&Replica> = replicas.iter().collect();
    call_all(&api, time, &both, SECOND, MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotated_out_authority_goes_although_the_pods_that_knew_it_were_replaced() {
    let (api, time) = (Api::start().await, Time::start());
    let folders: Vec<TempDir> = (0..2).map(|_| TempDir::new().expect("a folder")).collect();
    let (first, second) = (issuer("first"), issuer("second"));
    for mode in [Mode::External, Mode::CertManager { renew_before: None }] {
        let generation = u32::try_from(api.writes().len()).expect("few");
        mount(folders[0].path(), &first, 2 * generation + 1);
        let old = roll(
            &api,
            time,
            Vec::new(),
            start(&api, time, mode, folders[0].path()),
        )
        .await;
        sleep(MINUTE).await;
        // Another Secret and `kubectl rollout restart`: no pod sees the change.
        mount(folders[1].path(), &second, 2 * generation + 2);
        let new = roll(&api, time, old, start(&api, time, mode, folders[1].path())).await;
        // And all of them once more before the ten minutes are over.
        call_all(
            &api,
            time,
            &new.iter().collect::<Vec<_>>(),
            10 * SECOND,
            2 * MINUTE,
        )
        .await;
        let newest = roll(&api, time, new, start(&api, time, mode, folders[1].path())).await;
        let serving: Vec<&Replica> = newest.iter().collect();
        call_all(&api, time, &serving, MINUTE, 4 * MINUTE).await;
        assert!(
            present(&api).contains(first.der()),
            "a replica that is behind may still serve it"
        );
        call_all(&api, time, &serving, MINUTE, 8 * MINUTE).await;
        assert_eq!(present(&api), [second.der().clone()]);
        for replica in newest {
            replica.stop().await;
        }
        sleep(MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_modes_side_by_side_leave_each_other_in_peace() {
    let (api, time, folder) = (
        Api::start().await,
        Time::start(),
        TempDir::new().expect("a folder"),
    );
    mount(folder.path(), &issuer("operator"), 1);
    let own = Replica::start(&api, time, SELF, 0.5);
    own.ready_within(5 * SECOND).await;
    let other = Replica::mounted(&api, time, Mode::External, 0.2, folder.path().to_owned());
    other.ready_within(MINUTE).await;
    let writes = api.writes().len();
    call_all(&api, time, &[&own, &other], MINUTE, 3 * HOUR).await;
    let rate = (api.writes().len() - writes) / 3;
    assert!(rate <= 60, "{rate} writes an hour");
    assert_eq!(present(&api).len(), 2);
}
