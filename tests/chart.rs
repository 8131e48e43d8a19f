//! The Helm chart, the alerts and dashboard in it, and `deploy/`, judged by the tools that users
//! run: Helm 3 and 4, Kubernetes' own schemas, promtool, kubectl's kustomize.
//!
//! The cases are Python programs in `tests/chart`, because the validators are. Each prints one line
//! per case; here only the exit code is judged. `UPDATE=1 cargo test --test chart` writes goldens,
//! the chart's README and `deploy/stsidecar.yaml` anew, for review.

#[path = "support/python.rs"]
mod python;

#[test]
fn helm_renders_what_was_reviewed_and_kubernetes_accepts_it() {
    python::passes("chart/run.py", &["chart"]);
}

#[test]
fn alerts_fire_and_dashboard_queries_answer() {
    python::passes("chart/run.py", &["monitoring"]);
}

#[test]
fn plain_manifests_examples_and_guides_hold_what_they_say() {
    python::passes("chart/run.py", &["deploy"]);
}
