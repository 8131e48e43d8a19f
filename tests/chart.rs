//! The Helm chart, the alerts and dashboard in it, and `deploy/`, judged by the tools that users run: Helm 3 and 4,
//! Kubernetes' own schemas, promtool, kubectl's kustomize.
//!
//! The cases are Python programs in `tests/chart`, because the validators are. Each prints one line per case; here
//! only the exit code is judged. `UPDATE=1 cargo test --test chart` writes goldens, the chart's README and
//! `deploy/stsidecar.yaml` anew, for review.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// Runs a group of cases; its output goes past libtest, so that the lines are seen as they come.
fn passes(group: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outcome = Command::new("python3")
        .arg(root.join("tests/chart/run.py"))
        .arg(group)
        .env("STSIDECAR_BIN", env!("CARGO_BIN_EXE_stsidecar"))
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR"))
                .parent()
                .expect("it is below the build's"),
        )
        .status();
    match outcome {
        Ok(status) => assert!(
            status.success(),
            "tests/chart/run.py {group} ended with {status}"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let all_tiers = std::env::var_os("ALL_TIERS").is_some_and(|value| value == "1");
            assert!(
                !all_tiers,
                "python3 is needed: apt install python3 python3-venv"
            );
            println!("not run: tests/chart/run.py {group}: there is no python3");
        }
        Err(error) => panic!("cannot start python3: {error}"),
    }
}

#[test]
fn helm_renders_what_was_reviewed_and_kubernetes_accepts_it() {
    passes("chart");
}

#[test]
fn alerts_fire_and_dashboard_queries_answer() {
    passes("monitoring");
}

#[test]
fn plain_manifests_examples_and_guides_hold_what_they_say() {
    passes("deploy");
}
