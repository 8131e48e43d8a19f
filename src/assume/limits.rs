//! The limits and patterns of STS's request parameters, one small type for each.
//!
//! Source of every number: the STS service model and API reference of 2026-11 (design page on STS, table
//! A.2). Parsing is the only way to make these values; who holds one need not check it again.

use std::fmt;
use std::time::Duration;

/// What is wrong with a parameter; the caller adds the key it stood under and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a DNS label.
    #[error("a name has 1 to 63 lower-case letters, digits and dashes, like a container's name")]
    ProfileName,
    /// Would not be a role session name.
    #[error(
        "a role session name has 2 to 64 characters, letters, digits and _+=,.@- only, and may hold {{namespace}} and {{pod}}"
    )]
    SessionName,
    /// Outside 15 min to 12 h.
    #[error("a session lasts 15m to 12h (900 to 43200 seconds), in whole seconds")]
    SessionDuration,
    /// Neither JSON nor short enough.
    #[error("a session policy is a JSON object of at most 2048 characters, all of Latin 1")]
    Policy,
    /// Not a policy's ARN.
    #[error("a policy ARN looks like arn:aws:iam::aws:policy/ReadOnlyAccess (20 to 2048 characters)")]
    PolicyArn,
    /// Outside the pattern.
    #[error("an external id has 2 to 1224 letters, digits and _+=,.@:/- only")]
    ExternalId,
    /// Outside the pattern.
    #[error("a source identity has 2 to 64 letters, digits and _+=,.@- only, and does not begin with aws:")]
    SourceIdentity,
    /// Outside the pattern.
    #[error("a tag key has 1 to 128 letters, digits, spaces and _.:/=+-@ only")]
    TagKey,
    /// Outside the pattern.
    #[error("a tag value has at most 256 letters, digits, spaces and _.:/=+-@ only")]
    TagValue,
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

fn is_word(text: &str, range: std::ops::RangeInclusive<usize>, punctuation: &str) -> bool {
    range.contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

/// `DurationSeconds`: 900 to 43,200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// STS's own default, and what every role allows.
    pub const HOUR: Self = Self(3600);
    /// The longest a role can allow.
    pub const LONGEST: Self = Self(43_200);

    /// Reads `1h`, `90m`, `3600s`.
    ///
    /// # Errors
    /// When it is not a duration of whole seconds between 15 minutes and 12 hours.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let duration = humantime::parse_duration(text.trim()).map_err(|_| Error::SessionDuration)?;
        Self::from_duration(duration)
    }

    /// Takes a duration.
    ///
    /// # Errors
    /// When it is not whole seconds between 15 minutes and 12 hours.
    pub fn from_duration(duration: Duration) -> Result<Self, Error> {
        let seconds = u32::try_from(duration.as_secs()).map_err(|_| Error::SessionDuration)?;
        let sound = duration.subsec_nanos() == 0 && (900..=43_200).contains(&seconds);
        if sound { Ok(Self(seconds)) } else { Err(Error::SessionDuration) }
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

text_newtype! {
    /// An inline session policy, compact JSON.
    Policy
}

impl Policy {
    /// Reads JSON text and keeps it compact, since STS counts characters.
    ///
    /// # Errors
    /// When it is not a JSON object or longer than 2048 characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let document: serde_json::Value = serde_json::from_str(text).map_err(|_| Error::Policy)?;
        Self::from_document(&document)
    }

    /// Takes a document that was written in the configuration file itself.
    ///
    /// # Errors
    /// When it is not an object or longer than 2048 characters as JSON.
    pub fn from_document(document: &serde_json::Value) -> Result<Self, Error> {
        let compact = document.to_string();
        // STS's pattern ends with Latin 1.
        let sound = document.is_object()
            && compact.chars().count() <= 2048
            && compact.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'));
        if sound { Ok(Self(compact)) } else { Err(Error::Policy) }
    }
}

text_newtype! {
    /// The ARN of a managed policy.
    PolicyArn
}

impl PolicyArn {
    /// Takes an ARN.
    ///
    /// # Errors
    /// When it is not the ARN of a policy.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let sound = (20..=2048).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && matches!(parts[..], ["arn", _, "iam", _, _, resource] if resource.starts_with("policy/"));
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::PolicyArn) }
    }
}

text_newtype! {
    /// `ExternalId`.
    ExternalId
}

impl ExternalId {
    /// Takes an id.
    ///
    /// # Errors
    /// When STS would refuse it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if is_word(text, 2..=1224, "_+=,.@:/-") { Ok(Self(text.to_owned())) } else { Err(Error::ExternalId) }
    }
}

text_newtype! {
    /// `SourceIdentity`.
    SourceIdentity
}

impl SourceIdentity {
    /// Takes an identity.
    ///
    /// # Errors
    /// When STS would refuse it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let sound = is_word(text, 2..=64, "_+=,.@-") && !text.starts_with("aws:");
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::SourceIdentity) }
    }
}

fn is_tag_text(text: &str) -> bool {
    // Separators of Unicode, which tabs and line breaks are not.
    let is_blank = |c: char| c.is_whitespace() && !c.is_control();
    text.chars().all(|c| c.is_alphanumeric() || is_blank(c) || "_.:/=+-@".contains(c))
}

text_newtype! {
    /// The key of a session tag; STS compares keys without case.
    TagKey
}

impl TagKey {
    /// Takes a key.
    ///
    /// # Errors
    /// When STS would refuse it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let sound = (1..=128).contains(&text.chars().count()) && is_tag_text(text);
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::TagKey) }
    }

    /// Whether STS would take both for the same key.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

/// A session tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Unique without regard to case.
    pub key: TagKey,
    /// At most 256 characters.
    pub value: String,
}

impl Tag {
    /// Takes a key and a value.
    ///
    /// # Errors
    /// When STS would refuse one of them.
    pub fn parse(key: &str, value: &str) -> Result<Self, Error> {
        let key = TagKey::parse(key)?;
        let sound = value.chars().count() <= 256 && is_tag_text(value);
        if sound { Ok(Self { key, value: value.to_owned() }) } else { Err(Error::TagValue) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_between_a_quarter_of_an_hour_and_twelve_hours() {
        assert_eq!(SessionDuration::parse("1h").map(SessionDuration::seconds), Ok(3600));
        assert_eq!(SessionDuration::parse("15m").map(SessionDuration::seconds), Ok(900));
        for bad in ["", "1", "899s", "12h 1s", "36h", "1h 500ms", "soon"] {
            assert_eq!(SessionDuration::parse(bad), Err(Error::SessionDuration), "{bad}");
        }
        assert_eq!(SessionDuration::HOUR.to_string(), "1h");
    }

    #[test]
    fn policies_are_kept_compact_and_counted_compact() {
        let spaced = format!(r#"{{ "Version" : "2012-10-17",{} "Statement": [] }}"#, " ".repeat(3000));
        let policy = Policy::parse(&spaced).expect("short once compact");
        assert_eq!(policy.as_str(), r#"{"Statement":[],"Version":"2012-10-17"}"#);
        assert!(Policy::parse(r#"{"Sid":"\u00e9t\u00e9"}"#).is_ok());
        for bad in ["", "[]", "{", r#"{"Sid":"\u20ac"}"#, &format!(r#"{{"a":"{}"}}"#, "x".repeat(2048))] {
            assert_eq!(Policy::parse(bad), Err(Error::Policy), "{bad:.20}");
        }
    }

    #[test]
    fn each_text_parameter_is_held_to_its_pattern() {
        assert!(ExternalId::parse("partner:42/x").is_ok() && ExternalId::parse("x").is_err());
        assert!(ExternalId::parse(&"x".repeat(1225)).is_err());
        assert!(SourceIdentity::parse("alice").is_ok() && SourceIdentity::parse("aws:alice").is_err());
        assert!(PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").is_ok());
        assert!(PolicyArn::parse("arn:aws:iam::111122223333:role/app").is_err());
        assert!(Tag::parse("team", "data").is_ok() && Tag::parse("", "x").is_err() && Tag::parse("k", "<").is_err());
        assert!(Tag::parse("cost center", "a b").is_ok() && Tag::parse("k", "a\nb").is_err());
        let (one, other) = (TagKey::parse("Team").expect("a key"), TagKey::parse("tEAM").expect("a key"));
        assert!(one.same_as(&other));
    }
}
