//! Certificates that others renew: mounted files, cert-manager's and an operator's own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use stsidecar::injector::certificates::inspect;
use stsidecar::injector::config::Mode;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::api::Api;
use crate::scene::{NAME, Replica, SECOND, Time, authorities, call, call_all, set_bundle};

pub type Issuer = CertifiedIssuer<'static, KeyPair>;

pub fn issuer(name: &str) -> Issuer {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}

/// Writes a new leaf, its key and the CA, as the kubelet does: all at once, by one rename.
pub fn mount(folder: &Path, issuer: &Issuer, generation: u32) {
    mount_for(folder, issuer, generation, None);
}

/// The same with a leaf that is valid from one second since 1970 until another.
fn mount_for(folder: &Path, issuer: &Issuer, generation: u32, life: Option<(i64, i64)>) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new([NAME.to_owned()]).expect("a name");
    if let Some(life) = life {
        let at = |seconds: i64| Duration::from_secs(u64::try_from(seconds).expect("after 1970"));
        let date = |seconds| rcgen::date_time_ymd(1970, 1, 1) + at(seconds);
        (params.not_before, params.not_after) = (date(life.0), date(life.1));
    }
    let leaf = params.signed_by(&key, issuer).expect("a leaf");
    let data = folder.join(format!("..{generation}"));
    fs::create_dir(&data).expect("a folder");
    fs::write(data.join("tls.crt"), leaf.pem()).expect("written");
    fs::write(data.join("tls.key"), key.serialize_pem()).expect("written");
    fs::write(data.join("ca.crt"), issuer.pem()).expect("written");
    std::os::unix::fs::symlink(&data, folder.join("..new")).expect("a link");
    fs::rename(folder.join("..new"), folder.join("..data")).expect("renamed");
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        let _ = std::os::unix::fs::symlink(format!("..data/{name}"), folder.join(name));
    }
}

#[tokio::test(start_paused = true)]
async fn an_operators_own_certificate_is_replaced_under_another_authority_without_a_failed_call() {
    let (api, time, folder) = (
        Api::start().await,
        Time::start(),
        TempDir::new().expect("a folder"),
    );
    let (first, second) = (issuer("first"), issuer("second"));
    mount(folder.path(), &first, 1);
    let late = TempDir::new().expect("a folder");
    mount(late.path(), &first, 1);
    let replica = Replica::mounted(&api, time, Mode::External, 0.1, folder.path().to_owned());
    let other = Replica::mounted(&api, time, Mode::External, 0.9, late.path().to_owned());
    replica.ready_within(5 * SECOND).await;
    other.ready_within(5 * SECOND).await;
    sleep(30 * SECOND).await;
    mount(folder.path(), &second, 2);
    // The other replica's kubelet is a minute behind.
    call_all(&api, time, &[&replica, &other], SECOND, 60 * SECOND).await;
    mount(late.path(), &second, 2);
    call_all(
        &api,
        time,
        &[&replica, &other],
        10 * SECOND,
        15 * 60 * SECOND,
    )
    .await;
    for replica in [&replica, &other] {
        inspect::verify(
            &[replica.leaf()],
            &[second.der().clone()],
            NAME,
            time.wall(),
        )
        .expect("the new one");
        assert_eq!(replica.metrics.renewals(), (2, 0));
    }
    assert_eq!(
        authorities(&api.bundle(SECOND).expect("written")),
        [second.der().clone()]
    );
    assert!(api.writes().len() <= 8, "{:?}", api.writes());
}

#[tokio::test(start_paused = true)]
async fn bad_files_leave_the_last_good_pair_in_use_and_say_so() {
    let (api, time, folder) = (
        Api::start().await,
        Time::start(),
        TempDir::new().expect("a folder"),
    );
    let replica = Replica::mounted(&api, time, Mode::External, 0.1, folder.path().to_owned());
    sleep(10 * SECOND).await;
    assert!(
        replica
            .serving
            .readiness()
            .reason
            .contains("tls.crt does not exist"),
        "{:?}",
        replica.serving.readiness()
    );
    mount(folder.path(), &issuer("first"), 1);
    replica.ready_within(5 * SECOND).await;
    let leaf = replica.leaf();
    let other = KeyPair::generate().expect("a key").serialize_pem();
    for (name, content) in [
        ("tls.key", other.as_str()),
        ("tls.crt", "rubbish"),
        ("tls.key", ""),
        ("ca.crt", "rubbish"),
    ] {
        let path = folder.path().join("..1").join(name);
        let good = fs::read(&path).expect("readable");
        fs::write(&path, content).expect("written");
        sleep(10 * SECOND).await;
        let readiness = replica.serving.readiness();
        assert!(
            readiness.ready && readiness.reason.contains(name),
            "{name}: {readiness:?}"
        );
        call(&api, time, &replica, Duration::ZERO)
            .await
            .expect("the last good one");
        fs::write(&path, good).expect("written");
        sleep(10 * SECOND).await;
        assert!(
            !replica.serving.readiness().reason.contains(';'),
            "{:?}",
            replica.serving.readiness()
        );
    }
    assert_eq!(replica.leaf(), leaf);
    assert!(
        replica.metrics.renewals().1 >= 4,
        "{:?}",
        replica.metrics.renewals()
    );
}

/// Who renews the files, and when, is not known: it is taken for late with a tenth of
/// a life left, or 30 days.
#[tokio::test(start_paused = true)]
async fn files_are_due_late_in_their_own_life() {
    const DAY: i64 = 86_400;
    for (leaf, left) in [
        (3600, 360),
        (DAY, DAY / 10),
        (90 * DAY, 9 * DAY),
        (2 * 365 * DAY, 30 * DAY),
    ] {
        let (api, time, folder) = (
            Api::start().await,
            Time::start(),
            TempDir::new().expect("a folder"),
        );
        let began = time.wall().unix_seconds() - leaf / 2;
        mount_for(
            folder.path(),
            &issuer("own"),
            1,
            Some((began, began + leaf)),
        );
        let replica = Replica::mounted(&api, time, Mode::External, 0.1, folder.path().to_owned());
        replica.ready_within(5 * SECOND).await;
        #[allow(clippy::cast_possible_truncation, reason = "whole seconds")]
        let [ends, due] = [replica.gauge("leaf"), replica.due("leaf")].map(|value| value as i64);
        assert_eq!((ends - began, ends - due), (leaf, left));
    }
}

#[tokio::test(start_paused = true)]
async fn with_cert_manager_ca_bundle_follows_the_ca_of_the_secret() {
    let (api, time, folder) = (
        Api::start().await,
        Time::start(),
        TempDir::new().expect("a folder"),
    );
    let (first, second) = (issuer("first"), issuer("second"));
    mount(folder.path(), &first, 1);
    let mode = Mode::CertManager { renew_before: None };
    let replica = Replica::mounted(&api, time, mode, 0.1, folder.path().to_owned());
    replica.ready_within(5 * SECOND).await;
    let leaf = replica.leaf();
    sleep(30 * SECOND).await;
    // Its issuer has a new CA.
    mount(folder.path(), &second, 2);
    call_all(&api, time, &[&replica], SECOND, 60 * SECOND).await;
    assert_ne!(replica.leaf(), leaf);
    call_all(&api, time, &[&replica], 10 * SECOND, 15 * 60 * SECOND).await;
    assert_eq!(
        authorities(&api.bundle(SECOND).expect("written")),
        [second.der().clone()]
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_without_its_ca_is_named_and_a_bundle_written_by_hand_serves() {
    for mode in [Mode::CertManager { renew_before: None }, Mode::External] {
        for content in [None, Some("")] {
            let (api, time, folder) = (
                Api::start().await,
                Time::start(),
                TempDir::new().expect("a folder"),
            );
            let first = issuer("first");
            mount(folder.path(), &first, 1);
            match content {
                None => fs::remove_file(folder.path().join("ca.crt"))
                    .expect("an ACME issuer writes none"),
                Some(text) => fs::write(folder.path().join("ca.crt"), text).expect("written"),
            }
            let replica = Replica::mounted(&api, time, mode, 0.1, folder.path().to_owned());
            sleep(10 * SECOND).await;
            let readiness = replica.serving.readiness();
            assert!(!readiness.ready, "{readiness:?}");
            for part in ["not trusted by caBundle", "ca.crt", "ACME", "mode self"] {
                assert!(readiness.reason.contains(part), "{part}: {readiness:?}");
            }
            set_bundle(&api, &STANDARD.encode(first.pem()));
            replica.ready_within(40 * SECOND).await;
            call_all(&api, time, &[&replica], 60 * SECOND, 25 * 60 * SECOND).await;
            assert_eq!(
                authorities(&api.bundle(SECOND).expect("written")),
                [first.der().clone()]
            );
        }
    }
}
