//! The table of classes, row by row, and the rules for text.

use proptest::prelude::*;

use super::*;

fn answered(status: u16, code: Option<&str>, message: &str) -> Evidence {
    Evidence {
        kind: Kind::Answered,
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
        assert_eq!((failure.class, failure.code.as_str()), (class, code));
        assert!(
            failure.message.contains(&status.to_string()),
            "{}",
            failure.message
        );
        // Who sends a code is an STS, and means its refusal.
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
            kind,
            ..answered(200, Some("AccessDenied"), "ours")
        });
        assert_eq!(
            (
                failure.class,
                failure.code.as_str(),
                failure.message.as_str()
            ),
            (class, code, "ours")
        );
        assert_eq!(failure.sent, kind != Kind::BeforeTheWire, "{kind:?}");
    }
}

#[test]
fn no_code_stands_twice_in_the_table() {
    let mut all: Vec<&str> = codes::FIXED
        .iter()
        .flat_map(|(_, codes)| codes.iter().copied())
        .collect();
    all.extend(codes::SPLIT);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn a_message_becomes_one_line_without_controls_and_without_tokens() {
    let jwt = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl";
    for (raw, safe) in [
        ("  plain text \n", "plain text"),
        ("two\nlines\tand\x1b[31m", "two\\nlines\\tand\\u{1b}[31m"),
        ("\u{202e}reversed\u{2028}!", "\\u{202e}reversed\\u{2028}!"),
        ("eyJ is short", "eyJ is short"),
        (
            &format!("bad token {jwt}, sorry"),
            "bad token [redacted], sorry",
        ),
        (&format!("a={jwt}&b={jwt}"), "a=[redacted]&b=[redacted]"),
        ("ZXlKaGJHY2lPaUpTVXpJMU5pSjk=", "[redacted]"),
        (
            "Value 'PD94bWwgdmVyc2lvbj0iMS4wIj8+' at 'sAMLAssertion'",
            "Value '[redacted]' at 'sAMLAssertion'",
        ),
        ("PHNhbWxwOlJlc3BvbnNlPg== is old", "[redacted] is old"),
        (
            &format!("Value 'Atza|{}' failed", "IQEBLjAsAhRm".repeat(25)),
            "Value 'Atza|[redacted]' failed",
        ),
    ] {
        assert_eq!(safe_line(raw), safe);
    }
    let cut = safe_line(&"ä\n".repeat(2000));
    assert!(cut.chars().count() == 512 && cut.ends_with('…'), "{cut}");
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
            (failure.code.as_str(), failure.request_id),
            ("HttpStatus500", None),
            "{bad:.20}"
        );
    }
}

#[test]
fn the_middle_is_cut_by_characters() {
    assert_eq!(middle_cut("abcdefghij", 10), "abcdefghij");
    assert_eq!(middle_cut("abcdefghijk", 10), "abcd...ijk");
    assert_eq!(middle_cut("ääääääääääää", 8), "äää...ää");
}

proptest! {
    #[test]
    fn whatever_stands_on_the_wire_the_failure_is_short_and_single(
        code in proptest::option::of(".{0,100}"), message in ".{0,2000}", id in ".{0,200}", status in any::<u16>(), signed: bool
    ) {
        let failure = classify(Evidence {
            kind: Kind::Answered, code, message: Some(message), status: Some(status), request_id: Some(id), signed,
        });
        let hint = failure.hint();
        for text in [&failure.code, &failure.message, failure.request_id.as_ref().unwrap_or(&String::new())] {
            prop_assert!(text.chars().count() <= 512 && !text.chars().any(char::is_control), "{text}");
        }
        prop_assert!(!failure.code.is_empty());
        let cause = &failure.message;
        let line = line::Line { profile: "p", role: None, code: &failure.code, cause, hint: &hint, end: "" }.text();
        prop_assert!(line.chars().count() < 200 && !line.chars().any(char::is_control), "{line}");
    }
}
