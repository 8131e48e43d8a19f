//! How long one attempt at an exchange may take: a setting of the agent, and of what the injector
//! adds.
//!
//! Owns the range and the default. `sts` enforces it from the name look-up to the last byte of the
//! answer.

use std::fmt;
use std::time::Duration;

/// The longest attempt.
///
/// Credentials are refreshed long before they end, so an attempt that lasts delays no client; the
/// next one begins only when it is over. 30 s is the longest, so that a connection that died costs
/// no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptTimeout(Duration);

/// Why a text is not the time of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a duration from 1s to 30s, such as 3s")]
pub struct NotATimeout;

impl AttemptTimeout {
    /// Reads `3s` or `2500ms`.
    ///
    /// # Errors
    /// When it is not a duration between 1 and 30 seconds.
    pub fn parse(text: &str) -> Result<Self, NotATimeout> {
        let read = humantime::parse_duration(text.trim()).map_err(|_| NotATimeout)?;
        let is_allowed = (Duration::from_secs(1)..=Duration::from_secs(30)).contains(&read);
        if is_allowed {
            Ok(Self(read))
        } else {
            Err(NotATimeout)
        }
    }

    /// The time itself.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Default for AttemptTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(3))
    }
}

impl fmt::Display for AttemptTimeout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}
