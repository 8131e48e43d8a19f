//! The process's registry, on which every stage registers its series.
//!
//! Owns build information and the process's own series. The registry is handed down as an argument; nothing
//! uses a global one. `agent` makes it, `admin/metrics.rs` renders it.

use prometheus::process_collector::ProcessCollector;
use prometheus::{IntGaugeVec, Opts};
pub use prometheus::{Error as RegistrationError, Registry};

/// What `stsidecar_build_info` and `--version` say of this build.
#[derive(Clone, Copy, Debug)]
pub struct Build {
    /// The package's version.
    pub version: &'static str,
    /// The commit it was built from.
    pub revision: &'static str,
    /// The compiler.
    pub rustc: &'static str,
}

/// A registry with build information and the process's series on it.
///
/// # Errors
/// Never in practice: a fresh registry knows no name yet.
pub fn registry(build: Build) -> Result<Registry, RegistrationError> {
    let registry = Registry::new();
    let info = IntGaugeVec::new(
        Opts::new("stsidecar_build_info", "1, with what was built"),
        &["version", "revision", "rustc"],
    )?;
    info.with_label_values(&[build.version, build.revision, build.rustc]).set(1);
    registry.register(Box::new(info))?;
    registry.register(Box::new(ProcessCollector::for_self()))?;
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_and_process_are_registered() {
        let build = Build { version: "1.2.3", revision: "abc", rustc: "1.95.0" };
        let families = registry(build).expect("a fresh registry").gather();
        let text = prometheus::TextEncoder::new().encode_to_string(&families).expect("text");
        assert!(
            text.contains(r#"stsidecar_build_info{revision="abc",rustc="1.95.0",version="1.2.3"} 1"#),
            "{text}"
        );
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
