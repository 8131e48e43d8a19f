//! The state file under every kind of damage.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::assume::ResponseDetails;
use crate::credentials::{Credentials, Secret};
use crate::session::Lease;
use crate::session::snapshot::SavedHop;
use crate::time::{Boot, Wall};

fn name() -> ProfileName {
    ProfileName::parse("default").expect("a name")
}

fn named() -> Identity {
    Identity::named("token", Some("issuer"), "subject", &[])
}

fn saved(secret: &str) -> Saved {
    let credentials = Credentials {
        access_key_id: "ASIAEXAMPLE0000001".into(),
        secret_access_key: Secret::new(secret.into()),
        session_token: Secret::new("session".into()),
        expiration: Wall::from_unix_seconds(2_000_000_000),
        account: Some("111122223333".into()),
    };
    let lease = Lease {
        credentials,
        deadline: Boot::from_duration(Duration::from_secs(4600)),
        lifetime: Duration::from_hours(1),
        received: Wall::from_unix_seconds(1_999_996_400),
        details: ResponseDetails::default(),
        identity: Identity::opaque("one"),
    };
    let hop = SavedHop {
        lease,
        due: Boot::from_duration(Duration::from_secs(1700)),
        generation: 7,
        worked: None,
    };
    Saved {
        boot_id: "boot".into(),
        named: named(),
        session_names: vec![None, Some(SessionName::sanitised("ns.pod"))],
        snapshot: Snapshot {
            digest: configuration_digest("one"),
            hops: vec![None, Some(hop)],
        },
    }
}

#[test]
fn what_was_saved_is_loaded_and_only_we_can_read_it() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = StateDirectory::open(&place.path().join("state")).expect("opened");
    assert!(directory.load(&name()).expect("readable").is_none());
    directory.save(&name(), &saved("one")).expect("saved");
    directory.save(&name(), &saved("two")).expect("saved again");
    let loaded = directory.load(&name()).expect("readable").expect("there");
    let hop = loaded.snapshot.hops[1].as_ref().expect("the hop");
    assert_eq!(
        hop.lease.credentials,
        saved("two").snapshot.hops[1]
            .as_ref()
            .expect("it")
            .lease
            .credentials
    );
    assert_eq!(
        (hop.generation, hop.lease.deadline),
        (7, Boot::from_duration(Duration::from_secs(4600)))
    );
    assert_eq!(loaded.session_names, saved("x").session_names);
    assert_eq!(
        (loaded.named, hop.lease.identity),
        (named(), Identity::opaque("one"))
    );
    let mode = mode(&place.path().join("state/stsidecar/default.state"));
    assert_eq!(mode, 0o600);
    assert_eq!(
        fs::read_dir(place.path().join("state/stsidecar"))
            .expect("listed")
            .count(),
        1,
        "no draft is left"
    );
}

#[test]
fn a_file_torn_at_any_byte_or_changed_in_any_byte_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = StateDirectory::open(place.path()).expect("opened");
    directory.save(&name(), &saved("one")).expect("saved");
    let path = place.path().join("stsidecar/default.state");
    let whole = fs::read(&path).expect("read");
    for end in 0..whole.len() {
        fs::write(&path, &whole[..end]).expect("torn");
        assert!(directory.load(&name()).is_err(), "cut at {end}");
        let mut changed = whole.clone();
        changed[end] ^= 1;
        fs::write(&path, &changed).expect("changed");
        assert!(directory.load(&name()).is_err(), "changed at {end}");
    }
}

#[test]
fn a_file_of_another_version_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = StateDirectory::open(place.path()).expect("opened");
    let body = br#"{"version":2}"#;
    let content = [hex(&sha256(body)).as_bytes(), b"\n", body].concat();
    fs::write(place.path().join("stsidecar/default.state"), content).expect("written");
    let error = directory.load(&name()).expect_err("refused").to_string();
    assert!(error.contains("another version"), "{error}");
}

#[test]
fn a_link_in_place_of_the_draft_is_not_followed() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = StateDirectory::open(place.path()).expect("opened");
    let victim = place.path().join("victim");
    fs::write(&victim, "untouched").expect("written");
    std::os::unix::fs::symlink(&victim, place.path().join("stsidecar/default.draft"))
        .expect("linked");
    directory.save(&name(), &saved("one")).expect("saved");
    assert_eq!(fs::read_to_string(victim).expect("read"), "untouched");
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path)
        .expect("there")
        .permissions()
        .mode()
        & 0o7777
}

#[test]
fn in_a_directory_that_everybody_may_write_the_files_are_in_a_closed_one_of_ours() {
    let place = tempfile::tempdir().expect("a directory");
    for given in [0o777, 0o1777, 0o2770, 0o700] {
        fs::set_permissions(place.path(), fs::Permissions::from_mode(given)).expect("ours");
        let own = place.path().join("stsidecar");
        for before in [None, Some(0o777), Some(0o2755)] {
            if let Some(before) = before {
                fs::create_dir_all(&own).expect("room");
                fs::set_permissions(&own, fs::Permissions::from_mode(before)).expect("ours");
            }
            let directory = StateDirectory::open(place.path()).expect("opened");
            directory.save(&name(), &saved("one")).expect("saved");
            directory.mark_started().expect("marked");
            assert_eq!(
                (mode(place.path()), mode(&own)),
                (given, 0o700),
                "what is given stays as it is"
            );
            assert_eq!(mode(&own.join("default.state")), 0o600);
            let names: Vec<_> = fs::read_dir(place.path())
                .expect("listed")
                .map(|one| one.expect("listed").file_name())
                .collect();
            assert_eq!(names, ["stsidecar"], "nothing beside it");
        }
        fs::remove_dir_all(own).expect("there");
    }
}

#[test]
fn what_another_has_put_in_place_of_our_directory_is_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let (own, other) = (place.path().join("stsidecar"), place.path().join("other"));
    fs::create_dir(&other).expect("room");
    std::os::unix::fs::symlink(&other, &own).expect("linked");
    let refused = || {
        StateDirectory::open(place.path())
            .expect_err("refused")
            .to_string()
    };
    assert!(refused().contains("/stsidecar: "), "{}", refused());
    assert_eq!(fs::read_dir(&other).expect("listed").count(), 0);
    fs::remove_file(&own).expect("there");
    fs::write(&own, "").expect("room");
    assert!(refused().contains("/stsidecar: "), "{}", refused());
    fs::remove_file(&own).expect("there");
    if !rustix::process::geteuid().is_root() {
        return println!("not run: a directory of another uid: only root can make one");
    }
    fs::create_dir(&own).expect("room");
    std::os::unix::fs::chown(&own, Some(65_533), None).expect("root may");
    assert!(
        refused().contains("it belongs to uid 65533, we are uid 0"),
        "{}",
        refused()
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error_that_names_it() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, "").expect("written");
    let error = StateDirectory::open(&file.join("state"))
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("file/state") && error.contains("volume"),
        "{error}"
    );
}

#[test]
fn the_started_mark_stays() {
    let place = tempfile::tempdir().expect("a directory");
    let directory = StateDirectory::open(place.path()).expect("opened");
    assert!(!directory.has_started());
    directory.mark_started().expect("marked");
    assert!(
        StateDirectory::open(place.path())
            .expect("opened")
            .has_started()
    );
}

#[test]
fn different_configurations_have_different_digests() {
    assert_eq!(configuration_digest("a"), configuration_digest("a"));
    assert_ne!(configuration_digest("a"), configuration_digest("b"));
}
