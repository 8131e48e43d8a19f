//! Why a configuration is refused: always the key, flag or variable, the value, and what is allowed.
//!
//! Owns the wording's shape and keeps secrets out of it. Every error here ends the process with exit code 78.

use std::fmt;
use std::path::PathBuf;

use crate::shown;

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that its setting does not take.
    #[error("{origin}: {} is not accepted: {allowed}", Shown(value))]
    Value {
        /// The flag, variable or key it came from.
        origin: String,
        /// As it may be shown: [`shown::value`].
        value: String,
        /// What would be.
        allowed: String,
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
    #[error("{origin}: cannot read {}: {source}", shown::value(&path.display().to_string()))]
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
        Self::Value {
            origin: key(origin),
            value: shown::value(value),
            allowed: allowed.to_string(),
        }
    }

    /// Of a value that is meant to be a URL, which can hold a secret wherever it breaks.
    pub(crate) fn url(origin: impl fmt::Display, value: &str, allowed: impl fmt::Display) -> Self {
        Self::Value {
            origin: key(origin),
            value: shown::url(value),
            allowed: allowed.to_string(),
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
    shown::value(&origin.to_string())
}

/// The longest part of a value that an error repeats.
const LONGEST_SHOWN: usize = 200;

/// A value in quotes on one line, cut.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut: String = self.0.chars().take(LONGEST_SHOWN).collect();
        let dots = if cut.len() < self.0.len() { "..." } else { "" };
        write!(formatter, "{cut:?}{dots}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_on_one_line_cut_and_without_passwords() {
        let shown = |value: &str| Error::value("KEY", value, "better").to_string();
        assert_eq!(shown("a\nb"), r#"KEY: "a\nb" is not accepted: better"#);
        assert_eq!(
            shown("http://me:canary@host/x"),
            r#"KEY: "http://[redacted]@host/x" is not accepted: better"#
        );
        assert_eq!(
            shown("me:canary@host"),
            r#"KEY: "[redacted]@host" is not accepted: better"#
        );
        assert!(shown(&"x".repeat(5000)).len() < 300);
    }
}
