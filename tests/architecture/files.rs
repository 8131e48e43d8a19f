//! Files are short and say what they own; the tests know neither the
//! checkout's place nor the build's.

use super::repository::{is_test, sources, text_of, texts};

const LONGEST_FILE: usize = 300;
/// One page of a screen.
const LONGEST_DECISION: usize = 45;

#[test]
fn every_file_is_short_and_opens_with_what_it_owns() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE,
            "src/{file} has {lines} lines; split it by what it owns"
        );
        assert!(
            !file.ends_with("mod.rs"),
            "src/{file}: modules are foo.rs + foo/"
        );
        let header = text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .count();
        let is_small = is_test(file) || file.starts_with("bin/");
        let least = if is_small { 1 } else { 3 };
        assert!(
            header >= least,
            "src/{file}: its header has {header} lines; say what it owns and what it never does"
        );
    }
}

#[test]
fn the_architecture_and_every_decision_are_short() {
    let decisions = texts("docs/decisions/").filter(|(name, _)| !name.ends_with("README.md"));
    let short = decisions.map(|(name, text)| (name, text, LONGEST_DECISION));
    let architecture = ("ARCHITECTURE.md", text_of("ARCHITECTURE.md"), 150);
    for (name, text, most) in short.chain([architecture]) {
        let lines = text.lines().count();
        assert!(lines <= most, "{name} has {lines} lines of {most}");
    }
}

/// A folder above the checkout may be closed to others (a home, `mktemp -d`), and the build may be
/// elsewhere (`CARGO_TARGET_DIR`): one file of the tests knows each.
#[test]
fn tests_assume_no_place_of_the_checkout_or_of_the_build() {
    let places = [
        "tests/support/other_user.rs",
        "tests/real/bootstrap.py",
        "tests/tools/install",
    ];
    let is_program = |file: &str| {
        let ends = [".rs", ".py", ".cjs", "/install"];
        let elsewhere = file.starts_with("tests/architecture/") || places.contains(&file);
        !elsewhere && ends.iter().any(|end| file.ends_with(end))
    };
    let mut wrong = Vec::new();
    for (file, text) in texts("tests/").filter(|(file, _)| is_program(file)) {
        for (at, line) in text.lines().enumerate() {
            let other_user =
                line.contains("--reuid") || line.contains(".uid(") && !line.contains(".uid()");
            let build = line.contains("\"target/") || line.contains("/ \"target\"");
            if (other_user || build) && !line.trim_start().starts_with("//") {
                wrong.push(format!("{file}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these start a program as another user, or look for the build, by themselves:\n{}",
        wrong.join("\n")
    );
}
