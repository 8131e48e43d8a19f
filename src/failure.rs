//! What went wrong with an exchange, and of which kind: the one place that knows STS's codes and messages.
//!
//! Owns the table from evidence (code, message, status, kind of fault) to a [`Class`], on which alone
//! `session` decides. It never sees an SDK type: `sts/client.rs` extracts the [`Evidence`].

pub mod hint;

use serde::Serialize;

/// How a failure is retried. The names are the values of the metric label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Network, 5xx, identity provider unreachable: backoff.
    Transient,
    /// STS asks for fewer calls, with HTTP 400: backoff.
    Throttled,
    /// A clock is off: backoff, and say so.
    Clock,
    /// A 200 that cannot be used: backoff.
    BadReply,
    /// The token is missing, expired or not accepted now: quick looks at the file, then slow.
    Token,
    /// The credentials that signed a hop are refused: the step before is due at once.
    Source,
    /// `AccessDenied`: may be propagation for ten minutes, permanent afterwards.
    Denied,
    /// STS answered with another role than the one asked for.
    Role,
    /// STS will say the same until somebody changes a setting.
    Config,
    /// The role allows less than was asked for; a step down, not a failure, while there is one.
    DurationTooLong,
}

impl Class {
    /// Every class that can end an attempt, in the order of the metric's documentation.
    pub const REASONS: [Self; 9] = [
        Self::Transient,
        Self::Throttled,
        Self::Clock,
        Self::BadReply,
        Self::Token,
        Self::Source,
        Self::Denied,
        Self::Role,
        Self::Config,
    ];

    /// The label value.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Throttled => "throttled",
            Self::Clock => "clock",
            Self::BadReply => "bad_reply",
            Self::Token => "token",
            Self::Source => "source",
            Self::Denied => "denied",
            Self::Role => "role",
            Self::Config | Self::DurationTooLong => "config",
        }
    }
}

/// What an attempt came to, with nothing secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How it is retried.
    pub class: Class,
    /// STS's error code, or ours in the same style (`ConnectTimeout`, `TokenFileMissing`).
    pub code: String,
    /// STS's message, or ours.
    pub message: String,
    /// `x-amzn-RequestId`, when there was a response.
    pub request_id: Option<String>,
    /// Whether a request left this process. What did not costs no call of the budget.
    pub sent: bool,
}

impl Failure {
    /// A failure before anything was sent.
    #[must_use]
    pub fn local(class: Class, code: &str, message: String) -> Self {
        Self { class, code: code.to_owned(), message, request_id: None, sent: false }
    }
}
