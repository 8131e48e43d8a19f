//! Whether admission reviews can arrive, in one line for `/readyz`.
//!
//! Owns the judgement about what the driver knows after a look, and its wording. It looks at
//! nothing itself. Called by the driver.

use super::keeper::Known;
use super::plan::PROPAGATION;
use super::serving::{Readiness, Trust};
use crate::time::Wall;

impl Known {
    /// For a webhook that is called by `name`, by what the object `configuration` says.
    pub(super) fn readiness(&self, name: &str, configuration: &str, now: Wall) -> Readiness {
        let Some(served) = &self.served else {
            let reason = format!("no certificate yet: {}", self.problems);
            return Readiness {
                reason,
                ..Readiness::default()
            };
        };
        // Other replicas serve what is trusted besides, until this one is known to be reached
        // through every API server.
        let at_once = self.was_ready || self.sightings.is_alone(served, name, now);
        let trust = self.sightings.trust(served, name, now);
        let is_valid = served.life.includes(now);
        let is_known = matches!(trust, Trust::Since(seen) if at_once || seen >= PROPAGATION);
        let how = match trust {
            _ if !is_valid => "is not valid now".to_owned(),
            Trust::Since(_) if is_known => "is trusted by caBundle".to_owned(),
            Trust::Since(_) => format!(
                "is trusted by caBundle, which every API server knows {} s after the change",
                PROPAGATION.as_secs()
            ),
            Trust::None => format!("is not trusted by caBundle of {configuration}"),
            Trust::Unknown => format!("caBundle of {configuration} was not read yet"),
        };
        let ends = served.life.not_after;
        let mut reason = format!("certificate until {} {how}", ends.rfc3339());
        if !self.problems.is_empty() {
            reason = format!("{reason}; {}", self.problems);
        }
        Readiness {
            ready: is_valid && is_known,
            reason,
            ends: Some(ends),
        }
    }
}
