//! The form of pages: rows of `docs/threats.md` and `docs/faults.md` name the test that holds them,
//! which `pages` looks for, and every decision has its page and its line in the index.

use std::collections::BTreeSet;

use super::repository::{text_of, texts};

#[test]
fn every_threat_and_every_fault_names_the_test_that_holds_it() {
    for page in ["docs/threats.md", "docs/faults.md"] {
        let rows = text_of(page)
            .lines()
            .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
        let mut count = 0;
        for row in rows.filter(|row| !row.contains(" | test |")) {
            let last = row.trim_end_matches(" |").rsplit(" | ").next();
            let is_test = |span: &str| span.contains(".rs::") || span.contains(".py::");
            let mut spans = last.unwrap_or_default().split('`').skip(1).step_by(2);
            assert!(spans.any(is_test), "{page}: a row without its test: {row}");
            count += 1;
        }
        assert!(count > 20, "{page} has {count} rows");
    }
}

#[test]
fn every_decision_is_a_page_of_one_form_and_in_the_index() {
    let index = text_of("docs/decisions/README.md");
    let mut numbers = BTreeSet::new();
    for (name, text) in texts("docs/decisions/").filter(|(name, _)| !name.ends_with("README.md")) {
        let file = name.trim_start_matches("docs/decisions/");
        let number: u32 = file[..4]
            .parse()
            .expect("a decision begins with its number");
        assert!(
            numbers.insert(number),
            "two decisions have the number {number}"
        );
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
        let [title, "## Context", "## Decision", "## Consequences"] = headings[..] else {
            panic!("{name}: its headings are {headings:?}");
        };
        assert!(
            title.starts_with(&format!("# {number}. ")),
            "{name}: {title}"
        );
        let line = format!("]({file})");
        assert_eq!(
            index.matches(&line).count(),
            1,
            "{name} is in the index once"
        );
    }
    assert!(numbers.len() > 30, "{} decisions", numbers.len());
}
