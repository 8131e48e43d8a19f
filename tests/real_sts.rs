//! The real binary among real things: SeaweedFS and MinIO as STS and S3, the SDKs as they are
//! published, the demo.
//!
//! The cases are Python programs in `tests/real` and `tests/demo`, because what they start is
//! (boto3, SeaweedFS' wheel, the JavaScript SDKs behind Node.js). Each prints one line per case,
//! ends by itself in a bounded time and kills what it started; here only its exit code is judged.
//! What it needs, it installs into `target/tools`.

#[path = "support/python.rs"]
mod python;

use std::sync::{Mutex, PoisonError};

/// The machine has few processors: load on a second server would only make the
/// other test's timings worse.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn passes(program: &str, arguments: &[&str]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    python::passes(program, arguments);
}

#[test]
fn a_real_sts_and_s3_accept_what_they_should_and_name_what_they_refuse() {
    passes("real/run.py", &["sts"]);
}

#[test]
fn a_second_real_sts_and_s3_by_others_does_too() {
    passes("real/run.py", &["minio"]);
}

#[test]
fn unmodified_sdks_work_through_renewals_under_load() {
    passes("real/run.py", &["sdks"]);
}

#[test]
fn the_demo_keeps_its_promises() {
    passes("demo/demo.py", &[]);
}

#[test]
fn the_table_of_what_beats_the_endpoint_is_of_the_pinned_clients() {
    passes("real/takeover/table.py", &["--check"]);
}
