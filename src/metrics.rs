//! The process's registry, on which every stage registers its series.
//!
//! Owns build information and the process's own series. The registry is handed down as an argument;
//! nothing uses a global one. `agent` makes it, `admin/metrics.rs` renders it.

use prometheus::process_collector::ProcessCollector;
pub use prometheus::{Error as RegistrationError, Registry};
use prometheus::{IntGaugeVec, Opts};

use crate::version;

/// A registry with build information and the process's series on it.
///
/// # Errors
/// Never in practice: a fresh registry knows no name yet.
pub fn registry() -> Result<Registry, RegistrationError> {
    let registry = Registry::new();
    let info = IntGaugeVec::new(
        Opts::new("stsidecar_build_info", "1, with what was built"),
        &["version", "revision", "rustc"],
    )?;
    info.with_label_values(&[version::VERSION, version::COMMIT, version::RUSTC])
        .set(1);
    registry.register(Box::new(info))?;
    registry.register(Box::new(ProcessCollector::for_self()))?;
    Ok(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_and_process_are_registered() {
        let families = registry().expect("a fresh registry").gather();
        let text = prometheus::TextEncoder::new()
            .encode_to_string(&families)
            .expect("text");
        assert!(
            text.contains("stsidecar_build_info{")
                && text.contains(&format!("version=\"{}\"", version::VERSION)),
            "{text}"
        );
        assert!(text.contains("process_resident_memory_bytes"), "{text}");
    }
}
