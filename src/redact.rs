//! How a text from outside is shown when it may hold a secret: URLs without password and query.
//!
//! Owns the rule for every message that repeats a setting, an argument or a parser's words. It
//! reads the raw text, never a parsed URL: of `http://user:pass#1@proxy` a parser keeps `user` as
//! the host and drops the rest. It hides what could be a secret. It never decides whether a value
//! is good: `url` and the types of the settings do. Used by `config`, `inject` and `cli`.

/// What takes the place of a secret.
const HIDDEN: &str = "[redacted]";

/// A text that is meant to be a URL: scheme, plain host and port, path; nothing else of it.
#[must_use]
pub fn url(text: &str) -> String {
    let start = text.find("://").filter(|at| is_of(&text[..*at], "+-."));
    let start = start.map_or(0, |at| at + 3);
    let (scheme, rest) = text.split_at(start);
    let (user, rest) = match rest.rfind('@') {
        // Either the password holds the ? or the query holds the @: no part of it is safe.
        Some(_) if rest.contains(['?', '#']) => return format!("{scheme}{HIDDEN}"),
        Some(at) => (format!("{HIDDEN}@"), &rest[at + 1..]),
        None => (String::new(), rest),
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if !is_plain(authority.trim_end()) {
        return format!("{scheme}{user}{HIDDEN}");
    }
    let (path, hidden) = match tail.find(['?', '#']) {
        Some(at) => (&tail[..at], format!("{}{HIDDEN}", &tail[at..=at])),
        None => (tail, String::new()),
    };
    format!("{scheme}{user}{authority}{path}{hidden}")
}

/// Whether a text has only letters and digits of ASCII, and some others.
fn is_of(text: &str, others: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// A host and perhaps a port, of characters that both are made of. `user:password` is neither.
fn is_plain(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (authority, ""),
    };
    let is_host = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => address
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b":.".contains(&b)),
        None => is_of(host, "-._"),
    };
    is_host && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit())
}

/// The value of any setting: as it is, unless it is a URL or has a password before an `@`.
#[must_use]
pub fn value(text: &str) -> String {
    if is_like_url(text) {
        url(text)
    } else {
        text.to_owned()
    }
}

/// Names of IAM hold an `@` of their own, behind a prefix that no URL begins with.
fn is_like_url(text: &str) -> bool {
    let is_name = text.starts_with("arn:") || text.starts_with("urn:");
    text.contains("://") || (text.contains('@') && text.contains(':') && !is_name)
}

/// A message of the command line's parser, with the arguments that it repeats in quotes shown by
/// [`value`].
#[must_use]
pub fn message(text: &str) -> String {
    quoted(text, |argument| {
        let is_secret = is_like_url(argument) || argument.contains(['@', '?', '#']);
        if is_secret {
            url(argument)
        } else {
            argument.to_owned()
        }
    })
}

/// A message of a parser of YAML or JSON: of what it repeats in quotes, a key's name is kept, and
/// of anything else what a key could begin with. `authorizationToken:secret` is one key to it.
#[must_use]
pub fn parser_message(text: &str) -> String {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.$".contains(c);
    quoted(text, |token| match token.find(|c| !is_name(c)) {
        // A bracket or a quote that is missing.
        Some(_) if token.chars().count() == 1 => token.to_owned(),
        Some(at) => format!("{}{HIDDEN}", &token[..at]),
        None => token.to_owned(),
    })
}

/// The text with every part in quotes passed through `show`.
///
/// A quote ends where its character comes last before a blank or punctuation: a password may hold
/// it too.
fn quoted(text: &str, show: impl Fn(&str) -> String) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['"', '`', '\'']) {
        let quote = rest[at..].chars().next().expect("it was found there");
        let (before, inside) = (&rest[..=at], &rest[at + 1..]);
        let is_opening = before[..at]
            .chars()
            .next_back()
            .is_none_or(|c| !c.is_alphanumeric());
        let is_end = |end: &usize| {
            inside[end + 1..]
                .chars()
                .next()
                .is_none_or(|c| " ,.;:)\n]}".contains(c))
        };
        let end = inside.match_indices(quote).map(|(end, _)| end).find(is_end);
        kept.push_str(before);
        match end.filter(|_| is_opening) {
            Some(end) => {
                kept.push_str(&show(&inside[..end]));
                kept.push(quote);
                rest = &inside[end + 1..];
            }
            None => rest = inside,
        }
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_a_url_scheme_host_port_and_path_are_shown() {
        for (text, shown) in [
            (
                "https://sts.example.com:8443/sts/tenant-1",
                "https://sts.example.com:8443/sts/tenant-1",
            ),
            ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
            ("proxy_1:3128\n", "proxy_1:3128\n"),
            ("http://proxy:99999", "http://proxy:99999"),
            ("http://me:canary@host/x", "http://[redacted]@host/x"),
            ("me:canary@host", "[redacted]@host"),
            ("http://me:canary@x@host", "http://[redacted]@host"),
            ("http://me:canary/1@host:1", "http://[redacted]@host:1"),
            ("http://me:canary#1@host", "http://[redacted]"),
            ("https://host/?token=a@canary", "https://[redacted]"),
            ("https://host/path?canary#x", "https://host/path?[redacted]"),
            ("https://host#canary", "https://host#[redacted]"),
            ("http://me:canary", "http://[redacted]"),
            ("http://proxy:3128 canary", "http://[redacted]"),
            ("http://[redacted]", "http://[redacted]"),
        ] {
            assert_eq!(url(text), shown);
        }
    }

    #[test]
    fn a_value_that_is_no_url_is_shown_as_it_is() {
        for text in [
            "EU",
            "arn:aws:iam::111122223333:role/me@example.com",
            "me@example.com",
            "a: b? #c",
        ] {
            assert_eq!(value(text), text);
        }
        assert_eq!(value("me:canary@host"), "[redacted]@host");
    }

    #[test]
    fn what_parsers_repeat_is_cut_where_no_name_goes_on() {
        for (text, shown) in [
            (
                "unknown field `regoin`, expected one of `region`",
                "unknown field `regoin`, expected one of `region`",
            ),
            (
                "unknown field `token:canary`, expected",
                "unknown field `token[redacted]`, expected",
            ),
            (
                "invalid type: string \"https://u:can\\\"ary@h\", expected u8",
                "invalid type: string \"https[redacted]\", expected u8",
            ),
            (
                "unclosed bracket '{' at line 1",
                "unclosed bracket '{' at line 1",
            ),
        ] {
            assert_eq!(parser_message(text), shown);
        }
        assert_eq!(
            message("unexpected argument 'me:it's-canary@h' found"),
            "unexpected argument '[redacted]@h' found"
        );
        assert_eq!(
            message("it isn't '--x' but '--y <Z>'"),
            "it isn't '--x' but '--y <Z>'"
        );
    }

    proptest! {
        #[test]
        fn showing_twice_hides_no_more_and_no_password_is_left(text in "[ -~]{0,30}", password in "[ -~]{0,9}") {
            let once = url(&text);
            prop_assert_eq!(url(&once), once);
            let shown = url(&format!("http://me:canary{password}canary@host"));
            prop_assert!(!shown.contains("canary"), "{}", shown);
        }
    }
}
