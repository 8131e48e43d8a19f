//! The table of classes, row by row, and codes of servers beside ours.

use proptest::prelude::*;

use super::*;

fn answered(status: u16, code: Option<&str>, message: &str) -> Evidence {
    Evidence {
        kind: None,
        code: code.map(str::to_owned),
        message: Some(message.to_owned()),
        status: Some(status),
        request_id: Some("2c3a0d3e-7d3a-4f0e-9a5b-0123456789ab".to_owned()),
        signed: false,
    }
}

fn class_of(status: u16, code: &str, message: &str) -> Class {
    classify(answered(status, Some(code), message)).class
}

#[test]
fn each_code_of_sts_has_its_class_whatever_the_status() {
    for (code, class) in [
        ("ExpiredTokenException", Class::Token),
        ("IDPCommunicationError", Class::Transient),
        ("IDPRejectedClaim", Class::Token),
        ("AccessDenied", Class::Denied),
        ("Throttling", Class::Throttled),
        ("ThrottlingException", Class::Throttled),
        ("RequestLimitExceeded", Class::Throttled),
        ("SlowDown", Class::Throttled),
        ("ServiceUnavailable", Class::Transient),
        ("InternalFailure", Class::Transient),
        ("RegionDisabledException", Class::Config),
        ("MalformedPolicyDocument", Class::Config),
        ("PackedPolicyTooLarge", Class::Config),
        ("ValidationError", Class::Config),
        ("InvalidClientTokenId", Class::Source),
        ("SignatureDoesNotMatch", Class::Source),
        ("RequestExpired", Class::Clock),
        ("RequestTimeTooSkewed", Class::Clock),
    ] {
        for status in [400, 403, 500, 503] {
            assert_eq!(
                class_of(status, code, "some text"),
                class,
                "{code} {status}"
            );
        }
    }
}

#[test]
fn one_code_for_several_causes_is_split_by_its_message() {
    for (code, message, class) in [
        (
            "InvalidIdentityToken",
            "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements",
            Class::Transient,
        ),
        (
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account for https://k",
            Class::Config,
        ),
        (
            "InvalidIdentityToken",
            "Incorrect token audience",
            Class::Config,
        ),
        (
            "InvalidIdentityToken",
            "The ID Token provided is not a valid JWT.",
            Class::Token,
        ),
        ("InvalidIdentityToken", "", Class::Token),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            Class::DurationTooLong,
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            Class::DurationTooLong,
        ),
        (
            "ValidationError",
            "1 validation error detected: Value at 'roleSessionName'",
            Class::Config,
        ),
        (
            "InvalidParameterValue",
            "token contains an invalid number of segments",
            Class::Token,
        ),
        ("InvalidParameterValue", "Invalid kid value", Class::Token),
        (
            "InvalidParameterValue",
            "invalid ARN - bad partition field",
            Class::Config,
        ),
        (
            "InvalidParameterValue",
            "DurationSeconds must be between 900 and 43200",
            Class::Config,
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261122T060000Z is now earlier than",
            Class::Clock,
        ),
        (
            "SignatureDoesNotMatch",
            "Signature not yet current: 20261122T060000Z",
            Class::Clock,
        ),
    ] {
        assert_eq!(class_of(400, code, message), class, "{code}: {message}");
    }
}

#[test]
fn an_expired_token_is_the_signers_on_a_signed_hop_and_the_pods_on_an_unsigned_one() {
    let mut evidence = answered(
        403,
        Some("ExpiredToken"),
        "The security token included in the request is expired",
    );
    assert_eq!(classify(evidence.clone()).class, Class::Token);
    evidence.signed = true;
    assert_eq!(classify(evidence).class, Class::Source);
}

#[test]
fn the_status_counts_only_without_a_known_code() {
    for (status, class, code) in [
        (200, Class::BadReply, "HttpStatus200"),
        (307, Class::Config, "HttpRedirect"),
        (400, Class::Transient, "HttpStatus400"),
        (401, Class::Denied, "HttpStatus401"),
        (403, Class::Denied, "HttpStatus403"),
        (404, Class::Transient, "HttpStatus404"),
        (408, Class::Transient, "HttpStatus408"),
        (429, Class::Throttled, "HttpStatus429"),
        (500, Class::Transient, "HttpStatus500"),
        (502, Class::Transient, "HttpStatus502"),
    ] {
        let failure = classify(answered(status, None, ""));
        assert_eq!((failure.class, &*failure.code.text()), (class, code));
        assert!(
            failure.message.contains(&status.to_string()),
            "{}",
            failure.message
        );
        // What sends a code is an STS, and means its refusal.
        let with_code = if matches!(status, 400 | 404) {
            Class::Config
        } else {
            class
        };
        assert_eq!(
            class_of(status, "NeverHeardOf", ""),
            with_code,
            "unknown code with {status}"
        );
    }
    let unknown = Evidence {
        status: None,
        ..answered(0, None, "")
    };
    assert_eq!(classify(unknown).class, Class::Transient);
}

#[test]
fn what_brought_no_answer_has_a_code_of_ours() {
    for (kind, class, code) in [
        (Kind::BeforeTheWire, Class::Config, "RequestNotSent"),
        (Kind::ConnectTimeout, Class::Transient, "ConnectTimeout"),
        (
            Kind::ConnectionRefused,
            Class::Transient,
            "ConnectionRefused",
        ),
        (Kind::NameNotResolved, Class::Transient, "NameNotResolved"),
        (Kind::Tls(TlsFault::Broken), Class::Transient, "TlsFailure"),
        (
            Kind::Tls(TlsFault::Untrusted),
            Class::Transient,
            "TlsCertificateUntrusted",
        ),
        (Kind::NotHttp, Class::Transient, "NotHttp"),
        (Kind::Unreachable, Class::Transient, "Unreachable"),
        (Kind::RequestTimeout, Class::Transient, "RequestTimeout"),
        (Kind::ConnectionReset, Class::Transient, "ConnectionReset"),
        (Kind::ReplyTooLarge, Class::BadReply, "ReplyTooLarge"),
        (Kind::InvalidReply, Class::BadReply, "InvalidReply"),
        (Kind::RoleMismatch, Class::Role, "RoleMismatch"),
    ] {
        let failure = classify(Evidence {
            kind: Some(kind),
            ..answered(200, Some("AccessDenied"), "ours")
        });
        assert_eq!(
            (
                failure.class,
                &*failure.code.text(),
                failure.message.as_str()
            ),
            (class, code, "ours")
        );
        assert_eq!(failure.sent, kind != Kind::BeforeTheWire, "{kind:?}");
    }
}

#[test]
fn no_code_is_in_the_tables_twice() {
    let mut all: Vec<&str> = answer::FIXED
        .iter()
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    all.extend(answer::SPLIT);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn a_code_or_request_id_that_is_not_a_word_is_not_shown() {
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ";
    for bad in ["", "two words", "line\nbreak", jwt, &"x".repeat(200)] {
        let failure = classify(Evidence {
            request_id: Some(bad.to_owned()),
            ..answered(500, Some(bad), "")
        });
        assert_eq!(
            (&*failure.code.text(), failure.request_id),
            ("HttpStatus500", None),
            "{bad:.20}"
        );
    }
}

proptest! {
    #[test]
    fn whatever_is_on_the_wire_the_failure_is_short_and_single(
        code in proptest::option::of(".{0,100}"), message in ".{0,2000}", id in ".{0,200}", status in any::<u16>(), signed: bool
    ) {
        let failure = classify(Evidence {
            kind: None, code, message: Some(message), status: Some(status), request_id: Some(id), signed,
        });
        let hint = failure.hint();
        let code = failure.code.text();
        for text in [&*code, &*failure.message, failure.request_id.as_deref().unwrap_or_default()] {
            prop_assert!(text.chars().count() <= 512 && !text.chars().any(char::is_control), "{text}");
        }
        prop_assert!(!code.is_empty());
        let cause = &failure.message;
        let line = line::Line { profile: "p", role: None, code: &code, cause, hint: &hint, end: "" }.text();
        prop_assert!(line.chars().count() < 200 && !line.chars().any(char::is_control), "{line}");
    }
}

#[test]
fn a_servers_code_is_not_ours_though_it_has_the_same_letters() {
    for code in ["RequestTimeout", "ConnectTimeout", "TlsAccessDenied"] {
        let failure = classify(answered(503, Some(code), "busy"));
        assert!(!failure.is_unanswered(), "{code}: it has answered");
    }
    let failure = classify(answered(503, Some("HttpStatus404"), "busy"));
    assert!(!failure.is_refusal(), "the status says: not now");
    let failure = classify(answered(400, Some("TokenFileUnreadable"), "we are uid 1"));
    assert!(!failure.hint().contains("token"), "{}", failure.hint());
}
