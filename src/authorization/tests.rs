//! What ends up in a client's token file, and what stays as it was.

use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("endpoints/app/token");
    (directory, path)
}

fn put(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, content).expect("written");
}

#[test]
fn a_missing_token_is_made_with_its_directories_and_every_uid_can_read_it() {
    let (_directory, path) = place();
    let token = ensure(&path, None).expect("made");
    assert_eq!(token.expose().len(), 43);
    assert_eq!(
        fs::read_to_string(&path).expect("readable"),
        token.expose(),
        "these bytes and no newline"
    );
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o444);
    assert!(!path.with_file_name(TEMPORARY).exists());
}

#[test]
fn a_valid_token_is_kept_with_its_inode_and_two_made_ones_differ() {
    let (_directory, path) = place();
    let first = ensure(&path, None).expect("made");
    let inode = fs::metadata(&path).expect("there").ino();
    assert!(ensure(&path, None).expect("kept") == first);
    assert_eq!(fs::metadata(&path).expect("there").ino(), inode);
    let (_other, path) = place();
    assert!(ensure(&path, None).expect("made") != first);
}

#[test]
fn a_kept_token_can_be_read_by_every_user() {
    let (_directory, path) = place();
    put(&path, "a".repeat(43).as_bytes());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    ensure(&path, None).expect("kept");
    assert_eq!(
        fs::metadata(&path).expect("there").permissions().mode() & 0o777,
        0o444
    );
}

#[test]
fn a_token_of_every_allowed_kind_is_kept() {
    for content in ["a".repeat(32), "b".repeat(1024), "AZaz09._~-".repeat(4)] {
        let (_directory, path) = place();
        put(&path, content.as_bytes());
        assert_eq!(ensure(&path, None).expect("kept").expose(), content);
    }
}

#[test]
fn what_an_sdk_could_not_send_is_replaced() {
    let bad: [&[u8]; 6] = [
        b"",
        b"short",
        &[b'a'; 1025],
        b"0123456789abcdef0123456789abcdef\n",
        b"0123456789abcdef 0123456789abcdef",
        b"\xff\xff",
    ];
    for content in bad {
        let (_directory, path) = place();
        put(&path, content);
        let token = ensure(&path, None).expect("replaced");
        assert_eq!(fs::read_to_string(&path).expect("text"), token.expose());
        assert_eq!(token.expose().len(), 43);
    }
}

#[test]
fn the_token_of_a_legacy_client_is_written_when_it_differs() {
    let (_directory, path) = place();
    let wanted = Secret::new("made-at-admission-0123456789-0123456789".into());
    ensure(&path, None).expect("made");
    assert!(ensure(&path, Some(&wanted)).expect("written") == wanted);
    assert_eq!(fs::read_to_string(&path).expect("text"), wanted.expose());
    let inode = fs::metadata(&path).expect("there").ino();
    ensure(&path, Some(&wanted)).expect("kept");
    assert_eq!(
        fs::metadata(&path).expect("there").ino(),
        inode,
        "the same value is not written again"
    );
}

#[test]
fn an_unusable_token_for_a_legacy_client_is_an_error_that_does_not_show_it() {
    let (_directory, path) = place();
    let error =
        ensure(&path, Some(&Secret::new("canary canary canary".into()))).expect_err("blanks");
    assert!(matches!(error, Error::Wanted { .. }));
    assert!(!format!("{error} {error:?}").contains("canary"));
    assert!(!path.exists());
}

#[test]
fn an_existing_directory_keeps_its_mode_and_inode() {
    let (_directory, path) = place();
    let parent = path.parent().expect("a parent");
    fs::create_dir_all(parent).expect("made");
    fs::set_permissions(parent, Permissions::from_mode(0o1777)).expect("as the kubelet makes it");
    let before = fs::metadata(parent).expect("there");
    ensure(&path, None).expect("made");
    let after = fs::metadata(parent).expect("there");
    assert_eq!((after.mode(), after.ino()), (before.mode(), before.ino()));
}

#[test]
fn a_stale_or_planted_temporary_file_is_replaced_and_its_target_untouched() {
    let (directory, path) = place();
    let victim = directory.path().join("victim");
    put(&victim, b"untouched");
    put(&path.with_file_name(TEMPORARY), b"half a tok");
    ensure(&path, None).expect("made");
    fs::remove_file(&path).expect("removed");
    symlink(&victim, path.with_file_name(TEMPORARY)).expect("linked");
    ensure(&path, None).expect("made");
    assert_eq!(fs::read(&victim).expect("there"), b"untouched");
    assert!(fs::symlink_metadata(&path).expect("there").is_file());
}

#[test]
fn a_fifo_or_a_dangling_link_in_place_of_the_token_is_replaced() {
    let (directory, path) = place();
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        Mode::RUSR,
        0,
    )
    .expect("a fifo");
    ensure(&path, None).expect("replaced");
    assert!(fs::symlink_metadata(&path).expect("there").is_file());
    fs::remove_file(&path).expect("removed");
    symlink(directory.path().join("nowhere"), &path).expect("linked");
    ensure(&path, None).expect("replaced");
    assert!(fs::symlink_metadata(&path).expect("there").is_file());
}

#[test]
fn what_cannot_be_written_is_named_with_the_way_out() {
    let (directory, path) = place();
    put(
        &directory.path().join("endpoints"),
        b"a file where a directory should be",
    );
    let error = ensure(&path, None).expect_err("no directory").to_string();
    assert!(
        error.contains("endpoints/app") && error.contains("emptyDir"),
        "{error}"
    );
    let (_directory, path) = place();
    fs::create_dir_all(&path).expect("a directory where the file should be");
    let error = ensure(&path, None).expect_err("no file").to_string();
    assert!(
        error.contains("app/token") && error.contains("writable for uid"),
        "{error}"
    );
    assert!(
        !path.with_file_name(TEMPORARY).exists(),
        "nothing is left behind"
    );
}

/// SDKs send the file's bytes, so the mark must go from the file and not only from what is
/// compared.
#[test]
fn a_byte_order_mark_is_taken_off_a_token_that_is_kept() {
    let (_directory, path) = place();
    let token = "a".repeat(43);
    put(&path, format!("\u{feff}{token}").as_bytes());
    assert_eq!(ensure(&path, None).expect("made").expose(), token);
    assert_eq!(fs::read_to_string(&path).expect("readable"), token);
}
