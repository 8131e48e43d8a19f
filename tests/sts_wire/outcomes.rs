//! What each answer becomes: class and code.

use std::time::Duration;

use stsidecar::failure::{Class, Failure};

use super::support::fake_sts::{Behaviour, FakeSts};
use super::unanswered::begin;
use super::{client, enter};

/// One entry against a fake that behaves like this, and how long it took; what the time-out ends
/// has its own code.
pub(super) async fn outcome(behaviour: Behaviour) -> (Failure, Duration) {
    let sts = FakeSts::start();
    sts.set_default(behaviour.clone());
    let client = client(&sts.url());
    let begun = begin();
    let failure = enter(&client).await.expect_err("no credentials");
    assert_eq!(sts.calls().len(), 1, "one attempt only: {behaviour:?}");
    assert!(failure.sent);
    (failure, begun.elapsed())
}

/// Status, code and message of an answer, and the class that they mean.
type Refusal = (u16, &'static str, &'static str, Class);

const OF_AWS: &[Refusal] = &[
    (
        400,
        "ExpiredTokenException",
        "Token expired: current date/time 2 must be before 1",
        Class::Token,
    ),
    (
        400,
        "InvalidIdentityToken",
        "Couldn't retrieve verification key from your identity provider",
        Class::Transient,
    ),
    (
        400,
        "InvalidIdentityToken",
        "No OpenIDConnect provider found in your account for https://k",
        Class::Config,
    ),
    (
        400,
        "InvalidIdentityToken",
        "Incorrect token audience",
        Class::Config,
    ),
    (
        400,
        "InvalidIdentityToken",
        "The ID Token provided is not a valid JWT.",
        Class::Token,
    ),
    (
        400,
        "IDPCommunicationError",
        "Error communicating with the provider",
        Class::Transient,
    ),
    (
        403,
        "IDPRejectedClaim",
        "The claim was rejected",
        Class::Token,
    ),
    (
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        Class::Denied,
    ),
    (400, "Throttling", "Rate exceeded", Class::Throttled),
    (503, "ServiceUnavailable", "Try again", Class::Transient),
    (500, "InternalFailure", "Oops", Class::Transient),
    (
        403,
        "RegionDisabledException",
        "STS is not activated in this region",
        Class::Config,
    ),
    (
        400,
        "MalformedPolicyDocument",
        "Syntax errors in policy",
        Class::Config,
    ),
    (
        400,
        "PackedPolicyTooLarge",
        "Packed size 102%",
        Class::Config,
    ),
    (
        400,
        "ValidationError",
        "1 validation error <detected> & more",
        Class::Config,
    ),
    (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        Class::DurationTooLong,
    ),
    (400, "RequestExpired", "Request has expired.", Class::Clock),
];

/// In words of their own: `SeaweedFS`, `MinIO`, Ceph RGW.
const OF_OTHERS: &[Refusal] = &[
    (
        400,
        "InvalidParameterValue",
        "token contains an invalid number of segments",
        Class::Token,
    ),
    (
        400,
        "InvalidParameterValue",
        "signature is invalid",
        Class::Token,
    ),
    (
        400,
        "InvalidClientGrantsToken",
        "The client grants token that was passed could not be validated",
        Class::Token,
    ),
    (
        400,
        "ExpiredToken",
        "The security token included in the request is expired",
        Class::Token,
    ),
    (403, "AccessDenied", "Access Denied.", Class::Denied),
    (
        503,
        "STSNotInitialized",
        "STS API not initialized, please try again.",
        Class::Transient,
    ),
    (
        503,
        "XMinioServerNotInitialized",
        "Server not initialized, please try again.",
        Class::Transient,
    ),
    (
        503,
        "SlowDown",
        "Please reduce your request rate.",
        Class::Throttled,
    ),
    (404, "NoSuchEntity", "role not found", Class::Config),
];

#[tokio::test]
async fn each_error_of_sts_arrives_with_its_code_message_and_request_id() {
    for (status, code, message, class) in OF_AWS.iter().chain(OF_OTHERS) {
        let (failure, _) = outcome(Behaviour::error(*status, code, message)).await;
        assert_eq!(
            (failure.class, &*failure.code.text(), &*failure.message),
            (*class, *code, *message)
        );
        let id = failure.request_id.expect("a request id");
        assert!(id.starts_with("f4ce575f-"), "{id}");
    }
}

#[tokio::test]
async fn answers_that_are_not_stss_are_judged_by_what_they_are() {
    let raw = |status, content_type, body: &str| Behaviour::Raw {
        status,
        content_type,
        body: body.to_owned(),
    };
    let ceph =
        "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><RequestId>tx7</RequestId></Error>";
    for (behaviour, class, code) in [
        (Behaviour::Throttle, Class::Throttled, "Throttling"),
        (Behaviour::Html502, Class::Transient, "HttpStatus502"),
        (Behaviour::Empty500, Class::Transient, "HttpStatus500"),
        (Behaviour::MissingFields, Class::BadReply, "InvalidReply"),
        (
            raw(200, "text/html", "<html>welcome</html>"),
            Class::BadReply,
            "InvalidReply",
        ),
        (raw(200, "text/xml", ""), Class::BadReply, "InvalidReply"),
        (
            raw(200, "text/xml", "<a><b>"),
            Class::BadReply,
            "InvalidReply",
        ),
        (
            raw(404, "text/plain", "no such page"),
            Class::Transient,
            "HttpStatus404",
        ),
        (
            raw(429, "text/plain", ""),
            Class::Throttled,
            "HttpStatus429",
        ),
        (
            raw(403, "application/xml", ceph),
            Class::Denied,
            "AccessDenied",
        ),
        (
            Behaviour::AssumedRole("arn:aws:sts::111122223333:assumed-role/other/x".into()),
            Class::Role,
            "RoleMismatch",
        ),
    ] {
        let (failure, _) = outcome(behaviour.clone()).await;
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (class, code),
            "{behaviour:?}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (sts, trap) = (FakeSts::start(), FakeSts::start());
    sts.set_default(Behaviour::Redirect(trap.url()));
    let failure = enter(&client(&sts.url())).await.expect_err("a redirect");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Config, "HttpRedirect")
    );
    assert!(trap.calls().is_empty(), "the token went elsewhere");
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let (failure, _) = outcome(Behaviour::Oversized).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::BadReply, "ReplyTooLarge")
    );
}

#[tokio::test]
async fn a_body_cut_short_by_a_reset_is_no_reply() {
    let (failure, _) = outcome(Behaviour::ResetMidBody).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "ConnectionReset")
    );
}
