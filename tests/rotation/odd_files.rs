//! What a wrong mount puts in the place of a token file: each is an error that says what it is,
//! never a hang.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use stsidecar::rotated_file::{Error, Latest, RotatedFile};
use stsidecar::token::{LONGEST, WebIdentityToken};

use crate::support::{BOUND, file_systems, numbered, open, scratch};
use crate::token_volume::TokenVolume;

fn replace(path: &Path, by: impl FnOnce(&Path)) {
    if path.is_dir() {
        fs::remove_dir(path).expect("empty");
    } else {
        fs::remove_file(path).expect("there");
    }
    by(path);
}

/// A read that hangs fails the test instead of hanging it.
fn reload_in_time(file: &RotatedFile<u64>) -> Latest<u64> {
    let (sender, receiver) = mpsc::channel();
    let file = file.clone();
    thread::spawn(move || sender.send(file.reload()));
    receiver.recv_timeout(BOUND).expect("a read that returns")
}

#[test]
fn whatever_replaces_the_file_is_named_and_the_last_content_stays() {
    let directory = scratch(&file_systems()[0]);
    let path = directory.path().join("token");
    fs::write(&path, numbered(1)).expect("written");
    let file = open(&path);
    let _ = file.reload();
    let mut socket = None;
    let becomes = |by: &mut dyn FnMut(&Path), message: &str| {
        replace(&path, by);
        let latest = reload_in_time(&file);
        assert_eq!(
            (latest.value.as_deref(), latest.generation),
            (Some(&1), 1),
            "{message}"
        );
        let error = latest.error.expect(message).to_string();
        assert!(
            error.starts_with(path.to_str().expect("text")) && error.ends_with(message),
            "{error}"
        );
    };
    becomes(
        &mut |path| mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).expect("made"),
        "is a FIFO, not a file",
    );
    becomes(
        &mut |path| fs::create_dir(path).expect("made"),
        "is a directory, not a file",
    );
    becomes(
        &mut |path| socket = Some(UnixListener::bind(path).expect("bound")),
        "is a socket, not a file",
    );
    becomes(
        &mut |path| fs::write(path, vec![b'x'; 1 << 20]).expect("written"),
        "is longer than 20000 bytes, the most it may have",
    );
    becomes(
        &mut |path| std::os::unix::fs::symlink(path, path).expect("linked"),
        "cannot be read: Too many levels of symbolic links (os error 40)",
    );
    replace(&path, |path| fs::write(path, numbered(2)).expect("written"));
    let latest = file.reload();
    assert_eq!(
        (latest.value.as_deref(), latest.error.is_none()),
        (Some(&2), true)
    );
}

#[test]
fn a_file_without_permission_says_who_we_are_whose_it_is_and_what_to_set() {
    const OTHER: u32 = 65_532;
    let directory = scratch(&file_systems()[0]);
    let path = directory.path().join("token");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("ours");
    fs::write(&path, numbered(1)).expect("written");
    let file = open(&path);
    assert!(file.reload().value.is_some());
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("ours");
    let us = rustix::process::geteuid();
    // Root reads everything: one thread becomes another user for this.
    let (uid, latest) = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            if us.is_root() {
                rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(OTHER))
                    .expect("root may");
            }
            (rustix::process::geteuid().as_raw(), file.reload())
        });
        thread.join().expect("no panic")
    });
    assert_eq!((latest.value.as_deref(), latest.generation), (Some(&1), 1));
    let error = latest.error.expect("refused");
    assert!(matches!(*error, Error::Unreadable { .. }), "{error:?}");
    let text = error.to_string();
    let (us, owner) = (
        format!("we are uid {uid}"),
        format!("owner {}:", us.as_raw()),
    );
    for part in ["Permission denied", &us, "mode 0000", &owner, "fsGroup"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_content_cut_at_any_byte_is_refused_and_the_whole_one_stays() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let whole = numbered(7);
    let file = open(&volume.rotate(&whole));
    assert_eq!(file.reload().value.as_deref(), Some(&7));
    for length in 0..whole.len() {
        volume.rotate(&whole[..length]);
        let latest = file.reload();
        assert_eq!(
            (latest.value.as_deref(), latest.generation),
            (Some(&7), 1),
            "{length} bytes"
        );
        assert!(
            matches!(latest.error.as_deref(), Some(Error::Rejected { .. })),
            "{length} bytes"
        );
    }
    volume.rotate(&whole);
    let latest = file.reload();
    assert_eq!((latest.generation, latest.error.is_none()), (1, true));
}

#[test]
fn a_token_cut_before_its_signature_is_refused_and_no_error_shows_any_of_it() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = part(
        r#"{"iss":"https://issuer","sub":"system:serviceaccount:canary:canary","aud":["sts.amazonaws.com"]}"#,
    );
    let signed = format!("{}.{claims}.", part(r#"{"alg":"RS256"}"#));
    let whole = format!("{signed}{}", "c2ln".repeat(80));
    let path = volume.rotate(whole.as_bytes());
    let file = RotatedFile::new(path, LONGEST + 1, WebIdentityToken::parse, None);
    assert_eq!(file.reload().value.expect("a token").expose(), whole);
    for length in 0..=signed.len() {
        volume.rotate(&whole.as_bytes()[..length]);
        let latest = file.reload();
        assert_eq!(
            latest.value.as_ref().expect("kept").expose(),
            whole,
            "{length} bytes"
        );
        let error = latest.error.clone().expect("refused");
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            format!("{latest:?}"),
        ] {
            assert!(
                !shown.contains("eyJ") && !shown.contains("canary"),
                "{shown}"
            );
        }
    }
}
