//! What one check found: how grave it is, and what to do about it.
//!
//! A plain value, which the doctors of the agent and of the injector make and `cli` prints. It
//! judges nothing.

use serde::Serialize;

use crate::failure::safe_line;

/// The order is that of gravity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It works, but should be looked at.
    Warning,
    /// It does not work.
    Failure,
}

impl Severity {
    /// The word, also of the JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

/// One line: what was looked at, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub name: String,
    /// Whose it is; nothing of what concerns all profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// How grave it is.
    #[serde(rename = "result")]
    pub severity: Severity,
    /// What is seen, in one line.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Finding {
    /// Nothing to do.
    #[must_use]
    pub fn ok(name: &str, message: impl AsRef<str>) -> Self {
        Self::new(name, Severity::Ok, message.as_ref(), None)
    }

    /// Something to look at.
    #[must_use]
    pub fn warning(name: &str, message: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self::new(name, Severity::Warning, message.as_ref(), Some(fix.into()))
    }

    /// Something to correct.
    #[must_use]
    pub fn failure(name: &str, message: impl AsRef<str>, fix: impl Into<String>) -> Self {
        Self::new(name, Severity::Failure, message.as_ref(), Some(fix.into()))
    }

    /// Names and messages repeat texts from outside: claims, paths, what STS says.
    fn new(name: &str, severity: Severity, message: &str, fix: Option<String>) -> Self {
        Self {
            name: safe_line(name),
            profile: None,
            severity,
            message: safe_line(message),
            fix,
        }
    }

    /// The same, of a profile.
    #[must_use]
    pub fn of(self, profile: &str) -> Self {
        Self {
            profile: Some(profile.to_owned()),
            ..self
        }
    }

    /// The line as tests compare it.
    #[cfg(test)]
    pub(crate) fn line(&self) -> String {
        let fix = self
            .fix
            .as_deref()
            .map(|fix| format!("; fix: {fix}"))
            .unwrap_or_default();
        format!(
            "{} {}: {}{fix}",
            self.severity.word(),
            self.name,
            self.message
        )
    }
}
