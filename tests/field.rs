//! `stsidecar inject` over what public projects ship in packages of the registries: every file is
//! read, and nothing but ours is changed.
//!
//! The run is a Python program, because the judge is: another parser of YAML, with tables of its
//! own. It prints one line for each project; here only the exit code is judged.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

#[test]
fn manifests_of_public_projects_are_read_and_only_ours_is_added() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let outcome = Command::new("python3")
        .arg(root.join("tests/field/run.py"))
        .env("STSIDECAR_BIN", env!("CARGO_BIN_EXE_stsidecar"))
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR"))
                .parent()
                .expect("it is below the build's"),
        )
        .status();
    match outcome {
        Ok(status) => assert!(status.success(), "tests/field/run.py ended with {status}"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let all_tiers = std::env::var_os("ALL_TIERS").is_some_and(|value| value == "1");
            assert!(
                !all_tiers,
                "python3 is needed: apt install python3 python3-venv"
            );
            println!("not run: tests/field/run.py: there is no python3");
        }
        Err(error) => panic!("cannot start python3: {error}"),
    }
}
