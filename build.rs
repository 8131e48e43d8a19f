//! Tells the program which commit and compiler it was built from: `unknown`
//! where git is not at hand.
//!
//! `STSIDECAR_COMMIT` wins, for builds from a source tree without its history, such as an image's.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=STSIDECAR_COMMIT");
    let given = std::env::var_os("STSIDECAR_COMMIT").and_then(|commit| commit.into_string().ok());
    let commit = given
        .filter(|commit| !commit.trim().is_empty())
        .or_else(commit);
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = output(Command::new(compiler).arg("--version"));
    let rustc = rustc
        .as_deref()
        .and_then(|line| line.split_whitespace().nth(1));
    println!(
        "cargo::rustc-env=STSIDECAR_BUILD_COMMIT={}",
        commit.as_deref().map_or("unknown", str::trim)
    );
    println!(
        "cargo::rustc-env=STSIDECAR_BUILD_RUSTC={}",
        rustc.unwrap_or("unknown")
    );
}

/// The commit of this repository, not of one that merely holds an unpacked copy of the sources.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| output(Command::new("git").args(arguments));
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()?
        != Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().ok()?
    {
        return None;
    }
    // Every commit and checkout appends to this file; HEAD itself only names a branch.
    if let Some(log) =
        git(&["rev-parse", "--git-path", "logs/HEAD"]).filter(|log| Path::new(log).exists())
    {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn output(command: &mut Command) -> Option<String> {
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
