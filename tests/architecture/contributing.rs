//! The worked examples of CONTRIBUTING.md list every file that names their example, and no other.
//!
//! An example is a section with a line "Files with `text`", and a table whose first column is the
//! list. The line says "in the code of `src`" where tests and pages are not meant, and then may
//! name files of another spelling.

use std::collections::BTreeSet;

use super::repository::{code, has_file, is_test, is_written, text_of, texts};

/// What names an example for other reasons than having it: history, reasons and lists of tests.
const ELSEWHERE: [&str; 6] = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/decisions/",
    "docs/faults.md",
    "docs/threats.md",
];

/// What `make manifests` writes.
const GENERATED: &str = "deploy/stsidecar.yaml";

/// What must be there, each as a section.
const EXAMPLES: [&str; 6] = [
    "A source",
    "A parameter",
    "An annotation",
    "A metric",
    "A check",
    "An alert",
];

struct Example {
    text: String,
    /// Whether the code of `src` alone is meant, without its tests.
    in_code: bool,
    /// Files that the example needs although they do not name it.
    also: BTreeSet<String>,
    listed: BTreeSet<String>,
}

/// What is in backticks.
fn spans(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

fn example(title: &str) -> Example {
    let page = text_of("CONTRIBUTING.md");
    let (_, section) = page
        .split_once(&format!("\n### {title}\n"))
        .unwrap_or_else(|| panic!("CONTRIBUTING.md has no section {title:?}"));
    let section = section.split("\n#").next().unwrap_or_default();
    let line = section
        .lines()
        .find(|line| line.starts_with("Files with `"))
        .unwrap_or_else(|| panic!("CONTRIBUTING.md, {title}: no line \"Files with `…`\""));
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let first_cells = rows.map(|row| row[1..].split('|').next().unwrap_or_default());
    Example {
        text: spans(line).next().unwrap_or_default(),
        in_code: line.contains("in the code of `src`"),
        also: spans(line).filter(|span| has_file(span)).collect(),
        listed: first_cells.flat_map(spans).collect(),
    }
}

fn names_it(example: &Example, file: &str, text: &str) -> bool {
    if example.in_code {
        file.starts_with("src/") && !is_test(file) && code(text).contains(&example.text)
    } else {
        let elsewhere = ELSEWHERE.iter().any(|place| file.starts_with(place));
        is_written(file) && !elsewhere && file != GENERATED && text.contains(&example.text)
    }
}

#[test]
fn every_worked_example_lists_the_files_that_name_it() {
    for title in EXAMPLES {
        let example = example(title);
        let named = texts("").filter(|(file, text)| names_it(&example, file, text));
        let named = named.map(|(file, _)| file.to_owned());
        let found: BTreeSet<String> = named.chain(example.also.clone()).collect();
        assert_eq!(
            example.listed, found,
            "CONTRIBUTING.md, {title}: left is what it lists, right what names `{}`",
            example.text
        );
    }
}
