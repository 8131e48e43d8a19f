//! Makes text from the network fit for logs, `/status` and events: one line, short, no controls, no
//! tokens.
//!
//! Owns the rules only. An STS, or what answers in its place, may echo the token that it was sent,
//! which then must not reach a log or an event.

/// The longest message kept, in characters.
const LONGEST_MESSAGE: usize = 512;

/// What a JWT's header begins with, plain (`{"`) and base64-encoded once more; then SAML responses
/// in base 64 (`<?xml`, and `<saml` for their usual prefixes).
const TOKEN_BEGINNINGS: [&str; 4] = ["eyJ", "ZXlK", "PD94bW", "PHNhbW"];

/// A run this long of a JWT's alphabet behind one of the beginnings is taken for a token.
const SHORTEST_TOKEN: usize = 16;

/// A longer run is a token whatever it begins with: of OAuth 2.0, or a response of another prefix.
/// It is the longest name that STS answers with (`SubjectFromWebIdentityToken`).
const LONGEST_WORD: usize = 255;

/// The text as one line of at most 512 characters, controls escaped and everything like a token
/// replaced.
#[must_use]
pub fn safe_line(text: &str) -> String {
    let mut line = String::new();
    let mut length = 0;
    for c in without_tokens(text.trim()).chars() {
        let before = line.len();
        if is_unsafe(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        length += line[before..].chars().count();
        if length > LONGEST_MESSAGE {
            let end = line
                .char_indices()
                .nth(LONGEST_MESSAGE - 1)
                .map_or(line.len(), |(at, _)| at);
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

/// Controls, line separators and the marks that turn the writing direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text with everything replaced that looks like a token.
#[must_use]
pub fn without_tokens(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(in_token) {
        let end = rest[at..]
            .find(|c| !in_token(c))
            .map_or(rest.len(), |length| at + length);
        let word = &rest[at..end];
        let beginnings = TOKEN_BEGINNINGS.iter().filter_map(|start| word.find(start));
        let token = if word.len() > LONGEST_WORD {
            Some(0)
        } else {
            beginnings.min()
        };
        kept.push_str(&rest[..at]);
        match token.filter(|start| word.len() - start >= SHORTEST_TOKEN) {
            Some(start) => kept.extend([&word[..start], "[redacted]"]),
            None => kept.push_str(word),
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

fn in_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.%=+/".contains(c)
}

/// Whether a code or an id from the network can be shown as it is.
pub(super) fn is_token(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-:=".contains(&b))
        && without_tokens(text) == text
}

/// At most `longest` characters of a text, the middle of a longer one replaced by `...`.
#[must_use]
pub fn middle_cut(text: &str, longest: usize) -> String {
    let count = text.chars().count();
    if count <= longest {
        return text.to_owned();
    }
    let kept = longest.saturating_sub(3);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    text.chars()
        .take(head)
        .chain("...".chars())
        .chain(text.chars().skip(count - tail))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_becomes_one_line_without_controls_and_without_tokens() {
        let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl";
        for (raw, safe) in [
            ("  plain text \n", "plain text"),
            ("two\nlines\tand\x1b[31m", "two\\nlines\\tand\\u{1b}[31m"),
            ("\u{202e}reversed\u{2028}!", "\\u{202e}reversed\\u{2028}!"),
            ("eyJ is short", "eyJ is short"),
            (
                &format!("bad token {jwt}, sorry"),
                "bad token [redacted], sorry",
            ),
            (&format!("a={jwt}&b={jwt}"), "a=[redacted]&b=[redacted]"),
            ("ZXlKaGJHY2lPaUpTVXpJMU5pSjk=", "[redacted]"),
            (
                "Value 'PD94bWwgdmVyc2lvbj0iMS4wIj8+' at 'sAMLAssertion'",
                "Value '[redacted]' at 'sAMLAssertion'",
            ),
            ("PHNhbWxwOlJlc3BvbnNlPg== is old", "[redacted] is old"),
            (
                &format!("Value 'Atza|{}' failed", "IQEBLjAsAhRm".repeat(25)),
                "Value 'Atza|[redacted]' failed",
            ),
        ] {
            assert_eq!(safe_line(raw), safe);
        }
        let cut = safe_line(&"ä\n".repeat(2000));
        assert!(cut.chars().count() == 512 && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn the_middle_is_cut_by_characters() {
        assert_eq!(middle_cut("abcdefghij", 10), "abcdefghij");
        assert_eq!(middle_cut("abcdefghijk", 10), "abcd...ijk");
        assert_eq!(middle_cut("ääääääääääää", 8), "äää...ää");
    }
}
