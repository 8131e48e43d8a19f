//! The threads of the program are those that ARCHITECTURE.md lists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Scene;

/// The first column of the table below this heading.
fn listed() -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"))
        .expect("a document");
    let section = text
        .split("\n## Threads and tasks\n")
        .nth(1)
        .expect("a section");
    let section = section.split("\n## ").next().expect("its text");
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .skip(1);
    rows.map(|name| name.trim_matches('`').to_owned()).collect()
}

#[test]
fn the_documented_threads_are_those_of_the_program() {
    let scene = Scene::new();
    // A name, so that it is looked up.
    let by_name = scene.sts.url().replace("127.0.0.1", "localhost");
    let agent = scene.launch().flag("sts-endpoint", &by_name).start();
    agent.first_credentials();
    let names = agent.threads();
    assert_eq!(
        names.iter().filter(|name| *name == "stsidecar").count(),
        1,
        "the main one: {names:?}"
    );
    let names: BTreeSet<_> = names
        .iter()
        .map(|name| name.replace("stsidecar", "main"))
        .collect();
    assert_eq!(names, listed());
}
