//! Why a configuration is refused: always the key, flag or variable, the value, and what is
//! allowed.
//!
//! Owns the wording's shape and keeps secrets out of it. Every error here ends the process with
//! exit code 78.

use std::fmt;
use std::path::PathBuf;

use crate::assume::NotAccepted;
use crate::redact;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that its setting does not take.
    #[error("{origin}: {problem}")]
    Value {
        /// The flag, variable or key it came from.
        origin: String,
        /// The value, and what would be.
        problem: NotAccepted,
    },
    /// A setting that is missing, superfluous, or in conflict with another.
    #[error("{origin}: {problem}")]
    Setting {
        /// The flag, variable or key.
        origin: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("{origin}: cannot read {}: {source}", redact::value(&path.display().to_string()))]
    Unreadable {
        /// Who named it.
        origin: String,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl Error {
    /// The exit code of a bad configuration (`EX_CONFIG` of sysexits.h).
    pub const EXIT_CODE: u8 = 78;

    pub(crate) fn value(
        origin: impl fmt::Display,
        value: &str,
        allowed: impl fmt::Display,
    ) -> Self {
        Self::not_accepted(origin, NotAccepted::value(value, allowed))
    }

    /// Of a value that is meant to be a URL, which can hold a secret wherever it breaks.
    pub(crate) fn url(origin: impl fmt::Display, value: &str, allowed: impl fmt::Display) -> Self {
        Self::not_accepted(origin, NotAccepted::url(value, allowed))
    }

    pub(crate) fn not_accepted(origin: impl fmt::Display, problem: NotAccepted) -> Self {
        Self::Value {
            origin: key(origin),
            problem,
        }
    }

    pub(crate) fn setting(origin: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self::Setting {
            origin: key(origin),
            problem: problem.to_string(),
        }
    }
}

/// Names of profiles and tags are parts of a key's path, and can be anything.
fn key(origin: impl fmt::Display) -> String {
    redact::value(&origin.to_string())
}
