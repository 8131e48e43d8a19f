//! Why a pod is refused: the kind of reason, for metrics, and the sentence, for people.
//!
//! Owns how a denial is worded around a value. It decides nothing: everything else in `inject`
//! does.

use crate::redact;

/// Why a pod is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stsidecar: {message}")]
pub struct Denial {
    /// What kind of reason.
    pub reason: Reason,
    /// The key or object, its value, what is allowed or what to do.
    pub message: String,
}

/// Kinds of denials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A key under our prefix that nothing reads.
    UnknownKey,
    /// A value that its key does not take.
    BadValue,
    /// Settings that exclude each other.
    Combination,
    /// The pod asks, and nothing names a role.
    NoRole,
    /// Neither a region nor an STS endpoint.
    NoRegion,
    /// The role is not among those the namespace may use.
    RoleNotAllowed,
    /// No container to give credentials to.
    Containers,
    /// Host networking, Windows, another architecture.
    Platform,
    /// A container, volume or mount under our names.
    Reserved,
    /// A container declares one of our ports.
    Port,
    /// Variables that would win over the sidecar.
    Environment,
    /// Not the shape of a pod.
    Malformed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::UnknownKey,
        Self::BadValue,
        Self::Combination,
        Self::NoRole,
        Self::NoRegion,
        Self::RoleNotAllowed,
        Self::Containers,
        Self::Platform,
        Self::Reserved,
        Self::Port,
        Self::Environment,
        Self::Malformed,
    ];

    /// For a metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_key",
            Self::BadValue => "bad_value",
            Self::Combination => "combination",
            Self::NoRole => "no_role",
            Self::NoRegion => "no_region",
            Self::RoleNotAllowed => "role_not_allowed",
            Self::Containers => "containers",
            Self::Platform => "platform",
            Self::Reserved => "reserved",
            Self::Port => "port",
            Self::Environment => "environment",
            Self::Malformed => "malformed",
        }
    }
}

impl Denial {
    pub(crate) fn new(reason: Reason, message: String) -> Self {
        Self { reason, message }
    }

    /// Of something under our names that is not ours.
    pub(super) fn reserved(what: &str) -> Self {
        Self::new(Reason::Reserved, format!("{what}; rename or remove it"))
    }

    pub(super) fn value(origin: &str, value: &str, allowed: impl std::fmt::Display) -> Self {
        Self::shown(origin, &redact::value(value), allowed)
    }

    /// Of a value that is meant to be a URL, which can hold a secret wherever it breaks.
    pub(super) fn url(origin: &str, value: &str, allowed: impl std::fmt::Display) -> Self {
        Self::shown(origin, &redact::url(value), allowed)
    }

    fn shown(origin: &str, value: &str, allowed: impl std::fmt::Display) -> Self {
        let cut: String = value.chars().take(200).collect();
        let dots = if cut.len() < value.len() { "..." } else { "" };
        Self::new(
            Reason::BadValue,
            format!("{origin}: {cut:?}{dots} is not accepted: {allowed}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_quoted_cut_and_shown_without_passwords_and_queries() {
        let said = |value: &str| Denial::value("annotation x", value, "better").message;
        assert_eq!(
            said("a\nb"),
            r#"annotation x: "a\nb" is not accepted: better"#
        );
        assert!(said(&"x".repeat(5000)).len() < 300);
        let url = said("https://user:canary@sts.example.com/?token=canary");
        assert!(
            !url.contains("canary") && url.contains("[redacted]"),
            "{url}"
        );
    }
}
