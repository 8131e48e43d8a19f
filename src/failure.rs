//! What went wrong with an exchange: its class, its code and what was said, and the one place that
//! knows STS's.
//!
//! Owns the way from [`Evidence`] (code, message, status, kind) to a [`Failure`]. `session` decides
//! on its [`Class`] alone, a hint follows from class and [`Code`], and text is made last, where it
//! is shown. It never sees an SDK type: `sts/client` extracts the evidence. Whatever text leaves
//! here is one short line without control characters and without anything shaped like a token.

mod answer;
mod causes;
mod code;
pub mod hint;
pub mod line;
mod text;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use answer::is_known_code;
pub use causes::{causes, root_cause, with_causes};
pub use code::{Cause, Code, FileFault, Kind, OwnCode, PermissionDenied, Permissions, TlsFault};
pub use text::{middle_cut, safe_line, without_tokens};

/// How a failure is retried. The names are the values of the metric label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// STS will say the same until a setting is changed.
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

    /// Whether the same call may well be granted a moment later, whatever it asks for.
    #[must_use]
    fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::Transient | Self::Throttled | Self::Clock | Self::BadReply
        )
    }

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
    /// What it is called: STS's error code, or one of ours.
    pub code: Code,
    /// STS's message, or ours; for people, and never read again.
    pub message: String,
    /// `x-amzn-RequestId`, when there was a response.
    pub request_id: Option<String>,
    /// Whether the network was touched. What was not sent costs no call of the budget.
    pub sent: bool,
}

impl Failure {
    /// A failure before anything was sent.
    #[must_use]
    pub fn local(code: OwnCode, message: String) -> Self {
        Self {
            class: code.class(),
            code: code.into(),
            message,
            request_id: None,
            sent: false,
        }
    }

    /// Whether nothing answered: the network, or what should give the proof, stood in the way.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        !self.sent || matches!(self.code, Code::Own(OwnCode::Ended(kind)) if kind.is_silence())
    }

    /// Whether an answer said no to what was asked for, rather than "not now". A 4xx without a code
    /// of STS is retried like an outage, because something before the STS may have sent it; a no it
    /// is all the same.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let says_no =
            matches!(self.code, Code::Own(OwnCode::Status(Some(status))) if answer::is_no(status));
        self.sent && (!self.class.is_retryable() || says_no)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Cow<'static, str> {
        hint::hint(self.class, &self.code)
    }
}

/// What `sts/client.rs` found out about an attempt that failed; nothing in it has been made safe
/// yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Why there was no answer that STS meant as an error; nothing when there was one.
    pub kind: Option<Kind>,
    /// The error code on the wire.
    pub code: Option<String>,
    /// The error message on the wire, or our own words.
    pub message: Option<String>,
    /// The HTTP status, when there was an answer.
    pub status: Option<u16>,
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// Whether the request was signed with the credentials of the step before.
    pub signed: bool,
}

/// Reads the evidence: how to retry, and what to show.
///
/// An answer is judged by its code, and where one code has several causes by its message; by the
/// HTTP status only when there is no code or an unknown one (STS throttles with 400, and proxies
/// invent any status).
#[must_use]
pub fn classify(evidence: Evidence) -> Failure {
    let Evidence {
        kind,
        code,
        message,
        status,
        request_id,
        signed,
    } = evidence;
    let raw = message.unwrap_or_default();
    let (class, code) = match (kind, code.filter(|code| text::is_token(code, 64))) {
        (None, Some(text)) => {
            let cause = answer::cause(&text, &raw);
            let class = answer::class(&text, cause, &raw, signed)
                .unwrap_or_else(|| answer::of_status(status, Class::Config));
            (class, Code::Sts { text, cause })
        }
        (kind, _) => {
            let own = kind.map_or(OwnCode::Status(status), OwnCode::Ended);
            (own.class(), own.into())
        }
    };
    Failure {
        class,
        message: said(&code, status, &raw),
        code,
        request_id: request_id.filter(|id| text::is_token(id, 128)),
        sent: kind != Some(Kind::BeforeTheWire),
    }
}

/// What came with an answer. Ceph RGW and others leave the message out, and an empty one looks like
/// a fault of ours; an HTML page of a proxy, an empty 500 and a redirect have none.
fn said(code: &Code, status: Option<u16>, raw: &str) -> String {
    let message = safe_line(raw);
    match (code, status) {
        _ if !message.is_empty() => message,
        (Code::Sts { .. }, Some(status)) => {
            format!("the answer has no message, only HTTP status {status} and its error code")
        }
        (Code::Own(OwnCode::Status(Some(status))), _) => {
            format!("the answer has HTTP status {status} and no STS error code")
        }
        (Code::Own(OwnCode::Status(None)), _) => {
            "the answer has HTTP status no and no STS error code".to_owned()
        }
        _ => message,
    }
}

#[cfg(test)]
mod tests;
