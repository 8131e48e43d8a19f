//! The real binary among real things: SeaweedFS and MinIO as STS and S3, the SDKs as they are published, the demo.
//!
//! The cases are Python programs in `tests/real` and `tests/demo`, because what they start is (boto3, SeaweedFS'
//! wheel, the JavaScript SDKs behind Node.js). Each prints one line per case, ends by itself in a bounded time and
//! kills what it started; here only its exit code is judged. What it needs, it installs into `target/tools`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The machine has few processors: load on a second server would only make the other test's timings worse.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs a program of this directory with the binary under test; its output goes past libtest, so that the
/// lines of its cases are seen as they come.
fn passes(program: &str, arguments: &[&str]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outcome = Command::new("python3")
        .arg(root.join("tests").join(program))
        .args(arguments)
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
            "tests/{program} {} ended with {status}",
            arguments.join(" ")
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let all_tiers = std::env::var_os("ALL_TIERS").is_some_and(|value| value == "1");
            assert!(
                !all_tiers,
                "python3 is needed: apt install python3 python3-venv"
            );
            println!("not run: tests/{program}: there is no python3");
        }
        Err(error) => panic!("cannot start python3: {error}"),
    }
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
