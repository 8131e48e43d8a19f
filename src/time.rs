//! Instants as plain values: boot time for decisions, wall time for what people and STS read.
//!
//! Owns the arithmetic and the two text forms (RFC 3339 out, HTTP-date in). It never reads a clock:
//! `clock.rs` does, and hands a [`Now`] to what decides. Every operation saturates, because a wall
//! clock may be stepped to any value and must not panic anything.

use std::time::Duration;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant on the kernel's boot clock, which runs through suspend and is never set.
///
/// Expiry is kept in it, so a step of the wall clock changes no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boot(Duration);

impl Boot {
    /// The instant `since_boot` after boot.
    #[must_use]
    pub const fn from_duration(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// Time since boot.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// `duration` later, at most the end of time.
    #[must_use]
    pub const fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// `duration` earlier, at least the moment of boot.
    #[must_use]
    pub const fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

/// An instant of the wall clock, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wall(i64);

impl Wall {
    /// The instant `milliseconds` after the Unix epoch.
    #[must_use]
    pub const fn from_unix_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// The instant `seconds` after the Unix epoch.
    #[must_use]
    pub const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole seconds since the Unix epoch, rounded down: an `Expiration` handed out is never later
    /// than the true one.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_milliseconds(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let difference = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_millis(u64::try_from(difference.max(0)).unwrap_or(u64::MAX))
    }

    /// `duration` later, at most the end of time.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_milliseconds(duration)))
    }

    /// `duration` earlier, at least the beginning of time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_milliseconds(duration)))
    }

    /// The text every SDK reads (<https://www.rfc-editor.org/rfc/rfc3339#section-5.6>): UTC, whole
    /// seconds, a literal `Z`.
    ///
    /// Outside the years that RFC 3339 can write, the nearest instant that it can.
    #[must_use]
    pub fn rfc3339(self) -> String {
        const YEAR_0001: i64 = -62_135_596_800;
        const YEAR_9999: i64 = 253_402_300_799;
        DateTime::from_secs(self.unix_seconds().clamp(YEAR_0001, YEAR_9999))
            .fmt(Format::DateTime)
            .unwrap_or_default()
    }

    /// The instant of an HTTP `Date` header, or nothing when it is not one.
    #[must_use]
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let parsed = DateTime::from_str(text, Format::HttpDate).ok()?;
        parsed.to_millis().ok().map(Self)
    }

    /// The instant of an RFC 3339 text with a zone, or nothing when it is not one.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let parsed = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
        parsed.to_millis().ok().map(Self)
    }
}

/// As RFC 3339 says, for people.
impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| D::Error::custom("this is no RFC 3339 instant"))
    }
}

fn whole_milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// One reading of both clocks and one uniform draw: everything a decision may depend on besides its
/// state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
    /// The boot clock.
    pub boot: Boot,
    /// The wall clock.
    pub wall: Wall,
    /// A uniform draw from `[0, 1)`.
    pub jitter: f64,
}

impl Now {
    /// A moment that has passed, by the wall clock as it is now set, for people: a step of that
    /// clock moves it too.
    #[must_use]
    pub fn on_the_wall(&self, past: Boot) -> Wall {
        self.wall.minus(self.boot.since(past))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiration_text_is_whole_seconds_rounded_down_with_a_literal_z() {
        let wall = Wall::from_unix_milliseconds(1_795_327_200_999);
        assert_eq!(wall.rfc3339(), "2026-11-22T06:00:00Z");
        assert_eq!(Wall::from_unix_milliseconds(-1).unix_seconds(), -1);
    }

    #[test]
    fn http_dates_are_read_and_anything_else_is_not() {
        let read = Wall::parse_http_date("Sun, 22 Nov 2026 06:00:00 GMT");
        assert_eq!(read, Some(Wall::from_unix_seconds(1_795_327_200)));
        for bad in ["", "yesterday", "2026-11-22T06:00:00Z"] {
            assert_eq!(Wall::parse_http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let (last, first) = (
            Wall::from_unix_milliseconds(i64::MAX),
            Wall::from_unix_milliseconds(i64::MIN),
        );
        assert_eq!(last.plus(Duration::MAX), last);
        assert_eq!(first.minus(Duration::MAX), first);
        assert_eq!(last.since(first), Duration::from_millis(u64::MAX));
        assert_eq!(first.since(last), Duration::ZERO);
        assert!(!last.rfc3339().is_empty() && !first.rfc3339().is_empty());
        assert_eq!(
            Boot::default().minus(Duration::from_secs(1)),
            Boot::default()
        );
        assert_eq!(
            Boot::default()
                .plus(Duration::MAX)
                .plus(Duration::MAX)
                .as_duration(),
            Duration::MAX
        );
    }
}
