//! How long a session is asked for: `DurationSeconds`.
//!
//! Owns the limits, of a role's session and of a user's. What a role allows is the server's to say; how `longest`
//! finds it out is `session`'s.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Error;

/// How long STS allows at most for a hop that is assumed with a role session's credentials
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining>).
pub const ROLE_CHAINING_LIMIT: Duration = Duration::from_hours(1);

const NOT_OF_A_ROLE: Error =
    Error("a session lasts 15m to 12h (900 to 43200 seconds), in whole seconds");

/// `DurationSeconds`: 900 to 43,200 for a role, to 129,600 for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// STS's own default for a role, and what every role allows.
    pub const HOUR: Self = Self(3600);
    /// The longest a role can allow; STS's own default for a user.
    pub const LONGEST: Self = Self(43_200);
    /// The longest of a user.
    const LONGEST_OF_USER: u32 = 129_600;

    /// Reads `1h`, `90m`, `3600s`, for a role.
    ///
    /// # Errors
    /// When it is not a duration of whole seconds between 15 minutes and 12 hours.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text, Self::LONGEST.0).ok_or(NOT_OF_A_ROLE)
    }

    /// Takes a duration, for a role.
    ///
    /// # Errors
    /// When it is not whole seconds between 15 minutes and 12 hours.
    pub fn from_duration(duration: Duration) -> Result<Self, Error> {
        Self::within(duration, Self::LONGEST.0).ok_or(NOT_OF_A_ROLE)
    }

    fn read(text: &str, longest: u32) -> Option<Self> {
        Self::within(humantime::parse_duration(text.trim()).ok()?, longest)
    }

    fn within(duration: Duration, longest: u32) -> Option<Self> {
        let seconds = u32::try_from(duration.as_secs()).ok()?;
        (duration.subsec_nanos() == 0 && (900..=longest).contains(&seconds))
            .then_some(Self(seconds))
    }

    /// What `longest` tries, the longest first.
    pub fn steps() -> impl Iterator<Item = Self> {
        [12, 6, 4, 2, 1].into_iter().map(|hours| Self(hours * 3600))
    }

    /// The value on the wire.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SessionDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(Duration::from_secs(self.0.into())).fmt(formatter)
    }
}

/// The duration of `GetSessionToken` and `GetFederationToken`: 15 minutes to 36 hours, 12 hours by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserDuration(SessionDuration);

impl UserDuration {
    /// Reads `1h`, `90m`, `3600s`.
    ///
    /// # Errors
    /// When it is not a duration of whole seconds between 15 minutes and 36 hours.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let allowed =
            Error("a session of a user lasts 15m to 36h (900 to 129600 seconds), in whole seconds");
        let read = SessionDuration::read(text, SessionDuration::LONGEST_OF_USER);
        read.map(Self).ok_or(allowed)
    }

    /// The duration itself.
    #[must_use]
    pub fn get(self) -> SessionDuration {
        self.0
    }
}

from_text_or_default!(UserDuration, Self::parse);

impl Default for UserDuration {
    fn default() -> Self {
        Self(SessionDuration::LONGEST)
    }
}

impl Serialize for UserDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The session duration of a role as configured; an hour by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationSetting {
    /// Always this long.
    Fixed(SessionDuration),
    /// 1 h at first, later whatever the role allows, up to 12 h.
    Longest,
}

impl DurationSetting {
    /// What every role allows.
    pub const HOUR: Self = Self::Fixed(SessionDuration::HOUR);

    /// Reads `1h`, or `longest`.
    ///
    /// # Errors
    /// When it is neither `longest` nor a duration that a role can allow.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text == "longest" {
            return Ok(Self::Longest);
        }
        let fixed = SessionDuration::parse(text).map(Self::Fixed);
        fixed.map_err(|_| {
            let was_possible = SessionDuration::read(text, SessionDuration::LONGEST_OF_USER);
            Error(if was_possible.is_some() {
                "a session lasts 15m to 12h (900 to 43200 seconds), in whole seconds, written as 1h, 90m or 3600s, or longest; up to 36h were possible for a token's session under STS's first limits and are no longer"
            } else {
                "a session lasts 15m to 12h (900 to 43200 seconds), in whole seconds, written as 1h, 90m or 3600s, or longest"
            })
        })
    }
}

from_text_or_default!(DurationSetting, Self::parse);

impl Default for DurationSetting {
    fn default() -> Self {
        Self::HOUR
    }
}

impl fmt::Display for DurationSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(duration) => duration.fmt(formatter),
            Self::Longest => formatter.write_str("longest"),
        }
    }
}

impl Serialize for DurationSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
