//! The limits and patterns of STS's request parameters, one small type for each.
//!
//! Source of every number: the STS service model and API reference of 2026-11 (design page on STS, table
//! A.2). Parsing is the only way to make these values; who holds one need not check it again.

mod error;
mod marks;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

pub use error::Error;

use crate::role::{Server, is_foreign_name};

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $text:ident => $sound:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Takes a text.
            ///
            /// # Errors
            /// When STS would refuse it.
            pub fn parse($text: &str) -> Result<Self, Error> {
                if $sound { Ok(Self($text.to_owned())) } else { Err(Error::$name) }
            }

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

/// What AWS names by an ARN, and other servers as they like.
macro_rules! parsed_at {
    ($($name:ident)*) => {
        $(impl $name {
            /// Takes a text as a server has it: an ARN, or elsewhere than at AWS any name of an ARN's length.
            ///
            /// # Errors
            /// When the server could have no such name.
            pub fn parse_at(server: Server, text: &str) -> Result<Self, Error> {
                match server {
                    Server::Other if is_foreign_name(text) => Ok(Self(text.to_owned())),
                    _ => Self::parse(text),
                }
            }
        })*
    };
}

parsed_at! { PolicyArn SamlProviderArn ProviderArn }

text_newtype! {
    /// The ARN of a managed policy.
    PolicyArn, text => is_arn(text, "iam", "policy/")
}
text_newtype! {
    /// `ExternalId`.
    ExternalId, text => is_word(text, 2..=1224, "_+=,.@:/-")
}
text_newtype! {
    /// `SourceIdentity`.
    SourceIdentity, text => is_word(text, 2..=64, "_+=,.@-") && !text.starts_with("aws:")
}
text_newtype! {
    /// The key of a session tag; STS compares keys without case.
    TagKey, text => (1..=128).contains(&text.chars().count()) && is_tag_text(text)
}
text_newtype! {
    /// `SerialNumber` of an MFA device.
    SerialNumber, text => is_word(text, 9..=256, "_+=/:,.@-")
}
text_newtype! {
    /// `Name` of `GetFederationToken`.
    FederatedName, text => is_word(text, 2..=32, "_+=,.@-")
}
text_newtype! {
    /// `ProviderId`: the host of an OAuth 2.0 provider.
    ProviderId, text => (4..=2048).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains("://")
}
text_newtype! {
    /// `PrincipalArn`: a SAML provider in IAM.
    SamlProviderArn, text => is_arn(text, "iam", "saml-provider/")
}
text_newtype! {
    /// `ProviderArn` of a provided context.
    ProviderArn, text => is_arn(text, "iam", "contextProvider/")
}
text_newtype! {
    /// `IdentityPoolId` of Amazon Cognito: region, colon, UUID.
    IdentityPoolId, text => text.len() <= 55 && text.split_once(':').is_some_and(|(region, id)| {
        is_word(region, 1..=55, "-") && !id.is_empty() && id.bytes().all(|b| b"0123456789abcdef-".contains(&b))
    })
}
text_newtype! {
    /// An account of AWS.
    AccountId, text => text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
text_newtype! {
    /// The key of an entry in Cognito's `Logins`: an issuer without its scheme.
    Login, text => (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains("://")
}

fn is_word(text: &str, range: std::ops::RangeInclusive<usize>, punctuation: &str) -> bool {
    range.contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

fn is_arn(text: &str, service: &str, kind: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    (20..=2048).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && matches!(parts[..], ["arn", _, own, _, _, resource] if own == service && resource.starts_with(kind))
}

fn is_tag_text(text: &str) -> bool {
    // Separators of Unicode, which tabs and line breaks are not.
    let is_blank = |c: char| c.is_whitespace() && !c.is_control();
    text.chars()
        .all(|c| c.is_alphanumeric() && !marks::is_mark(c) || is_blank(c) || "_.:/=+-@".contains(c))
}

/// `DurationSeconds`: 900 to 43,200 for a role, to 129,600 for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// STS's own default for a role, and what every role allows.
    pub const HOUR: Self = Self(3600);
    /// The longest a role can allow; STS's own default for a user.
    pub const LONGEST: Self = Self(43_200);

    /// Reads `1h`, `90m`, `3600s`, for a role.
    ///
    /// # Errors
    /// When it is not a duration of whole seconds between 15 minutes and 12 hours.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let duration =
            humantime::parse_duration(text.trim()).map_err(|_| Error::SessionDuration)?;
        Self::from_duration(duration)
    }

    /// Reads the duration of `GetSessionToken` and `GetFederationToken`.
    ///
    /// # Errors
    /// When it is not a duration of whole seconds between 15 minutes and 36 hours.
    pub fn parse_of_user(text: &str) -> Result<Self, Error> {
        let duration =
            humantime::parse_duration(text.trim()).map_err(|_| Error::UserSessionDuration)?;
        Self::within(duration, 129_600).ok_or(Error::UserSessionDuration)
    }

    /// Takes a duration, for a role.
    ///
    /// # Errors
    /// When it is not whole seconds between 15 minutes and 12 hours.
    pub fn from_duration(duration: Duration) -> Result<Self, Error> {
        Self::within(duration, 43_200).ok_or(Error::SessionDuration)
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

/// An inline session policy, compact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(String);

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
            && compact
                .chars()
                .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'));
        if sound {
            Ok(Self(compact))
        } else {
            Err(Error::Policy)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TagKey {
    /// Whether STS would take both for the same key.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl IdentityPoolId {
    /// The region that the pool is in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
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
        if sound {
            Ok(Self {
                key,
                value: value.to_owned(),
            })
        } else {
            Err(Error::TagValue)
        }
    }
}
