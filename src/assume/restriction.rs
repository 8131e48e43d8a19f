//! What narrows a session: a policy of its own and managed policies, which four operations take
//! alike.
//!
//! Owns the three keys, written once for all sources that have them ([`restricted`]), and STS's
//! limits on them. A policy that is in a file is read by `config`, which puts it in its place.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::list::List;
use super::{Error, FilePath};

arn! {
    /// The ARN of a managed policy.
    PolicyArn, "policy/",
    "a policy ARN looks like arn:aws:iam::aws:policy/ReadOnlyAccess (20 to 2048 characters)"
}

/// `PolicyArns`.
pub type PolicyArns = List<PolicyArn, { Restriction::MOST_POLICY_ARNS }>;

/// What the session may do at most.
#[derive(Clone, Copy, Debug)]
pub struct Restriction<'a> {
    /// An inline policy document.
    pub policy: Option<&'a Policy>,
    /// The file that the policy is in.
    pub policy_file: Option<&'a FilePath>,
    /// At most ten managed policies.
    pub policy_arns: &'a [PolicyArn],
}

impl Restriction<'_> {
    /// As many as STS takes
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
    pub const MOST_POLICY_ARNS: usize = 10;
    /// Of inline and managed policies together.
    pub const MOST_CHARACTERS: usize = 2048;

    /// The characters that STS counts.
    #[must_use]
    pub fn characters(&self) -> usize {
        let inline = self.policy.map_or(0, Policy::characters);
        let managed = self.policy_arns.iter().map(|arn| arn.as_str().len());
        inline + managed.sum::<usize>()
    }

    /// Whether nothing is narrowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policy.is_none() && self.policy_arns.is_empty()
    }
}

/// An inline session policy, compact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy(String);

impl Policy {
    const ALLOWED: Error =
        Error("a session policy is a JSON object of at most 2048 characters, all of Latin 1");

    /// Reads JSON text and keeps it compact, since STS counts characters.
    ///
    /// # Errors
    /// When it is not a JSON object or longer than 2048 characters.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let document: Value = serde_json::from_str(text).map_err(|_| Self::ALLOWED)?;
        Self::from_document(&document)
    }

    /// Takes a document that was written in the configuration file itself.
    fn from_document(document: &Value) -> Result<Self, Error> {
        let compact = document.to_string();
        // STS's pattern ends with Latin 1.
        let is_allowed = document.is_object()
            && compact.chars().count() <= Restriction::MOST_CHARACTERS
            && compact
                .chars()
                .all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'));
        if is_allowed {
            Ok(Self(compact))
        } else {
            Err(Self::ALLOWED)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its length as STS counts it.
    #[must_use]
    pub fn characters(&self) -> usize {
        self.0.chars().count()
    }
}

// A policy can be long, so errors name its key and not its text.
deserialized!(Policy, given: Value => match &given {
    Value::String(text) => Policy::parse(text),
    document => Policy::from_document(document),
});

/// Shown as its length.
impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.characters().serialize(serializer)
    }
}

impl std::fmt::Display for Policy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The parameters of an operation that takes policies. A macro, because serde cannot both flatten a
/// struct and refuse unknown keys (<https://serde.rs/container-attrs.html#deny_unknown_fields>).
macro_rules! restricted {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, serde::Deserialize, serde::Serialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema))]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: $type,)*
            /// A session policy: an object, or its JSON text.
            #[serde(rename(serialize = "policyCharacters"))]
            pub policy: Option<$crate::assume::Policy>,
            /// A file with the session policy's JSON.
            #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
            pub policy_file: Option<$crate::assume::FilePath>,
            /// At most ten managed policies.
            #[serde(default)]
            pub policy_arns: $crate::assume::PolicyArns,
        }

        impl $name {
            fn restriction(&self) -> $crate::assume::Restriction<'_> {
                $crate::assume::Restriction {
                    policy: self.policy.as_ref(),
                    policy_file: self.policy_file.as_ref(),
                    policy_arns: &self.policy_arns,
                }
            }
        }
    };
}
