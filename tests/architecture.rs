//! Holds the structure that ARCHITECTURE.md draws: layers import downwards only, each foreign crate has its
//! one place, files stay short, and every module says what it owns.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The top-level modules in layer order; a file's layer is its module's, except for those in [`LAYER_OF_FILE`].
const LAYERS: [(&str, &[&str]); 8] = [
    (
        "values",
        &[
            "assume",
            "credentials",
            "failure",
            "identity",
            "incident",
            "logging",
            "material",
            "report",
            "role",
            "saml",
            "shared_credentials",
            "shown",
            "spelling",
            "text",
            "time",
            "token",
            "totp",
            "url",
            "version",
        ],
    ),
    ("decisions", &["inject", "response", "session"]),
    (
        "effects",
        &[
            "authorization",
            "cache",
            "clock",
            "process",
            "rotated_file",
            "state",
            "sts",
        ],
    ),
    ("driver", &["refresher"]),
    ("surfaces", &["admin", "endpoint", "http"]),
    (
        "composition",
        &[
            "agent",
            "config",
            "injector",
            "metrics",
            "shutdown",
            "telemetry",
        ],
    ),
    ("command line", &["cli"]),
    ("programs", &["bin", "lib"]),
];

/// Pure files that live beside the surface they decide for.
const LAYER_OF_FILE: [(&str, &str); 1] = [("endpoint/guard.rs", "decisions")];

/// Layers whose modules may import each other; elsewhere siblings are strangers.
const SIBLINGS: [&str; 5] = [
    "values",
    "decisions",
    "surfaces",
    "composition",
    "command line",
];

/// A foreign crate and the only places that may name it; unit tests in files of their own may look anywhere.
const ONE_PLACE: [(&str, &[&str]); 5] = [
    ("aws_sdk_sts", &["sts/client.rs", "sts/client/"]),
    ("inotify", &["rotated_file/watches.rs"]),
    ("clap", &["cli.rs", "cli/"]),
    ("prometheus", &["metrics.rs"]),
    ("kube", &["injector.rs", "injector/"]),
];

const LONGEST_FILE: usize = 300;

/// Longer than that since lines have 100 columns, and to be split.
const STILL_LONG: &[&str] = &[
    "admin.rs",
    "admin/tests.rs",
    "agent.rs",
    "agent/surfaces.rs",
    "cli/check/token.rs",
    "cli/inject.rs",
    "cli/inject/tree.rs",
    "cli/tests.rs",
    "clock/timer.rs",
    "config/profile/keys.rs",
    "config/tests.rs",
    "endpoint/guard.rs",
    "endpoint/guard/tests.rs",
    "failure/hint.rs",
    "failure/line.rs",
    "http/connection.rs",
    "http/tests.rs",
    "inject.rs",
    "inject/pod.rs",
    "inject/settings.rs",
    "injector.rs",
    "injector/body.rs",
    "injector/certificates/keeper.rs",
    "injector/events.rs",
    "injector/webhook.rs",
    "refresher.rs",
    "refresher/tests.rs",
    "saml/tests.rs",
    "session/tests.rs",
    "sts/client/cognito.rs",
    "sts/connector/trust.rs",
    "sts/error_document/tests.rs",
    "sts/reply/tests.rs",
    "token.rs",
];

fn sources() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(&root)
                    .expect("below src")
                    .display()
                    .to_string();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    assert!(
        found.len() > 20,
        "the sources are not where this test looks"
    );
    found
}

fn is_test(file: &str) -> bool {
    file.ends_with("tests.rs") || file.contains("tests/")
}

/// The lines that are code; comments may name what they like.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn top_module(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or(file)
}

fn layer_of_module(module: &str) -> Option<usize> {
    LAYERS
        .iter()
        .position(|(_, modules)| modules.contains(&module))
}

fn layer_of_file(file: &str) -> usize {
    match LAYER_OF_FILE.iter().find(|(path, _)| *path == file) {
        Some((_, layer)) => LAYERS
            .iter()
            .position(|(name, _)| name == layer)
            .expect("a layer"),
        None => layer_of_module(top_module(file)).unwrap_or_else(|| {
            panic!("src/{file}: its module stands in no layer; add it to LAYERS")
        }),
    }
}

/// Every module that the code of a file names as `crate::module` or `crate::{module, ...}`.
fn imports(text: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let mut modules = Vec::new();
    for rest in code(text).split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => modules.extend(
                group
                    .split('}')
                    .next()
                    .unwrap_or_default()
                    .split(',')
                    .map(word),
            ),
            None => modules.push(word(rest)),
        }
    }
    modules.retain(|module| layer_of_module(module).is_some());
    modules
}

#[test]
fn layers_import_downwards_only() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let (own, own_layer) = (top_module(&file).to_owned(), layer_of_file(&file));
        for module in imports(&text).into_iter().filter(|module| *module != own) {
            let layer = layer_of_module(&module).expect("retained above");
            let stranger = layer == own_layer && !SIBLINGS.contains(&LAYERS[layer].0);
            if layer > own_layer || stranger {
                wrong.push(format!(
                    "src/{file} ({}) imports {module} ({})",
                    LAYERS[own_layer].0, LAYERS[layer].0
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "imports that point up or sideways:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn surfaces_never_reach_the_driver_or_its_means() {
    for (file, text) in sources() {
        if layer_of_file(&file) == layer_of_module("endpoint").expect("a layer") {
            for module in imports(&text) {
                assert!(
                    !["sts", "refresher", "rotated_file", "state"].contains(&&*module),
                    "src/{file}: {module}"
                );
            }
            assert!(
                !code(&text).contains("Publisher") || is_test(&file),
                "src/{file}: a surface only reads what the refresher publishes"
            );
        }
    }
}

#[test]
fn each_foreign_crate_has_its_one_place() {
    for (file, text) in sources().into_iter().filter(|(file, _)| !is_test(file)) {
        let code = code(&text);
        for (name, places) in ONE_PLACE {
            let named = code.lines().any(|line| {
                let path =
                    line.contains(&format!("{name}::")) && !line.contains(&format!("_{name}::"));
                path && !line.contains(&format!("::{name}::"))
                    || line.contains(&format!("use {name}::"))
            });
            let allowed = places
                .iter()
                .any(|place| file.starts_with(place) || file.ends_with(place));
            assert!(
                !named || allowed,
                "src/{file} names {name}, which belongs to {places:?}"
            );
        }
    }
}

#[test]
fn every_file_is_short_and_opens_with_what_it_owns() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= LONGEST_FILE || STILL_LONG.contains(&file.as_str()),
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
        let least = if is_test(&file) || file.starts_with("bin/") {
            1
        } else {
            3
        };
        assert!(
            header >= least,
            "src/{file}: its header has {header} lines; say what it owns and what it never does"
        );
    }
}

/// The files of `src` that a paragraph of ARCHITECTURE.md names, and the paragraph; it says how many there are.
fn files_named(beginning: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md"))
        .expect("a document");
    let paragraph = text
        .split(&format!("\n{beginning} "))
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("a paragraph");
    let is_source = |name: &&str| {
        Path::new(name).extension().is_some_and(|kind| kind == "rs") && !name.starts_with("tests/")
    };
    let quoted = paragraph.split('`').skip(1).step_by(2).filter(is_source);
    let mut files: Vec<String> = quoted.map(str::to_owned).collect();
    files.sort();
    assert!(
        paragraph.contains(&format!("{} files", files.len())),
        "{paragraph:?}"
    );
    files
}

/// The files of `src` whose code names something.
fn files_that_name(what: &str) -> Vec<String> {
    let sources = sources();
    let named = sources
        .iter()
        .filter(|(file, text)| !is_test(file) && code(text).contains(what));
    named.map(|(file, _)| file.clone()).collect()
}

/// The worked example of a source is SAML, the largest one: every file that names it.
#[test]
fn a_source_is_known_to_the_documented_files_only() {
    let mut found = files_that_name("Saml");
    // The file's form is named for what it holds.
    found.push("material.rs".to_owned());
    found.sort();
    assert_eq!(files_named("Where later work goes:"), found);
}

#[test]
fn a_parameter_is_known_to_the_documented_files_only() {
    assert_eq!(
        files_named("A parameter more touches"),
        files_that_name("external_id")
    );
}

/// The tests' own sources below `tests`, by path.
fn tests_sources(endings: &[&str]) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if endings
                .iter()
                .any(|ending| path.to_string_lossy().ends_with(ending))
            {
                let name = path
                    .strip_prefix(&root)
                    .expect("below tests")
                    .display()
                    .to_string();
                found.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found.remove("architecture.rs");
    found
}

/// A folder above the checkout may be closed to others (a home, `mktemp -d`), and the build may be elsewhere
/// (`CARGO_TARGET_DIR`): one file of the tests knows each.
#[test]
fn tests_assume_no_place_of_the_checkout_or_of_the_build() {
    let places = [
        "support/other_user.rs",
        "real/bootstrap.py",
        "tools/install",
    ];
    let mut wrong = Vec::new();
    for (file, text) in tests_sources(&[".rs", ".py", ".cjs", "/install"]) {
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
        {
            let other_user =
                line.contains("--reuid") || line.contains(".uid(") && !line.contains(".uid()");
            let build = line.contains("\"target/") || line.contains("/ \"target\"");
            if (other_user || build) && !places.contains(&file.as_str()) {
                wrong.push(format!("tests/{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these start a program as another user, or look for the build, by themselves:\n{}",
        wrong.join("\n")
    );
}

/// Every crate of the agent multiplies what an operator must trust; h2 is there as the SDK's client only.
const MOST_CRATES: usize = 185;

#[test]
fn the_agent_stays_small_in_what_it_links() {
    let tree = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--no-default-features",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8(tree.stdout).expect("text");
    let crates: std::collections::BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    assert!(
        crates.len() <= MOST_CRATES,
        "{} crates; the agent is allowed {MOST_CRATES}",
        crates.len()
    );
    for banned in [
        "kube",
        "k8s-openapi",
        "rcgen",
        "openssl",
        "aws-lc-rs",
        "aws-config",
        "chrono",
    ] {
        let found = crates
            .iter()
            .find(|line| line.split(' ').next() == Some(banned));
        assert!(found.is_none(), "the agent links {banned}");
    }
    for (file, text) in sources() {
        let code = code(&text);
        assert!(
            !code.contains("server::conn::http2") && !code.contains("server::conn::auto"),
            "src/{file} serves HTTP/2"
        );
    }
}
