//! docs/sts.md names every parameter and, for each, tests that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::parameters::{OPERATIONS, REFUSED, wire_names};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cells of every row of the document's tables.
fn rows() -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/sts.md")).expect("the document");
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("|---"));
    rows.map(|row| {
        row.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    })
    .collect()
}

/// The Rust sources below a folder, as one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder of ours") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let mut code = String::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut code);
    }
    let is_fixture = |name: &str| {
        ["config", "sources"].iter().any(|folder| {
            root()
                .join("tests/fixtures")
                .join(folder)
                .join(name)
                .exists()
        })
    };
    let (mut named, mut missing) = (0, Vec::new());
    for row in rows() {
        let held_by = row.last().expect("a last cell");
        if row[0] == "operation" || row[0] == "rule" || row.len() < 3 {
            continue;
        }
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test in {row:?}");
        for test in tests {
            let is_there = if test.contains('.') {
                is_fixture(test)
            } else {
                code.contains(&format!("fn {test}("))
            };
            named += 1;
            if !is_there {
                missing.push(test.to_owned());
            }
        }
    }
    assert!(
        named > 60 && missing.is_empty(),
        "{named} tests are named, and these are missing: {missing:?}"
    );
}

#[test]
fn every_parameter_of_every_operation_is_in_the_document_once() {
    let rows = rows();
    for (operation, module) in OPERATIONS {
        let shown: Vec<&str> = rows
            .iter()
            .filter(|row| row[0] == operation)
            .map(|row| row[1].as_str())
            .collect();
        let refused = |name: &String| REFUSED.iter().any(|(refused, _)| refused == name);
        let meant: BTreeSet<String> = wire_names(module)
            .into_iter()
            .filter(|name| !refused(name))
            .collect();
        assert_eq!(shown.len(), meant.len(), "{operation}: {shown:?}");
        assert_eq!(
            shown
                .into_iter()
                .map(str::to_owned)
                .collect::<BTreeSet<_>>(),
            meant,
            "{operation}"
        );
    }
}
