//! Which build this is: shown by `--version`, `/status` and the metric `stsidecar_build_info`.
//!
//! Owns the three names; `build.rs` finds the last two out.

/// The released version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The first twelve digits of the commit, or `unknown`.
pub const COMMIT: &str = env!("STSIDECAR_BUILD_COMMIT");
/// The compiler's version, or `unknown`.
pub const RUSTC: &str = env!("STSIDECAR_BUILD_RUSTC");
/// All three, for people.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (commit ",
    env!("STSIDECAR_BUILD_COMMIT"),
    ", rustc ",
    env!("STSIDECAR_BUILD_RUSTC"),
    ")"
);
