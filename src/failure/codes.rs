//! The tables behind [`super::classify`]: codes of STS and of other servers, and the messages that split them.
//!
//! Source: the STS service model and what AWS, `SeaweedFS`, `MinIO` and Ceph RGW were seen to answer (design
//! page on STS, A.5, and on other servers, C). Pure lookups; only `failure.rs` calls them.

use super::{Class, Kind, TlsFault};

/// Every code whose class does not depend on anything else, grouped by class.
pub(super) const FIXED: &[(Class, &[&str])] = &[
    (
        Class::Throttled,
        &[
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestThrottledException",
            "RequestThrottled",
            "TooManyRequestsException",
            "TooManyRequests",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
            "RequestLimitExceeded",
            "BandwidthLimitExceeded",
            "LimitExceededException",
            "SlowDown",
            "PriorRequestNotComplete",
            "EC2ThrottledException",
        ],
    ),
    (
        Class::Transient,
        &[
            "IDPCommunicationError",
            "InternalFailure",
            "InternalError",
            "InternalServerError",
            "ServiceFailure",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "STSNotInitialized",
            "XMinioServerNotInitialized",
            "RequestTimeout",
            "RequestTimeoutException",
            "ExternalServiceException",
            "InternalErrorException",
            "ResourceConflictException",
        ],
    ),
    (
        Class::Token,
        &[
            "ExpiredTokenException",
            "IDPRejectedClaim",
            "InvalidClientGrantsToken",
        ],
    ),
    (
        Class::Clock,
        &[
            "RequestExpired",
            "RequestTimeTooSkewed",
            "RequestInTheFuture",
        ],
    ),
    (
        Class::Source,
        &[
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "UnrecognizedClientException",
            "InvalidToken",
            "TokenRefreshRequired",
        ],
    ),
    (
        Class::Denied,
        &[
            "AccessDenied",
            "AccessDeniedException",
            "UnauthorizedAccess",
            "ForbiddenException",
        ],
    ),
    (
        Class::Config,
        &[
            "RegionDisabledException",
            "MalformedPolicyDocument",
            "PackedPolicyTooLarge",
            "OptInRequired",
            "InvalidAction",
            "MalformedInput",
            "MalformedQueryString",
            "MissingAction",
            "MissingParameter",
            "MissingAuthenticationToken",
            "IncompleteSignature",
            "InvalidParameterCombination",
            "NoSuchEntity",
            "InvalidIdentityPoolConfigurationException",
            "InvalidParameterException",
            "ResourceNotFoundException",
        ],
    ),
];

/// The codes whose class is decided by the message, or by whether the request was signed.
pub(super) const SPLIT: &[&str] = &[
    "InvalidIdentityToken",
    "NotAuthorizedException",
    "ValidationError",
    "InvalidParameterValue",
    "SignatureDoesNotMatch",
    "ExpiredToken",
];

/// Whether a code is in the tables.
pub(super) fn is_known(code: &str) -> bool {
    SPLIT.contains(&code) || FIXED.iter().any(|(_, codes)| codes.contains(&code))
}

/// The class and our own code of an attempt that brought no answer STS meant as an error.
pub(super) fn of_kind(kind: Kind) -> Option<(Class, &'static str)> {
    Some(match kind {
        Kind::Answered => return None,
        Kind::BeforeTheWire => (Class::Config, "RequestNotSent"),
        Kind::ConnectTimeout => (Class::Transient, "ConnectTimeout"),
        Kind::ConnectionRefused => (Class::Transient, "ConnectionRefused"),
        Kind::NameNotResolved => (Class::Transient, "NameNotResolved"),
        Kind::Tls(fault) => (Class::Transient, of_tls(fault)),
        Kind::NotHttp => (Class::Transient, "NotHttp"),
        Kind::Unreachable => (Class::Transient, "Unreachable"),
        Kind::RequestTimeout => (Class::Transient, "RequestTimeout"),
        Kind::ConnectionReset => (Class::Transient, "ConnectionReset"),
        Kind::ReplyTooLarge => (Class::BadReply, "ReplyTooLarge"),
        Kind::InvalidReply => (Class::BadReply, "InvalidReply"),
        Kind::RoleMismatch => (Class::Role, "RoleMismatch"),
    })
}

/// The codes of TLS; `TlsFailure` is what has no better name.
fn of_tls(fault: TlsFault) -> &'static str {
    match fault {
        TlsFault::Expired => "TlsCertificateExpired",
        TlsFault::NotYetValid => "TlsCertificateNotYetValid",
        TlsFault::WrongHost => "TlsCertificateWrongHost",
        TlsFault::Untrusted => "TlsCertificateUntrusted",
        TlsFault::SelfSigned => "TlsCertificateSelfSigned",
        TlsFault::Revoked => "TlsCertificateRevoked",
        TlsFault::Unusable => "TlsCertificateUnusable",
        TlsFault::NotSpoken => "TlsNotSpoken",
        TlsFault::Refused => "TlsRefused",
        TlsFault::ClientCertificate => "TlsClientCertificate",
        TlsFault::Broken => "TlsFailure",
    }
}

/// Whether this is our code for an attempt to which nobody answered.
pub(super) fn is_unanswered(code: &str) -> bool {
    let silent = [
        Kind::BeforeTheWire,
        Kind::ConnectTimeout,
        Kind::ConnectionRefused,
        Kind::NameNotResolved,
        Kind::NotHttp,
        Kind::Unreachable,
        Kind::RequestTimeout,
        Kind::ConnectionReset,
    ];
    code.starts_with("Tls")
        || silent
            .into_iter()
            .filter_map(of_kind)
            .any(|(_, own)| own == code)
}

/// Our code for an answer that has none.
pub(super) fn without_code(status: u16) -> String {
    format!("HttpStatus{status}")
}

/// Whether this is our code for an answer that has none, with a status that asks for no patience.
pub(super) fn is_no(code: &str) -> bool {
    let says_no = |status: &u16| of_status(Some(*status), Class::Config) == Class::Config;
    (400..500)
        .filter(says_no)
        .any(|status| without_code(status) == code)
}

/// The class of a code with its message; nothing for a code nobody has documented.
pub(super) fn of_answer(code: &str, message: &str, signed: bool) -> Option<Class> {
    let says = |part: &str| message.to_ascii_lowercase().contains(part);
    match code {
        "InvalidIdentityToken" if says("retrieve verification key") => Some(Class::Transient),
        "InvalidIdentityToken" if is_provider_setting(message) => Some(Class::Config),
        "InvalidIdentityToken" => Some(Class::Token),
        // MinIO's for a wrong secret key, where AWS says SignatureDoesNotMatch.
        "AccessDenied" if says("signature we calculated does not match") => Some(Class::Source),
        // Cognito's for a login that it does not take, and for everything that it does not allow.
        "NotAuthorizedException" => Some(if says("token") {
            Class::Token
        } else {
            Class::Denied
        }),
        "ValidationError" | "InvalidParameterValue" if is_duration_refusal(message) => {
            Some(Class::DurationTooLong)
        }
        "InvalidParameterValue" if is_token_fault(message) => Some(Class::Token),
        "ValidationError" | "InvalidParameterValue" => Some(Class::Config),
        // AWS reports a request time outside its five minutes under the code of a wrong key.
        "SignatureDoesNotMatch"
            if says("signature expired") || says("signature not yet current") =>
        {
            Some(Class::Clock)
        }
        "SignatureDoesNotMatch" => Some(Class::Source),
        // MinIO uses this code for a web identity token, where AWS says ExpiredTokenException.
        "ExpiredToken" => Some(if signed { Class::Source } else { Class::Token }),
        _ => FIXED
            .iter()
            .find(|(_, codes)| codes.contains(&code))
            .map(|(class, _)| *class),
    }
}

/// The class of a status, for want of a code; `refused` is what a 4xx without a meaning of its own becomes.
pub(super) fn of_status(status: Option<u16>, refused: Class) -> Class {
    match status {
        Some(200..=299) => Class::BadReply,
        Some(401 | 403) => Class::Denied,
        Some(429) => Class::Throttled,
        // No STS redirects: the endpoint's URL is not the STS's own.
        Some(300..=399) => Class::Config,
        Some(408 | 425 | 500..) | None => Class::Transient,
        Some(_) => refused,
    }
}

/// Both need a change of the IAM identity provider or of the token's audience.
fn is_provider_setting(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("no openidconnect provider") || message.contains("incorrect token audience")
}

/// The texts of a role's own maximum and of the limit on role chaining.
pub(super) fn is_duration_refusal(message: &str) -> bool {
    message.contains("MaxSessionDuration")
        || message.contains("1 hour session limit for roles assumed by role chaining")
}

/// `SeaweedFS` and `MinIO` report every fault of a token under the code of a wrong parameter.
fn is_token_fault(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "token",
        "jwt",
        "kid",
        "signature",
        "verification error",
        "audience",
        "issuer",
        "claim",
    ]
    .iter()
    .any(|word| message.contains(word))
}
