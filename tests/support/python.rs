//! Cases that are Python programs, because what they judge with is.
//!
//! Each prints a line for each case and ends by itself. Here only its exit code is judged. Where
//! there is no Python the tier says that it did not run, which is a failure with `ALL_TIERS=1`.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// Runs `program` of `tests/` with the binary under test; its output goes past libtest, so that
/// each line is seen when it is printed.
pub(crate) fn passes(program: &str, arguments: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let outcome = Command::new("python3")
        .arg(root.join("tests").join(program))
        .args(arguments)
        .env("STSIDECAR_BIN", env!("CARGO_BIN_EXE_stsidecar"))
        .env("CARGO_TARGET_DIR", target.expect("it is below the build's"))
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
