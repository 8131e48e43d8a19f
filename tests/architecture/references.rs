//! Refuses references to nothing: comments, messages, test names and pages cite what is in the
//! repository, or a public source by its URL.
//!
//! A reader has this checkout and the web, and nothing else. The paths and links of
//! pages are in `pages.rs`.

use std::sync::LazyLock;

use regex::Regex;

use super::repository::{is_written, texts};

/// What a short name with a number means to every reader.
const KNOWN: [(&str, &str); 1] = [("S3", "the storage service")];

/// Keys in tests have short ids: the traces of `src/session/tests.rs` count them.
const KEY: char = 'K';

/// These lines hold what they refuse.
const OWN: &str = "tests/architecture/references.rs";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// A letter with a number, as lists of requirements, threats and decisions have them.
static ID: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|[\s(,"'`])([A-Z][0-9]{1,2})(?:[\s),.;:/"'`–-]|$)"#));
static NUMBERED_TEST: LazyLock<Regex> = LazyLock::new(|| regex(r"\bfn ([a-z][0-9]{2}_\w*)"));
static PLAN: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)\b(?:the design|design (?:section|page)|the study",
        r"|acceptance (?-i:[A-Z])|agent decisions?|decisions? (?-i:[A-Z])?[0-9])\b"
    ))
});
static SECTION: LazyLock<Regex> = LazyLock::new(|| regex(r"\b[Ss]ections? [0-9][0-9.]*"));
static ISSUE: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:\b(?:[Ii]ssue|[Pp]ull request|PR) #?([0-9]+)|\w#([0-9]{3,}))\b"));
static SOURCE: LazyLock<Regex> = LazyLock::new(|| regex(r"https?://|\bRFC [0-9]"));

/// What the lines of a file cite without a place where a reader finds it,
/// each with its line's number.
fn unknown(name: &str, text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let around = || lines[at.saturating_sub(2)..(at + 3).min(lines.len())].join("\n");
        let mut add = |what: &str| found.push((at + 1, what.to_owned()));
        for id in ID.captures_iter(line).map(|found| found[1].to_owned()) {
            let is_key = name.contains("/tests") && id.starts_with(KEY);
            if !is_key && !KNOWN.iter().any(|(known, _)| *known == id) {
                add(&id);
            }
        }
        for test in NUMBERED_TEST.captures_iter(line) {
            add(&test[1]);
        }
        for plan in PLAN.find_iter(line) {
            add(plan.as_str());
        }
        for section in SECTION.find_iter(line) {
            if !SOURCE.is_match(&around()) {
                add(section.as_str());
            }
        }
        for issue in ISSUE.captures_iter(line) {
            let number = issue
                .get(1)
                .or(issue.get(2))
                .map_or("", |found| found.as_str());
            if !text.contains(&format!("/{number}")) {
                add(issue[0].trim());
            }
        }
    }
    found
}

#[test]
fn nothing_is_cited_that_a_reader_cannot_find() {
    let mut wrong = Vec::new();
    for (name, text) in texts("").filter(|(name, _)| is_written(name) && *name != OWN) {
        for (line, what) in unknown(name, text) {
            wrong.push(format!("{name}:{line}: {what}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} references to what is not in the repository; give the reason in words, and the URL of a \
         public source:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn each_kind_of_reference_to_nothing_is_found() {
    for (line, what) in [
        ("// Refused like that (T19).", vec!["T19"]),
        (
            "//! Requirements R13-R16 and R28, measured",
            vec!["R13", "R28"],
        ),
        (r#"self.violated("I1/I3", "signed")"#, vec!["I1"]),
        ("fn f07_a_fleet() {}", vec!["f07_a_fleet"]),
        (
            "// As design section 5 has it.",
            vec!["design section", "section 5"],
        ),
        ("// The faults of the design by name.", vec!["the design"]),
        (r#""acceptance C: {kills} kills""#, vec!["acceptance C"]),
        (
            "/// The end is noticed (agent decision B8).",
            vec!["B8", "agent decision"],
        ),
        (
            "// Its clock may differ (kubernetes#124022).",
            vec!["s#124022"],
        ),
        ("// This is issue 12 of it.", vec!["issue 12"]),
    ] {
        let found: Vec<String> = unknown("src/any.rs", line)
            .into_iter()
            .map(|(_, what)| what)
            .collect();
        assert_eq!(found, what, "{line}");
    }
}

#[test]
fn what_a_reader_can_find_is_cited() {
    for line in [
        "// S3 and IpAddr::V4(ip), [A-Z0-9] and \\x{A0}, P256 and X509.",
        "// RFC 4226 section 5.3.",
        "// See <https://docs.oasis-open.org/bindings.pdf>, section 3.4.4.1.",
        "// kubernetes#124022: <https://github.com/kubernetes/kubernetes/issues/124022>",
        "// a designated role, a decision by AWS, the acceptance of it",
    ] {
        assert_eq!(unknown("src/any.rs", line), [], "{line}");
    }
    assert_eq!(
        unknown("src/session/tests/calls.rs", "serve K1 to 3600;"),
        []
    );
}
