//! README.md's tables against the programs: settings from the table of settings,
//! metrics from registries with every stage on them. `UPDATE=1 cargo test --test
//! readme` writes them anew, for review.
//!
//! The versions of Kubernetes are those that the cluster's tests run, and the oldest of them is
//! what the chart asks for.

#![allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]

mod metrics;
mod promtool;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use stsidecar::config::{SETTINGS, Setting};

/// Two tests may write the file.
static README: Mutex<()> = Mutex::new(());

fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")
}

/// Compares a marked block with what it should be, or writes it.
fn assert_block(name: &str, expected: &str) {
    let _turn = README
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let text = fs::read_to_string(readme()).expect("the README");
    let begin = text
        .find(&format!("<!-- {name}: begin"))
        .expect("the block's begin");
    let start = begin + text[begin..].find("-->\n").expect("the mark's end") + "-->\n".len();
    let end = start
        + text[start..]
            .find(&format!("<!-- {name}: end -->"))
            .expect("the block's end");
    if std::env::var_os("UPDATE").is_some() {
        let whole = format!("{}\n{expected}\n{}", &text[..start], &text[end..]);
        fs::write(readme(), whole).expect("a writable README");
    } else {
        let hint = "run UPDATE=1 cargo test --test readme";
        assert!(
            text[start..end].trim() == expected.trim(),
            "README.md's {name} should be ({hint}):\n\n{expected}"
        );
    }
}

#[test]
fn the_settings_are_those_of_the_program() {
    let mut table =
        String::from("| flag | variable | key | default | meaning |\n|---|---|---|---|---|\n");
    for Setting {
        flag,
        variables,
        key,
        default,
        help,
        ..
    } in SETTINGS
    {
        let code = |text: &str| format!("`{text}`");
        let variables: Vec<String> = variables.iter().map(|name| code(name)).collect();
        let [key, default] = [key, default].map(|text| text.map_or_else(String::new, code));
        writeln!(
            table,
            "| `--{flag}` | {} | {key} | {default} | {} |",
            variables.join(", "),
            help.replace('|', "\\|")
        )
        .expect("a String takes every text");
    }
    assert_block("settings", &table);
}

/// A version that `make e2e` runs; each run compares it with what the cluster says of itself.
#[derive(serde::Deserialize)]
struct Version {
    version: String,
    scenarios: String,
}

impl Version {
    fn of(&self) -> (u16, u16) {
        let mut numbers = self
            .version
            .split('.')
            .skip(1)
            .map(|number| number.parse().expect("a version is numbers"));
        let mut next = || numbers.next().expect("a version has three numbers");
        (next(), next())
    }
}

#[test]
fn the_versions_of_kubernetes_are_those_that_are_run() {
    let mut versions: Vec<Version> =
        serde_json::from_str(include_str!("../e2e/versions.json")).expect("a list of versions");
    versions.sort_by_key(Version::of);
    let mut table = String::from("| Kubernetes | scenarios of `make e2e` |\n|---|---|\n");
    for Version { version, scenarios } in &versions {
        writeln!(table, "| {version} | {scenarios} |").expect("a String takes every text");
    }
    assert_block("versions", &table);
    let (oldest, _) = versions.first().expect("at least one").of();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, claim) in [
        ("README.md", format!("Kubernetes 1.{oldest} or later")),
        (
            "charts/stsidecar/README.md",
            format!("Kubernetes 1.{oldest} or newer"),
        ),
        (
            "charts/stsidecar/Chart.yaml",
            format!("kubeVersion: \">=1.{oldest}.0-0\""),
        ),
    ] {
        let text = fs::read_to_string(root.join(file)).expect("a file of the repository");
        assert!(
            text.contains(&claim),
            "{file} should say {claim:?}, the oldest version that is run"
        );
    }
}
