//! What all parameters have in common: how one is read from the configuration, and what is said of
//! a bad one.
//!
//! Owns the macros that make a small type of each parameter: parsed once, read by serde, a text in
//! the JSON schema. The limits are STS's, of the service model and the API reference of 2026-11
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>); each type states
//! its own. Used by every file of `assume`; `config` shows [`NotAccepted`] for values of flags and
//! variables too.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::redact;
use crate::role::{RoleArn, Server};

/// What a parameter may be: the caller adds its key and the value that was given instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(super) &'static str);

/// A value that its parameter or setting does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAccepted {
    value: String,
    allowed: String,
}

impl NotAccepted {
    /// The longest part of a value that is repeated, in characters.
    const LONGEST_SHOWN: usize = 200;

    /// Of any value; what looks like a URL is shown without password and query.
    pub fn value(value: &str, allowed: impl fmt::Display) -> Self {
        Self {
            value: redact::value(value),
            allowed: allowed.to_string(),
        }
    }

    /// Of a value that is meant to be a URL, which can hold a secret wherever it breaks.
    pub fn url(value: &str, allowed: impl fmt::Display) -> Self {
        Self {
            value: redact::url(value),
            allowed: allowed.to_string(),
        }
    }
}

/// The value in quotes on one line, cut, and what is allowed.
impl fmt::Display for NotAccepted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut: String = self.value.chars().take(Self::LONGEST_SHOWN).collect();
        let dots = if cut.len() < self.value.len() {
            "..."
        } else {
            ""
        };
        write!(formatter, "{cut:?}{dots} is not accepted: {}", self.allowed)
    }
}

/// A name that AWS writes as an ARN and other servers as they like.
pub trait AtServer: fmt::Debug {
    /// Whether the server may have this name; else what is allowed there.
    ///
    /// # Errors
    /// When it could have no such name.
    fn check(&self, server: Server) -> Result<(), NotAccepted>;
}

/// What serde makes of a common type. It is not inlined, so that the parser is compiled once for all
/// parameters that are read from such a one.
#[inline(never)]
pub(super) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    T::deserialize(from)
}

/// A type that is read from a text.
pub(super) trait FromText: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// When the text is none, with what is allowed.
    fn from_text(text: &str) -> Result<Self, NotAccepted>;
}

/// For `deserialize_with` of a text that may be absent or null, for the same reason as [`read`].
pub(super) fn optional<'de, T: FromText, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text: Option<String> = read(from)?;
    let value = text.map(|text| T::from_text(&text)).transpose();
    value.map_err(D::Error::custom)
}

/// In the JSON schema a type is as another one.
macro_rules! schema_of {
    ($name:ty, $from:ty) => {
        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                <$from>::inline_schema()
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                <$from>::schema_name()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                <$from>::json_schema(generator)
            }
        }
    };
}

/// Reads a type from what serde makes of another one; in the schema it is that one.
macro_rules! deserialized {
    ($name:ty, $given:ident: $from:ty => $read:expr) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $given = $crate::assume::parameter::read::<$from, D>(deserializer)?;
                $read.map_err(serde::de::Error::custom)
            }
        }

        schema_of!($name, $from);
    };
}

/// Reads a type from a text with a function that answers what is allowed.
macro_rules! from_text {
    ($name:ty, $read:expr) => {
        impl $crate::assume::parameter::FromText for $name {
            fn from_text(text: &str) -> Result<Self, $crate::assume::NotAccepted> {
                $read(text).map_err(|allowed| $crate::assume::NotAccepted::value(text, allowed))
            }
        }

        deserialized!($name, text: String => {
            <Self as $crate::assume::parameter::FromText>::from_text(&text)
        });
    };
}

/// As [`from_text`], of a type with a default: a key without a value is as one that is absent.
macro_rules! from_text_or_default {
    ($name:ty, $read:expr) => {
        deserialized!($name, text: Option<String> => match text {
            None => Ok(Self::default()),
            Some(text) => $read(&text)
                .map_err(|allowed| $crate::assume::NotAccepted::value(&text, allowed)),
        });
    };
}

/// A parameter that is a text: its name, when a text is one, and what is allowed.
macro_rules! text_parameter {
    ($(#[$doc:meta])* $name:ident, $text:ident => $is_allowed:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes a text.
            ///
            /// # Errors
            /// When STS would refuse it.
            pub fn parse($text: &str) -> Result<Self, $crate::assume::Error> {
                if $is_allowed {
                    Ok(Self($text.to_owned()))
                } else {
                    Err($crate::assume::Error($allowed))
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

/// A text parameter that is read by serde as it is parsed.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $text:ident => $is_allowed:expr, $allowed:expr) => {
        text_parameter! { $(#[$doc])* $name, $text => $is_allowed, $allowed }
        from_text!($name, Self::parse);
    };
}

/// Judges a name as it is parsed for a server.
macro_rules! at_server {
    ($name:ty) => {
        impl $crate::assume::AtServer for $name {
            fn check(
                &self,
                server: $crate::role::Server,
            ) -> Result<(), $crate::assume::NotAccepted> {
                let parsed = Self::parse_at(server, self.as_str());
                parsed
                    .map(drop)
                    .map_err(|allowed| $crate::assume::NotAccepted::value(self.as_str(), allowed))
            }
        }
    };
}

/// An ARN at AWS, elsewhere any name of an ARN's length. Which server is asked is not known while
/// the configuration is read, so reading takes both.
macro_rules! arn {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $allowed:expr) => {
        text_parameter! {
            $(#[$doc])* $name, text => $crate::assume::parameter::is_arn(text, $kind), $allowed
        }
        from_text!($name, |text: &str| Self::parse_at($crate::role::Server::Other, text));

        impl $name {
            /// Takes a text as a server has it: an ARN, or elsewhere than at AWS any name of an
            /// ARN's length.
            ///
            /// # Errors
            /// When the server could have no such name.
            pub fn parse_at(
                server: $crate::role::Server,
                text: &str,
            ) -> Result<Self, $crate::assume::Error> {
                match server {
                    $crate::role::Server::Other if $crate::role::is_foreign_name(text) => {
                        Ok(Self(text.to_owned()))
                    }
                    _ => Self::parse(text),
                }
            }
        }

        at_server!($name);
    };
}

// Which server is asked is not known yet, so the words are those of both.
from_text!(RoleArn, |text: &str| RoleArn::parse_at(Server::Other, text)
    .map_err(|_| crate::role::Error::AnyRole));

at_server!(RoleArn);

/// Whether a text has a length, and only ASCII letters, digits and some punctuation.
pub(super) fn is_word(
    text: &str,
    range: std::ops::RangeInclusive<usize>,
    punctuation: &str,
) -> bool {
    range.contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

/// Whether a text is the ARN of a resource of IAM, of a kind such as `policy/`.
pub(super) fn is_arn(text: &str, kind: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    (20..=2048).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && matches!(parts[..], ["arn", _, "iam", _, _, resource] if resource.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shown_on_one_line_cut_and_without_passwords() {
        let shown = |value: &str| NotAccepted::value(value, "better").to_string();
        assert_eq!(shown("a\nb"), r#""a\nb" is not accepted: better"#);
        assert_eq!(
            shown("http://me:canary@host/x"),
            r#""http://[redacted]@host/x" is not accepted: better"#
        );
        assert_eq!(
            shown("me:canary@host"),
            r#""[redacted]@host" is not accepted: better"#
        );
        assert!(shown(&"x".repeat(5000)).len() < 300);
    }
}
