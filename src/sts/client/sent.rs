//! The secrets that went out with a request, so that no answer brings them into a log.
//!
//! Owns hiding them in what a server says: a debugging server, a gateway or an echo behind a wrong
//! URL repeats what it was sent, whole or cut. `failure` knows tokens by their look alone, which
//! one of OAuth 2.0 does not have. It keeps no secret longer than the call. Called by `client` for
//! every failure.

use std::collections::HashSet;

use crate::credentials::Secret;
use crate::failure::without_tokens;

/// As many characters in a row of a secret are taken for a part of it.
const TELLING: usize = 10;

/// What is shorter could be any word. A code of an MFA device has as many.
const SHORTEST: usize = 6;

/// Replaces a secret, as it does what looks like a token.
const HIDDEN: &str = "[redacted]";

/// What is looked at of a text at most: far more than is shown of it.
const LONGEST_TEXT: usize = 4096;

/// Secrets in the forms in which they are on the wire.
pub(super) struct Sent(Vec<Secret>);

impl Sent {
    /// Keeps these.
    pub(super) fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let forms = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST)
            .flat_map(|secret| {
                let encoded = Some(form_encoded(secret)).filter(|encoded| encoded != secret);
                std::iter::once(secret.to_owned()).chain(encoded)
            });
        Self(forms.map(Secret::new).collect())
    }

    /// The text with every part of a secret replaced. What looks like a token goes first, while it
    /// is whole.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        let text: String = without_tokens(text).chars().take(LONGEST_TEXT).collect();
        let mut is_secret = vec![false; text.len()];
        for secret in &self.0 {
            let secret = secret.expose().as_bytes();
            let length = secret.len().min(TELLING);
            // An assertion has a hundred thousand parts, the text few: only what is in both is
            // kept.
            let said: HashSet<&[u8]> = text.as_bytes().windows(length).collect();
            let parts: HashSet<&[u8]> = secret
                .windows(length)
                .filter(|part| said.contains(part))
                .collect();
            for (at, part) in text.as_bytes().windows(length).enumerate() {
                if parts.contains(part) {
                    is_secret[at..at + length].fill(true);
                }
            }
        }
        let mut hidden = String::with_capacity(text.len());
        let mut before = false;
        for (at, c) in text.char_indices() {
            match (before, is_secret[at]) {
                (_, false) => hidden.push(c),
                (false, true) => hidden.push_str(HIDDEN),
                (true, true) => {}
            }
            before = is_secret[at];
        }
        // A part beside what looked like a token.
        while hidden.contains(&[HIDDEN; 2].concat()) {
            hidden = hidden.replace(&[HIDDEN; 2].concat(), HIDDEN);
        }
        hidden
    }
}

/// As in the body of a request.
fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// Upper case, as form encoding has it.
fn digit(half: u8) -> char {
    char::from_digit(half.into(), 16)
        .expect("half a byte is one digit")
        .to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_cut_and_encoded_secrets_are_hidden() {
        let sent = Sent::of(["ya29.a0Af/canary+opaque==", "", "123456"]);
        for (said, shown) in [
            (
                "bad token ya29.a0Af/canary+opaque==!",
                "bad token [redacted]!",
            ),
            ("bad token ya29.a0Af/can...", "bad token [redacted]..."),
            ("...ary+opaque== is bad", "...[redacted] is bad"),
            (
                "a=ya29.a0Af%2Fcanary%2Bopaque%3D%3D&TokenCode=123456",
                "a=[redacted]&TokenCode=[redacted]",
            ),
            ("ya29 is a canary", "ya29 is a canary"),
            // Another token, of which a part was sent: what hides the part must not hide what the
            // rest looks like.
            (
                "eyJhbGciOiJub25l.xyya29.a0Af/canaryxy.c2lnbmF0dXJl",
                "[redacted]",
            ),
            (
                "\u{e4}ya29.a0Af/canary+opaque==\u{e4}",
                "\u{e4}[redacted]\u{e4}",
            ),
            ("", ""),
        ] {
            assert_eq!(sent.hidden_in(said), shown);
        }
        assert_eq!(Sent::of(["", "a"]).hidden_in("anything"), "anything");
    }

    proptest! {
        #[test]
        fn no_part_of_a_secret_is_left_anywhere(before in ".{0,40}", secret in "[!-~]{10,60}", after in ".{0,40}") {
            let shown = Sent::of([secret.as_str()]).hidden_in(&format!("{before}{secret}{after}"));
            let parts = secret.as_bytes().windows(TELLING).filter(|part| *part != b"[redacted]");
            for part in parts.map(|part| std::str::from_utf8(part).expect("ASCII")) {
                prop_assert!(!shown.contains(part), "{} in {}", part, shown);
            }
        }
    }
}
