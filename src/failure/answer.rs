//! What an answer means: the class and the cause behind the codes of STS and of other servers.
//!
//! Owns the one place that reads a server's message. Sources: the errors of the STS API
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html> and the page of each
//! action), of Cognito
//! (<https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html>),
//! the codes that SDKs take for throttling and for a wrong clock
//! (<https://github.com/smithy-lang/smithy-typescript/blob/main/packages/service-error-classification/src/constants.ts>),
//! and the answers of `SeaweedFS`, `MinIO` and Ceph RGW, recorded in `tests/sts_wire`. Pure
//! lookups; only `failure` calls them.

use super::{Cause, Class};

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

/// Whether an STS is known to have this error code, among those of other origin.
#[must_use]
pub fn is_known_code(code: &str) -> bool {
    SPLIT.contains(&code) || FIXED.iter().any(|(_, codes)| codes.contains(&code))
}

/// What a message adds to its code; nothing for a code that has one cause only.
pub(super) fn cause(code: &str, message: &str) -> Option<Cause> {
    match code {
        "InvalidIdentityToken" => cause_of_token(&message.to_ascii_lowercase()),
        "AccessDenied" | "AccessDeniedException" => cause_of_denial(message),
        "ValidationError" | "InvalidParameterValue" => {
            is_duration_refusal(message).then_some(Cause::SessionTooLong)
        }
        _ => None,
    }
}

fn cause_of_token(message: &str) -> Option<Cause> {
    if message.contains("retrieve verification key") {
        Some(Cause::KeysNotFetched)
    } else if message.contains("no openidconnect provider") {
        Some(Cause::NoProvider)
    } else if message.contains("incorrect token audience") {
        Some(Cause::WrongAudience)
    } else {
        None
    }
}

fn cause_of_denial(message: &str) -> Option<Cause> {
    if message.contains("MultiFactorAuthentication") {
        Some(Cause::Mfa)
    } else if message.contains("AssumeRoleWithSAML") {
        Some(Cause::Assertion)
    } else if message.contains("sts:TagSession") {
        Some(Cause::TagSession)
    } else if message.contains("sts:SetSourceIdentity") {
        Some(Cause::SourceIdentity)
    } else if message.contains("sts:AssumeRole") && !message.contains("WithWebIdentity") {
        Some(Cause::NextRole)
    } else {
        None
    }
}

/// The class of a code with its message; nothing for a code that no documentation has.
pub(super) fn class(
    code: &str,
    cause: Option<Cause>,
    message: &str,
    signed: bool,
) -> Option<Class> {
    let message = message.to_ascii_lowercase();
    let says = |part: &str| message.contains(part);
    Some(match (code, cause) {
        (_, Some(Cause::KeysNotFetched)) => Class::Transient,
        // Both need a change of the IAM identity provider or of the token's audience.
        (_, Some(Cause::NoProvider | Cause::WrongAudience)) => Class::Config,
        (_, Some(Cause::SessionTooLong)) => Class::DurationTooLong,
        ("InvalidIdentityToken", _) => Class::Token,
        // MinIO's for a wrong secret key, where AWS says SignatureDoesNotMatch.
        ("AccessDenied", _) if says("signature we calculated does not match") => Class::Source,
        // Cognito's for a login that it does not take, and for everything that it does not allow.
        ("NotAuthorizedException", _) if says("token") => Class::Token,
        ("NotAuthorizedException", _) => Class::Denied,
        ("InvalidParameterValue", _) if is_token_fault(&message) => Class::Token,
        ("ValidationError" | "InvalidParameterValue", _) => Class::Config,
        // AWS reports a request time outside its five minutes under the code of a wrong key.
        ("SignatureDoesNotMatch", _)
            if says("signature expired") || says("signature not yet current") =>
        {
            Class::Clock
        }
        // MinIO uses this code for a web identity token, where AWS says ExpiredTokenException.
        ("ExpiredToken", _) if !signed => Class::Token,
        ("SignatureDoesNotMatch" | "ExpiredToken", _) => Class::Source,
        _ => FIXED.iter().find(|(_, codes)| codes.contains(&code))?.0,
    })
}

/// The class of a status, for want of a code; `refused` is what a 4xx without a meaning of its own
/// becomes.
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

/// Whether a status of an answer without a code asks for no patience.
pub(super) fn is_no(status: u16) -> bool {
    (400..500).contains(&status) && of_status(Some(status), Class::Config) == Class::Config
}

/// The texts of a role's own maximum and of the limit on role chaining.
fn is_duration_refusal(message: &str) -> bool {
    message.contains("MaxSessionDuration")
        || message.contains("1 hour session limit for roles assumed by role chaining")
}

/// `SeaweedFS` and `MinIO` report every fault of a token under the code of a wrong parameter.
fn is_token_fault(message: &str) -> bool {
    const WORDS: [&str; 8] = [
        "token",
        "jwt",
        "kid",
        "signature",
        "verification error",
        "audience",
        "issuer",
        "claim",
    ];
    WORDS.iter().any(|word| message.contains(word))
}
