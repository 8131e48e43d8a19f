//! What went wrong with an exchange, and of which kind: the one place that knows STS's codes and messages.
//!
//! Owns the table from evidence (code, message, status, kind of fault) to a [`Class`], on which alone
//! `session` decides. It never sees an SDK type: `sts/client.rs` extracts the [`Evidence`]. Whatever text
//! leaves here is one short line without control characters and without anything shaped like a token.

mod codes;
pub mod hint;
pub mod line;
mod text;

use serde::{Deserialize, Serialize};

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
    /// STS's error code, or ours in the same style (`ConnectTimeout`, `TokenFileMissing`).
    pub code: String,
    /// STS's message, or ours.
    pub message: String,
    /// `x-amzn-RequestId`, when there was a response.
    pub request_id: Option<String>,
    /// Whether the network was touched. What was not sent costs no call of the budget.
    pub sent: bool,
}

impl Failure {
    /// A failure before anything was sent.
    #[must_use]
    pub fn local(class: Class, code: &str, message: String) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message,
            request_id: None,
            sent: false,
        }
    }

    /// Whether nobody answered: the network, or what should give the proof, stood in the way.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        !self.sent || codes::is_unanswered(&self.code)
    }

    /// Whether an answer said no to what was asked for, rather than "not now". A 4xx without a code of STS is retried
    /// like an outage, because something before the STS may have sent it; a no it is all the same.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.sent && (!self.class.is_retryable() || codes::is_no(&self.code))
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> std::borrow::Cow<'static, str> {
        hint::hint(self.class, &self.code, &self.message)
    }
}

/// Whether an STS is known to have this error code, among those of other origin.
#[must_use]
pub fn is_known_code(code: &str) -> bool {
    codes::is_known(code)
}

/// How an exchange ended, as far as one can tell from outside STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// STS, or something in front of it, sent a complete answer that is an error.
    Answered,
    /// A setting kept the request from being sent at all.
    BeforeTheWire,
    /// No connection in time, name look-up, tunnel and TLS handshake included.
    ConnectTimeout,
    /// Nobody listens on the port.
    ConnectionRefused,
    /// The host name has no address.
    NameNotResolved,
    /// No TLS session.
    Tls(TlsFault),
    /// What answered in plain text does not speak HTTP.
    NotHttp,
    /// Any other failure to connect: no route, network down, a proxy that refuses.
    Unreachable,
    /// Connected, but no complete answer in the time of an attempt.
    RequestTimeout,
    /// The connection ended within the answer.
    ConnectionReset,
    /// The answer was longer than any STS answer is.
    ReplyTooLarge,
    /// A success that holds no usable credentials.
    InvalidReply,
    /// Credentials of another role than the one asked for.
    RoleMismatch,
}

/// Why there is no TLS session; each has a fix of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsFault {
    /// The certificate has ended, or our clock is ahead.
    Expired,
    /// The certificate has not begun, or our clock is behind.
    NotYetValid,
    /// The certificate is for other hosts.
    WrongHost,
    /// No CA that is trusted has signed the certificate.
    Untrusted,
    /// The certificate signed itself, and is not trusted as it is.
    SelfSigned,
    /// The certificate was revoked.
    Revoked,
    /// The certificate is not made for a server, or not made well.
    Unusable,
    /// The port speaks something else.
    NotSpoken,
    /// Server and client have no version, cipher, server name or protocol in common.
    Refused,
    /// The server wants a certificate of ours.
    ClientCertificate,
    /// Anything else: the handshake was broken off, or changed on its way.
    Broken,
}

/// What `sts/client.rs` found out about an attempt that failed; nothing in it has been made safe yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// How it ended.
    pub kind: Kind,
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
/// An answer is judged by its code, and where one code has several causes by its message; by the HTTP status
/// only when there is no code or an unknown one (STS throttles with 400, and proxies invent any status).
#[must_use]
pub fn classify(evidence: Evidence) -> Failure {
    let sent = evidence.kind != Kind::BeforeTheWire;
    let raw = evidence.message.unwrap_or_default();
    let request_id = evidence.request_id.filter(|id| text::is_token(id, 128));
    let (class, code, message) = match codes::of_kind(evidence.kind) {
        Some((class, code)) => (class, code.to_owned(), safe_line(&raw)),
        None => match evidence.code.filter(|code| text::is_token(code, 64)) {
            Some(code) => {
                let class = codes::of_answer(&code, &raw, evidence.signed)
                    .unwrap_or_else(|| codes::of_status(evidence.status, Class::Config));
                (class, code, said(evidence.status, &raw))
            }
            None => without_code(evidence.status, &raw),
        },
    };
    Failure {
        class,
        code,
        message,
        request_id,
        sent,
    }
}

/// What came with a code. Ceph RGW and others leave the message out, and an empty one looks like a fault of ours.
fn said(status: Option<u16>, raw: &str) -> String {
    let message = safe_line(raw);
    match status {
        Some(status) if message.is_empty() => {
            format!("the answer has no message, only HTTP status {status} and its error code")
        }
        _ => message,
    }
}

/// An answer without a code: an HTML page of a proxy, an empty 500, a redirect.
fn without_code(status: Option<u16>, raw: &str) -> (Class, String, String) {
    // Not STS, then: a default backend while STS restarts gives 404, and goes away.
    let class = codes::of_status(status, Class::Transient);
    let shown = status.map_or_else(|| "no".to_owned(), |status| status.to_string());
    let code = match status {
        Some(300..=399) => "HttpRedirect".to_owned(),
        Some(status) => codes::without_code(status),
        None => "HttpStatusUnknown".to_owned(),
    };
    let message = match safe_line(raw) {
        own if own.is_empty() => {
            format!("the answer has HTTP status {shown} and no STS error code")
        }
        own => own,
    };
    (class, code, message)
}

#[cfg(test)]
mod tests;
