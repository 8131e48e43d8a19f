//! What reading again does to the content that is kept; the kubelet's swap is re-enacted in
//! `tests/rotation.rs`.

use super::*;
use prometheus::Registry;
use std::fs;

fn text(content: &[u8]) -> Result<String, &'static str> {
    match std::str::from_utf8(content) {
        Ok(text) if text.starts_with("good") => Ok(text.to_owned()),
        _ => Err("it does not begin with good"),
    }
}

fn fixture() -> (tempfile::TempDir, PathBuf, RotatedFile<String>, Reloads) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token");
    let reloads = metrics::Metrics::register(&Registry::new())
        .expect("fresh")
        .profile("default");
    let file = RotatedFile::new(&path, 100, text, Some(reloads.clone()));
    (directory, path, file, reloads)
}

#[test]
fn nothing_is_read_before_it_is_asked_for() {
    let (_directory, path, file, reloads) = fixture();
    fs::write(&path, "good 1").expect("written");
    let latest = file.latest();
    assert!(latest.value.is_none() && latest.error.is_none());
    assert_eq!((latest.generation, reloads.counts()), (0, (0, 0)));
}

#[test]
fn a_change_of_content_is_a_generation_and_nothing_else_is() {
    let (_directory, path, file, reloads) = fixture();
    let mut heard = file.subscribe();
    for (content, generation) in [
        ("good 1", 1),
        ("good 1", 1),
        ("good 2", 2),
        ("good 2", 2),
        ("good 1", 3),
    ] {
        fs::write(&path, content).expect("written");
        let before = file.latest().generation;
        let latest = file.reload();
        assert_eq!(
            (
                latest.generation,
                latest.value.as_deref().map(String::as_str)
            ),
            (generation, Some(content))
        );
        assert_eq!(
            heard.has_changed().expect("open"),
            generation != before,
            "{content}"
        );
        heard.mark_unchanged();
    }
    assert_eq!(reloads.counts(), (3, 0), "reads without news do not count");
}

#[test]
fn the_last_good_content_outlives_every_failure_and_each_failure_is_told_once() {
    let (_directory, path, file, reloads) = fixture();
    fs::write(&path, "good 1").expect("written");
    let _ = file.reload();
    let mut heard = file.subscribe();
    let failures: [(&dyn Fn(), &str); 4] = [
        (
            &|| fs::write(&path, "bad").expect("written"),
            "is not usable: it does not begin with good",
        ),
        (
            &|| fs::write(&path, "").expect("written"),
            "is not usable: it does not begin with good",
        ),
        (
            &|| fs::write(&path, "good".repeat(100)).expect("written"),
            "is longer than 100 bytes",
        ),
        (
            &|| fs::remove_file(&path).expect("removed"),
            "does not exist",
        ),
    ];
    for (number, (fail, message)) in failures.iter().enumerate() {
        fail();
        for _ in 0..2 {
            let latest = file.reload();
            assert_eq!(
                (
                    latest.generation,
                    latest.value.as_deref().map(String::as_str)
                ),
                (1, Some("good 1"))
            );
            assert!(
                latest
                    .error
                    .expect("an error")
                    .to_string()
                    .contains(message),
                "{message}"
            );
        }
        // The second is the same news as the first.
        assert_eq!(heard.has_changed().expect("open"), number != 1, "{message}");
        heard.mark_unchanged();
    }
    assert_eq!(reloads.counts(), (1, 3));
    fs::write(&path, "good 1").expect("written");
    let latest = file.reload();
    assert_eq!(
        (latest.generation, latest.error.is_none()),
        (1, true),
        "the same content is no new generation"
    );
    assert!(heard.has_changed().expect("open"));
    assert_eq!(reloads.counts(), (2, 3));
}

#[test]
fn debug_shows_neither_content_nor_digest() {
    let (_directory, path, file, _) = fixture();
    fs::write(&path, "good canary").expect("written");
    let shown = format!("{:?} {file:?}", file.reload());
    assert!(
        !shown.contains("canary") && !shown.contains("SHA256"),
        "{shown}"
    );
}

#[test]
fn handles_share_what_they_know() {
    let (_directory, path, file, _) = fixture();
    fs::write(&path, "good 1").expect("written");
    let other = file.clone();
    let _ = file.reload();
    assert_eq!(other.latest().generation, 1);
    assert_eq!(other.path(), path);
}

#[test]
fn a_byte_order_mark_in_front_is_ignored_and_utf_16_is_named() {
    let (_directory, path, file, _) = fixture();
    for content in ["\u{feff}good 1", "good 1"] {
        fs::write(&path, content).expect("written");
        let latest = file.reload();
        assert_eq!(
            (
                latest.generation,
                latest.value.as_deref().map(String::as_str)
            ),
            (1, Some("good 1"))
        );
    }
    for utf_16 in [&b"\xff\xfeg\0o\0o\0d\0"[..], b"\xfe\xff\0g\0o\0o\0d"] {
        fs::write(&path, utf_16).expect("written");
        let error = file.reload().error.expect("refused").to_string();
        assert!(
            error.ends_with("is not usable: it is in UTF-16: save it as UTF-8"),
            "{error}"
        );
    }
}
