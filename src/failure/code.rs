//! What a failure is called: a server's error code as it came, or one of our own kinds.
//!
//! Owns every code that is ours, with its values (the kind, the file's form and fault, uid and
//! mode) and its class. Metrics, log lines, `/status` and the endpoint's answers show
//! [`Code::text`]; alerts and runbooks compare those texts, so they never change. Decisions and
//! hints read the values. No code here comes from the network.

use std::borrow::Cow;
use std::fmt;

use super::{Class, answer};
use crate::file_content::Form;

/// What a failure is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The error code of an STS, or of what answers in its place.
    Sts {
        /// As it came: at most 64 letters, digits and marks.
        text: String,
        /// What its message adds to it.
        cause: Option<Cause>,
    },
    /// There was no error code on the wire.
    Own(OwnCode),
}

/// The causes that STS reports under one code, distinguished by its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// `InvalidIdentityToken`: the issuer's keys could not be fetched.
    KeysNotFetched,
    /// `InvalidIdentityToken`: the account has no identity provider for the issuer.
    NoProvider,
    /// `InvalidIdentityToken`: the provider does not list the token's audience.
    WrongAudience,
    /// `ValidationError`, `InvalidParameterValue`: the role allows no session as long as that.
    SessionTooLong,
    /// `AccessDenied`: the code of an MFA device.
    Mfa,
    /// `AccessDenied`: `AssumeRoleWithSAML`.
    Assertion,
    /// `AccessDenied`: `sts:TagSession`.
    TagSession,
    /// `AccessDenied`: `sts:SetSourceIdentity`.
    SourceIdentity,
    /// `AccessDenied`: `sts:AssumeRole`, by the role of the step before.
    NextRole,
}

/// The codes that are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnCode {
    /// An answer without an error code, by its HTTP status.
    Status(Option<u16>),
    /// No answer, or one that is not usable.
    Ended(Kind),
    /// A file that the exchange needs.
    File(Form, FileFault),
    /// The SAML assertion ended long ago.
    AssertionExpired,
    /// The MFA code in the file was sent before.
    TokenCodeUsed,
    /// The step before holds no credentials to sign with.
    SignerMissing,
    /// A reply whose credentials end too early or too late to be true.
    ImplausibleExpiration,
    /// A reply whose credentials had ended when it was read.
    ExpiredOnArrival,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// Nothing is there.
    Missing,
    /// It cannot be read: for want of a permission, or because it is no regular file of the right
    /// size.
    Unreadable(Option<PermissionDenied>),
    /// Its content is not of its form.
    Invalid,
}

/// A permission that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionDenied {
    /// The agent's effective user id.
    pub uid: u32,
    /// The file's mode and owner, where it can be looked at.
    pub file: Option<Permissions>,
}

/// Whose a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permissions {
    /// The permission bits.
    pub mode: u32,
    /// The user id.
    pub user: u32,
    /// The group id.
    pub group: u32,
}

/// How an exchange ended to which there was no answer that STS meant as an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A setting kept the request from being sent at all.
    BeforeTheWire,
    /// No connection in time, name look-up, tunnel and TLS handshake included.
    ConnectTimeout,
    /// Nothing listens on the port.
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

impl Code {
    /// The code as it is shown: one word without control characters.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Sts { text, .. } => text.into(),
            Self::Own(own) => own.text(),
        }
    }

    /// Whether STS answered with this error code.
    #[must_use]
    pub fn is_of_sts(&self, code: &str) -> bool {
        matches!(self, Self::Sts { text, .. } if text == code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text())
    }
}

impl From<OwnCode> for Code {
    fn from(own: OwnCode) -> Self {
        Self::Own(own)
    }
}

impl OwnCode {
    /// How a failure of this code is retried.
    pub(super) fn class(&self) -> Class {
        match self {
            // Not STS, then: a default backend while STS restarts gives 404, and goes away.
            Self::Status(status) => answer::of_status(*status, Class::Transient),
            Self::Ended(kind) => kind.class(),
            Self::File(..) | Self::AssertionExpired | Self::TokenCodeUsed => Class::Token,
            Self::SignerMissing => Class::Source,
            Self::ImplausibleExpiration | Self::ExpiredOnArrival => Class::BadReply,
        }
    }

    fn text(&self) -> Cow<'static, str> {
        match self {
            Self::Status(Some(300..=399)) => "HttpRedirect".into(),
            Self::Status(Some(status)) => format!("HttpStatus{status}").into(),
            Self::Status(None) => "HttpStatusUnknown".into(),
            Self::Ended(kind) => kind.text().into(),
            Self::File(form, fault) => format!("{}{}", form.noun(), fault.text()).into(),
            Self::AssertionExpired => "AssertionExpired".into(),
            Self::TokenCodeUsed => "TokenCodeUsed".into(),
            Self::SignerMissing => "SignerMissing".into(),
            Self::ImplausibleExpiration => "ImplausibleExpiration".into(),
            Self::ExpiredOnArrival => "ExpiredOnArrival".into(),
        }
    }
}

impl FileFault {
    fn text(self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::Unreadable(_) => "Unreadable",
            Self::Invalid => "Invalid",
        }
    }
}

impl Kind {
    fn class(self) -> Class {
        match self {
            Self::BeforeTheWire => Class::Config,
            Self::ConnectTimeout
            | Self::ConnectionRefused
            | Self::NameNotResolved
            | Self::Tls(_)
            | Self::NotHttp
            | Self::Unreachable
            | Self::RequestTimeout
            | Self::ConnectionReset => Class::Transient,
            Self::ReplyTooLarge | Self::InvalidReply => Class::BadReply,
            Self::RoleMismatch => Class::Role,
        }
    }

    /// Whether nothing was answered.
    pub(super) fn is_silence(self) -> bool {
        matches!(self.class(), Class::Config | Class::Transient)
    }

    fn text(self) -> &'static str {
        match self {
            Self::BeforeTheWire => "RequestNotSent",
            Self::ConnectTimeout => "ConnectTimeout",
            Self::ConnectionRefused => "ConnectionRefused",
            Self::NameNotResolved => "NameNotResolved",
            Self::Tls(fault) => fault.text(),
            Self::NotHttp => "NotHttp",
            Self::Unreachable => "Unreachable",
            Self::RequestTimeout => "RequestTimeout",
            Self::ConnectionReset => "ConnectionReset",
            Self::ReplyTooLarge => "ReplyTooLarge",
            Self::InvalidReply => "InvalidReply",
            Self::RoleMismatch => "RoleMismatch",
        }
    }
}

impl TlsFault {
    /// `TlsFailure` is what has no better name.
    fn text(self) -> &'static str {
        match self {
            Self::Expired => "TlsCertificateExpired",
            Self::NotYetValid => "TlsCertificateNotYetValid",
            Self::WrongHost => "TlsCertificateWrongHost",
            Self::Untrusted => "TlsCertificateUntrusted",
            Self::SelfSigned => "TlsCertificateSelfSigned",
            Self::Revoked => "TlsCertificateRevoked",
            Self::Unusable => "TlsCertificateUnusable",
            Self::NotSpoken => "TlsNotSpoken",
            Self::Refused => "TlsRefused",
            Self::ClientCertificate => "TlsClientCertificate",
            Self::Broken => "TlsFailure",
        }
    }
}
