//! The three answers to a pod: inject it, leave it alone, refuse it.
//!
//! Owns their shape, and how the two that end the way early leave a stage. It decides nothing: the
//! stages of `inject` do. Read by the webhook and by `stsidecar inject`.

use serde_json::{Value, json};

use super::{Denial, Operation};

/// What is to happen to a pod.
#[derive(Clone, Debug)]
pub enum Decision {
    /// It is admitted with this patch; an empty one says that nothing is missing.
    Inject(Injection),
    /// It is admitted as it is.
    Skip(Skip),
    /// It is refused.
    Deny(Denial),
}

/// A patch and the warnings about it.
#[derive(Clone, Debug)]
pub struct Injection {
    /// In order; each is aimed at the result of those before.
    pub operations: Vec<Operation>,
    /// For the author of the pod, and for its owner's events; empty when nothing is patched.
    pub warnings: Vec<String>,
}

impl Injection {
    /// The JSON patch (RFC 6902).
    #[must_use]
    pub fn patch(&self) -> Value {
        json!(self.operations)
    }

    /// The same as text, without a copy of every operation.
    ///
    /// # Panics
    /// Never: operations are texts and JSON values.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.operations).expect("texts and JSON values serialize")
    }
}

/// Why a pod is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// One of [`Skip::REASONS`], for a metric's label.
    pub reason: &'static str,
    /// What the owner's event says; none when no injection was expected.
    pub message: Option<String>,
}

impl Skip {
    /// Every reason there is.
    pub const REASONS: [&'static str; 6] = [
        "conflict",
        "disabled",
        "mirror",
        "no_role",
        "not_asked",
        "other_release",
    ];

    /// Without an event.
    pub(super) fn silent(reason: &'static str) -> Self {
        Self {
            reason,
            message: None,
        }
    }

    /// With an event on the pod's owner.
    pub(super) fn because(reason: &'static str, message: String) -> Self {
        Self {
            reason,
            message: Some(message),
        }
    }
}

/// Why a stage hands on nothing: one of the two answers without a patch.
#[derive(Debug)]
pub(super) enum Declined {
    Skip(Skip),
    Deny(Denial),
}

impl From<Skip> for Declined {
    fn from(skip: Skip) -> Self {
        Self::Skip(skip)
    }
}

impl From<Denial> for Declined {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

impl From<Result<Injection, Declined>> for Decision {
    fn from(result: Result<Injection, Declined>) -> Self {
        match result {
            Ok(injection) => Self::Inject(injection),
            Err(Declined::Skip(skip)) => Self::Skip(skip),
            Err(Declined::Deny(denial)) => Self::Deny(denial),
        }
    }
}
