//! Looks for secrets where none may be: in every encoding in which a program could have written
//! them.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// So many characters of a secret in a row are a leak.
pub const WINDOW: usize = 12;

/// What every token of `tokens` has in it, and what every session token of `fake_sts` begins with.
const MARKS: [&str; 2] = ["WlpaWlpaWlpaWlpaWlpa", "eyJleHBpcmF0aW9uIjox"];

/// Every form in which a secret could be written somewhere.
pub fn forms(secret: &str) -> Vec<String> {
    let hex = secret
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat();
    let mut forms = vec![
        secret.to_owned(),
        url_encoded(secret),
        hex.to_uppercase(),
        hex,
    ];
    // Wherever the secret begins within three bytes, its base64 is one of three.
    for skipped in 0..3 {
        forms.push(STANDARD_NO_PAD.encode(&secret[skipped..]));
        forms.push(URL_SAFE_NO_PAD.encode(&secret[skipped..]));
    }
    // As a list of numbers, which is how bytes are formatted with `Debug`.
    forms.push(format!("{:?}", secret.as_bytes()));
    forms
}

pub fn url_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let encoded = |byte| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(encoded).collect::<Vec<_>>().concat()
}

/// Panics when any part of any of these secrets is in `shown`.
pub fn assert_hidden<'s>(shown: &str, secrets: impl IntoIterator<Item = &'s str>, context: &str) {
    if let Some(part) = leak(shown, secrets) {
        panic!("{context}: {part} of a secret in {shown}");
    }
}

/// The first part of any of these secrets that is in `shown`, in whatever form.
fn leak<'s>(shown: &str, secrets: impl IntoIterator<Item = &'s str>) -> Option<String> {
    let parts: HashSet<&[u8]> = shown.as_bytes().windows(WINDOW).collect();
    secrets.into_iter().find_map(|secret| {
        assert!(secret.len() >= WINDOW, "a secret is too short to look for");
        forms(secret).iter().find_map(|form| {
            let mut windows = form.as_bytes().windows(WINDOW).step_by(WINDOW / 2);
            windows
                .find(|window| parts.contains(window))
                .map(|part| String::from_utf8_lossy(part).into_owned())
        })
    })
}

/// Panics when `shown` has a trace of any token or session token of these tests, known or not.
pub fn assert_unmarked(shown: &str, context: &str) {
    assert_hidden(shown, MARKS, context);
}

#[test]
fn the_marks_are_in_every_secret_and_a_leak_in_any_form_is_found() {
    let token = super::tokens::ServiceAccountToken::default().jwt();
    let session =
        super::fake_sts::Issued::new(7, 1_795_327_200, "AssumeRole", None, "n", None).session_token;
    assert!(
        token.contains(MARKS[0]) && session.starts_with(MARKS[1]),
        "{token} {session}"
    );
    for secret in [token, session] {
        for form in forms(&secret) {
            let log = format!("xyz{form}xyz");
            assert!(leak(&log, MARKS).is_some(), "{log}");
            assert!(leak(&log, [secret.as_str()]).is_some(), "{log}");
        }
    }
    assert_eq!(leak("an innocent line", MARKS), None);
}
