//! README.md's tables against the programs: settings from the table of settings, metrics from registries with
//! every stage on them. `UPDATE=1 cargo test --test readme` writes them anew, for review.
//!
//! The versions of Kubernetes are those that the cluster's tests run, and the oldest of them is what the chart asks for.
//!
//! Also what must hold for every metric: a help text, all series there from the start, and promtool's lint.

#![allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Registry, TextEncoder};
use stsidecar::assume::{Profile, ProfileName, Role, Step, WebIdentity};
use stsidecar::config::{SETTINGS, Setting};
use stsidecar::role::RoleArn;
use stsidecar::{admin, endpoint, metrics, refresher, rotated_file, telemetry};

/// The most series with one profile; each costs every scrape of every pod.
const MOST_SERIES: usize = 60;

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
        serde_json::from_str(include_str!("e2e/versions.json")).expect("a list of versions");
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

fn profile(hops: usize) -> Profile {
    let role_arn = RoleArn::parse("arn:aws:iam::111122223333:role/app").expect("a role");
    let source = Step::WebIdentity(WebIdentity {
        role_arn: Some(role_arn.clone()),
        ..WebIdentity::new("/token")
    });
    let hop = Step::Role(Role::new(role_arn));
    let steps = std::iter::once(source)
        .chain(std::iter::repeat_n(hop, hops))
        .map(Arc::new)
        .collect();
    Profile {
        name: ProfileName::parse("default").expect("a name"),
        steps,
    }
}

/// A registry as the agent's is before the first exchange.
fn registry(profile: &Profile) -> Registry {
    let registry = metrics::registry().expect("a fresh registry");
    let registered = "no name is registered twice";
    let _ = refresher::metrics::Metrics::register(&registry)
        .expect(registered)
        .profile(profile);
    let _ = rotated_file::metrics::Metrics::register(&registry)
        .expect(registered)
        .profile(profile.name.as_str());
    let _ = rotated_file::metrics::Reloads::of_ca_bundle(&registry).expect(registered);
    endpoint::metrics::Metrics::register(&registry).expect(registered);
    admin::metrics::Metrics::register(&registry, ["default"]).expect(registered);
    telemetry::Dropped::default()
        .register(&registry)
        .expect(registered);
    registry
}

/// The injector's own families, before the first review.
#[cfg(feature = "injector")]
fn injector() -> Registry {
    use stsidecar::injector;
    let registry = Registry::new();
    let registered = "no name is registered twice";
    let _ = injector::metrics::Metrics::register(&registry).expect(registered);
    let _ = injector::metrics::Ready::register(&registry).expect(registered);
    let _ = injector::certificates::Metrics::register(&registry).expect(registered);
    let _ = injector::registration::metrics::Metrics::register(&registry).expect(registered);
    telemetry::Dropped::default()
        .register(&registry)
        .expect(registered);
    registry
}

#[cfg(feature = "injector")]
#[test]
fn the_injectors_metrics_are_those_of_the_program() {
    assert_block("injector metrics", &table(&injector()));
}

/// The families of our own; the Prometheus client documents `process_*`.
fn own(registry: &Registry) -> Vec<MetricFamily> {
    registry
        .gather()
        .into_iter()
        .filter(|family| !family.name().starts_with("process_"))
        .collect()
}

#[test]
fn the_metrics_are_those_of_the_program() {
    assert_block("metrics", &table(&registry(&profile(1))));
}

fn table(registry: &Registry) -> String {
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for family in own(registry) {
        let kind = format!("{:?}", family.get_field_type()).to_lowercase();
        writeln!(
            table,
            "| `{}` | {kind} | {} | {} |",
            family.name(),
            labels(&family),
            family.help().trim_end_matches('.')
        )
        .expect("a String takes every text");
    }
    table
}

/// Each label with its values, where those are the same in every pod.
fn labels(family: &MetricFamily) -> String {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pair in family
        .get_metric()
        .iter()
        .flat_map(prometheus::proto::Metric::get_label)
    {
        values.entry(pair.name()).or_default().insert(pair.value());
    }
    let is_open =
        |name: &str| ["client", "profile", "version", "revision", "rustc"].contains(&name);
    let shown = values.into_iter().map(|(name, values)| {
        let values: Vec<&str> = values
            .into_iter()
            .filter(|value| !value.is_empty())
            .collect();
        if is_open(name) {
            format!("`{name}`")
        } else {
            format!("`{name}`: {}", values.join(", "))
        }
    });
    shown.collect::<Vec<_>>().join("; ")
}

#[test]
fn every_metric_has_a_help_text_and_all_series_are_there_from_the_start() {
    let registry = registry(&profile(0));
    let families = own(&registry);
    #[cfg(feature = "injector")]
    let families = families.into_iter().chain(own(&injector()));
    for family in families {
        assert!(
            family.help().len() > 10 && !family.get_metric().is_empty(),
            "{}",
            family.name()
        );
        let counts = family
            .get_metric()
            .iter()
            .map(|metric| metric.get_counter().get_value())
            .sum::<f64>();
        assert!(
            family.get_field_type() != MetricType::COUNTER || counts == 0.0,
            "{} begins at 0",
            family.name()
        );
    }
    let text = text(&registry);
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series with one profile");
    assert!(
        series <= MOST_SERIES,
        "{series} series with one profile:\n{text}"
    );
}

fn text(registry: &Registry) -> String {
    TextEncoder::new()
        .encode_to_string(&registry.gather())
        .expect("every family has series")
}

#[test]
fn promtool_finds_nothing_to_complain_about() {
    let Some(promtool) = promtool() else {
        println!(
            "not run: promtool check metrics (no promtool in PROMTOOL, target/tools/promtool or PATH)"
        );
        assert!(
            std::env::var_os("ALL_TIERS").is_none_or(|all| all != "1"),
            "ALL_TIERS=1 needs promtool"
        );
        return;
    };
    let programs = [
        text(&registry(&profile(1))),
        #[cfg(feature = "injector")]
        text(&injector()),
    ];
    for metrics in programs {
        assert_lints(&promtool, &metrics);
    }
}

fn assert_lints(promtool: &Path, metrics: &str) {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(metrics.as_bytes()).expect("promtool reads");
    drop(input);
    let output = child.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(
        output.status.success() && said.trim().is_empty(),
        "promtool says:\n{said}"
    );
}

fn promtool() -> Option<PathBuf> {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("it is below the build's");
    let installed = build.join("tools/promtool/promtool");
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path)
        .map(|directory| directory.join("promtool"))
        .collect::<Vec<_>>();
    let named = std::env::var_os("PROMTOOL").map(PathBuf::from);
    named
        .into_iter()
        .chain([installed])
        .chain(on_path)
        .find(|path| path.is_file())
}
