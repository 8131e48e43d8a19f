//! The pure parts: what gives way, what the Secret's content says, what is never printed.

mod renewals;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::inspect;
use super::keyring::Keyring;
use super::pair::{Names, Terms};
use super::plan::PROPAGATION;
use super::serving::{Trust, gives_way};
use crate::injector::config::Durations;
use crate::time::Wall;

const DAY: Duration = Duration::from_hours(24);
const YEAR: Durations = Durations {
    authority: Duration::from_hours(365 * 24),
    leaf: Duration::from_hours(7 * 24),
};
const NOW: Wall = Wall::from_unix_seconds(1_795_327_200);

fn names() -> Names {
    Names::of_service("stsidecar-injector", "stsidecar-system")
}

fn fresh(now: Wall) -> Keyring {
    Keyring::fresh(terms(&names(), now)).expect("made")
}

fn terms(names: &Names, now: Wall) -> Terms<'_> {
    Terms {
        names,
        lasts: YEAR,
        now,
    }
}

#[test]
fn a_leaf_is_for_all_names_of_the_service_and_trusted_by_its_authority_only() {
    let (keyring, other) = (fresh(NOW), fresh(NOW));
    let leaf = keyring.leaf.as_ref().expect("a leaf").certificate().clone();
    for name in [
        "stsidecar-injector.stsidecar-system",
        &names().called,
        "stsidecar-injector.stsidecar-system.svc.cluster.local",
    ] {
        inspect::verify(
            std::slice::from_ref(&leaf),
            &keyring.trusted(NOW),
            name,
            NOW,
        )
        .expect(name);
    }
    let verify = |bundle: &Keyring, name: &str, now| {
        inspect::verify(std::slice::from_ref(&leaf), &bundle.trusted(NOW), name, now)
    };
    assert!(verify(&other, &names().called, NOW).is_err());
    assert!(verify(&keyring, "stsidecar-injector.elsewhere.svc", NOW).is_err());
    assert!(verify(&keyring, &names().called, NOW.plus(8 * DAY)).is_err());
    // A node whose clock is behind.
    verify(&keyring, &names().called, NOW.minus(Duration::from_mins(4))).expect("valid already");
    assert!(inspect::verify(&[], &keyring.trusted(NOW), &names().called, NOW).is_err());
    assert!(inspect::verify(std::slice::from_ref(&leaf), &[], &names().called, NOW).is_err());
}

#[test]
fn what_is_stored_is_read_back_as_it_was() {
    let keyring = fresh(NOW)
        .with_next(terms(&names(), NOW))
        .expect("announced")
        .promoted(terms(&names(), NOW))
        .expect("promoted");
    let keyring = keyring
        .with_next(terms(&names(), NOW))
        .expect("announced again");
    assert_eq!(
        Keyring::from_data(&Value::Object(keyring.to_data()), &names()),
        (Some(keyring.clone()), Vec::new())
    );
    assert_eq!(keyring.to_data().len(), 8);
    assert_eq!(keyring.trusted(NOW).len(), 3);
    assert_eq!(
        keyring.trusted(NOW.plus(7 * DAY)).len(),
        2,
        "the one before is trusted until its leaf has ended"
    );
    assert_eq!(
        Keyring::from_data(&json!(null), &names()),
        (None, Vec::new())
    );
}

#[test]
fn no_key_is_printed_and_faults_quote_none() {
    let keyring = fresh(NOW)
        .with_next(terms(&names(), NOW))
        .expect("announced");
    let data = Value::Object(keyring.to_data());
    let keys = ["ca.key", "tls.key", "next-ca.key"];
    let mut lines = Vec::new();
    let mut printed = format!("{keyring:?} {:#?}", keyring.leaf);
    for name in keys {
        let text = data[name].as_str().expect("base64");
        let pem = STANDARD.decode(text).expect("base64");
        let pem = String::from_utf8(pem).expect("PEM");
        lines.extend(
            pem.lines()
                .filter(|line| !line.starts_with('-'))
                .map(str::to_owned),
        );
        let mut broken = data.clone();
        broken[name] = json!(text[..60]);
        printed += &Keyring::from_data(&broken, &names()).1.join(" ");
    }
    assert_eq!(lines.len(), 9, "three lines for each of three keys");
    assert!(
        printed.contains("redacted") && printed.contains("P-256"),
        "{printed}"
    );
    assert!(lines.iter().all(|line| !printed.contains(line.as_str())));
}

#[test]
fn a_certificate_that_works_gives_way_only_to_one_that_is_trusted_everywhere() {
    let keyring = fresh(NOW);
    let served = keyring.leaf.expect("a leaf").servable;
    let (new, known) = (Trust::Since(PROPAGATION / 2), Trust::Since(PROPAGATION));
    let asked = |served_trust, candidate| gives_way(Some((&served, served_trust)), candidate, NOW);
    for candidate in [Trust::Unknown, Trust::None, new, known] {
        assert!(
            gives_way(None, candidate, NOW),
            "anything is better than nothing"
        );
        assert!(
            gives_way(Some((&served, known)), candidate, NOW.plus(7 * DAY)),
            "or than what has ended"
        );
    }
    for works in [known, Trust::Unknown] {
        let answers =
            [Trust::Unknown, Trust::None, new, known].map(|candidate| asked(works, candidate));
        assert_eq!(answers, [false, false, false, true], "{works:?}");
    }
    assert!(asked(Trust::None, new) && asked(Trust::None, Trust::None));
}

#[test]
fn a_bundle_may_hold_the_served_certificate_itself() {
    let mut params = rcgen::CertificateParams::new([names().called]).expect("a name");
    // What `openssl req -x509` makes.
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().expect("a key");
    let own = [params
        .self_signed(&key)
        .expect("a certificate")
        .der()
        .clone()];
    inspect::verify(&own, &own, &names().called, NOW).expect("Go trusts it");
    assert!(inspect::verify(&own, &own, "other.stsidecar-system.svc", NOW).is_err());
    assert!(inspect::verify(&own, &fresh(NOW).trusted(NOW), &names().called, NOW).is_err());
}

#[test]
fn any_wall_clock_gives_certificates() {
    for now in [
        Wall::from_unix_milliseconds(i64::MIN),
        Wall::default(),
        Wall::from_unix_milliseconds(i64::MAX),
    ] {
        let keyring = fresh(now);
        assert!(
            Keyring::from_data(&Value::Object(keyring.to_data()), &names())
                .0
                .is_some(),
            "{now:?}"
        );
    }
}
