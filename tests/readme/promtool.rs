//! promtool's lint of every metric.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::metrics::scrapes;

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
    for metrics in scrapes() {
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
