//! What pages and comments name is there: files, folders, tests, links and their headings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::repository::{has_file, has_folder, is_written, names, texts};

/// What is built, installed or written while something runs.
const MADE: [&str; 3] = ["target/", "tests/tools/venv", "../"];

/// What no other project's file is taken for.
const OURS: [&str; 2] = ["docs/", "tests/"];

/// The address of a file of this repository on the web.
const PUBLIC: &str = "https://github.com/stsidecar/stsidecar/blob/";

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

static CODE_SPAN: LazyLock<Regex> = LazyLock::new(|| regex(r"`([^`\n]+)`"));
/// A file of code or a page, or anything below a folder of the checkout's root, with
/// a test's name behind it.
static PATH: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"^(?:(?:[\w.-]+/)*[\w-]+\.(?:rs|py|md|go|cjs|tpl)",
        r"|(?:src|tests|docs|charts|benches|deploy)/(?:[\w.-]+/)*[\w.-]*)",
        r"(?:::(\w+))?$"
    ))
});
/// A path in a comment, without marks around it.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?:^|[\s(,])((?:src|tests|docs|charts|benches|deploy)/[\w./-]*\w|[A-Z]+\.md)\b")
});
static LINK: LazyLock<Regex> = LazyLock::new(|| regex(r"\]\(([^)\s]+)\)"));

/// Whether a path is one of the repository, from its root or from any folder of it.
fn exists(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let (end, within) = (format!("/{path}"), format!("/{path}/"));
    has_file(path)
        || has_folder(path)
        || names().any(|name| name.ends_with(&end) || name.contains(&within))
}

/// Whether a file, or one of several of that name, defines a test or a case.
fn defines(path: &str, name: &str) -> bool {
    let end = format!("/{path}");
    let definition = regex(&format!(r"\b(?:fn|def|func) {name}\b"));
    let mut files = texts("").filter(|(file, _)| *file == path || file.ends_with(&end));
    files.any(|(_, text)| definition.is_match(text))
}

/// The paths that a line names: in code spans, and bare where the line is a comment or a page's.
fn named(file: &str, line: &str) -> Vec<String> {
    let spans = CODE_SPAN
        .captures_iter(line)
        .map(|found| found[1].to_owned());
    let mut found: Vec<String> = spans.filter(|span| PATH.is_match(span)).collect();
    let is_page = file.rsplit('.').next() == Some("md");
    let start = line.trim_start();
    if is_page || start.starts_with("//") || start.starts_with("# ") {
        let without_code = CODE_SPAN.replace_all(line, "");
        let without_links = LINK.replace_all(&without_code, "");
        found.extend(
            BARE.captures_iter(&without_links)
                .map(|path| path[1].to_owned()),
        );
    }
    found
}

/// What a text names that is not there. A file of another project is named beside its project's
/// URL, or its own URL is in the text.
fn missing(file: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut wrong, mut is_fenced) = (Vec::new(), false);
    for (at, line) in lines.iter().enumerate() {
        is_fenced ^= line.starts_with("```");
        let cited = if is_fenced {
            Vec::new()
        } else {
            named(file, line)
        };
        let around = &lines[at.saturating_sub(1)..(at + 2).min(lines.len())];
        let is_beside_url = around.iter().any(|line| line.contains("https://"));
        for cited in cited {
            let (path, case) = match cited.split_once("::") {
                Some((path, case)) => (path, Some(case)),
                None => (cited.as_str(), None),
            };
            let has_url = text.contains("https://") && text.contains(&format!("/{path}"));
            let may_be_foreign = case.is_none() && !OURS.iter().any(|ours| path.starts_with(ours));
            let is_foreign = may_be_foreign && !exists(path) && (is_beside_url || has_url);
            let is_made = MADE.iter().any(|made| path.starts_with(made));
            if is_made || is_foreign || path.contains("NAME") {
                continue;
            }
            if !exists(path) || case.is_some_and(|case| !defines(path, case)) {
                wrong.push(format!("{file}:{}: {cited}", at + 1));
            }
        }
    }
    wrong
}

#[test]
fn every_file_and_test_that_is_named_is_there() {
    let own = "tests/architecture/pages.rs";
    let written = texts("").filter(|(file, _)| is_written(file) && *file != own);
    // What a change was about may be gone by now.
    let written = written.filter(|(file, _)| *file != "CHANGELOG.md");
    let wrong: Vec<String> = written
        .flat_map(|(file, text)| missing(file, text))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} names of files and tests that are not there:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_name_of_nothing_is_found() {
    let this = "every_file_and_test_that_is_named_is_there";
    for (line, is_there) in [
        ("See `tests/architecture/pages.rs`.".to_owned(), true),
        (
            "See `architecture/pages.rs`, and `docs/runbooks/`.".to_owned(),
            true,
        ),
        (format!("| `tests/architecture/pages.rs::{this}` |"), true),
        (
            "`cargo test --test sources`, `/var/run/a.rs`".to_owned(),
            true,
        ),
        ("// As prober/worker.go has it.".to_owned(), true),
        ("See `tests/architecture/page.rs`.".to_owned(), false),
        (
            "| `tests/architecture/pages.rs::every_file` |".to_owned(),
            false,
        ),
        (
            "| https://a.b/c | `src/any.rs::every_file` |".to_owned(),
            false,
        ),
        ("// As docs/nothing.md has it.".to_owned(), false),
        ("// `prober/worker.go` says so.".to_owned(), false),
    ] {
        assert_eq!(missing("src/any.rs", &line).is_empty(), is_there, "{line}");
    }
    let foreign = "// `prober/worker.go`, https://github.com/k/k/blob/master/prober/worker.go";
    assert_eq!(missing("src/any.rs", foreign), Vec::<String>::new());
}

/// What GitHub makes of a heading for links to it.
fn anchor(heading: &str) -> String {
    let text = LINK.replace_all(heading, "]").to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The anchors of a page, and the targets of its links with their lines, outside of fenced blocks.
fn anchors_and_links(text: &str) -> (BTreeSet<String>, Vec<(usize, String)>) {
    let (mut times, mut links) = (BTreeMap::<String, usize>::new(), Vec::new());
    let (mut anchors, mut is_fenced) = (BTreeSet::new(), false);
    for (at, line) in text.lines().enumerate() {
        is_fenced ^= line.trim_start().starts_with("```");
        if is_fenced {
            continue;
        }
        if let Some(heading) = line
            .strip_prefix('#')
            .map(|rest| rest.trim_start_matches('#').trim())
        {
            let name = anchor(heading);
            let earlier = times.entry(name.clone()).or_default();
            anchors.insert(match *earlier {
                0 => name,
                _ => format!("{name}-{earlier}"),
            });
            *earlier += 1;
        }
        let targets = LINK.captures_iter(line);
        links.extend(targets.map(|found| (at + 1, found[1].to_owned())));
    }
    (anchors, links)
}

/// A relative target from the root of the checkout.
fn from_root(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn every_link_of_a_page_has_its_target() {
    let pages: Vec<_> = texts("")
        .filter(|(name, _)| name.rsplit('.').next() == Some("md"))
        .collect();
    let mut wrong = Vec::new();
    for (page, text) in &pages {
        for (line, link) in anchors_and_links(text).1 {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (target, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match target {
                "" => (*page).to_owned(),
                _ => from_root(page, target),
            };
            let has_heading = || {
                let linked = pages.iter().find(|(name, _)| *name == target);
                linked.is_some_and(|(_, text)| anchors_and_links(text).0.contains(heading))
            };
            let is_there = has_file(&target) || has_folder(&target);
            if !is_there || !heading.is_empty() && !has_heading() {
                wrong.push(format!("{page}:{line}: {link}"));
            }
        }
    }
    assert!(wrong.is_empty(), "links to nothing:\n{}", wrong.join("\n"));
}

#[test]
fn every_public_address_of_a_file_of_ours_has_its_file() {
    for (name, text) in texts("").filter(|(name, _)| *name != "tests/architecture/pages.rs") {
        for rest in text.split(PUBLIC).skip(1) {
            let (_, rest) = rest.split_once('/').expect("a branch and a path");
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"/._-".contains(c));
            let path = &rest[..end.unwrap_or(rest.len())];
            assert!(exists(path), "{name}: {PUBLIC}…/{path}");
        }
    }
}
