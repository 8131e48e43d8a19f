//! Hints of every code, class and cause.

use super::*;
use crate::failure::{Permissions, answer};
use crate::role::Server;

const CLASSES: [Class; 10] = [
    Class::Transient,
    Class::Throttled,
    Class::Clock,
    Class::BadReply,
    Class::Token,
    Class::Source,
    Class::Denied,
    Class::Role,
    Class::Config,
    Class::DurationTooLong,
];

fn is_a_hint(hint: &str) -> bool {
    (20..=LONGEST).contains(&hint.chars().count())
        && hint.bytes().all(|b| (b' '..=b'~').contains(&b))
}

fn of_sts(class: Class, code: &str, message: &str) -> Cow<'static, str> {
    let cause = answer::cause(code, message);
    let text = code.to_owned();
    hint(class, &Code::Sts { text, cause })
}

/// Every code of ours, with each of its values that a hint may read.
fn all_own() -> Vec<OwnCode> {
    use TlsFault::*;
    let tls = [
        Expired,
        NotYetValid,
        WrongHost,
        Untrusted,
        SelfSigned,
        Revoked,
        Unusable,
        NotSpoken,
        Refused,
        ClientCertificate,
        Broken,
    ];
    let kinds = [
        Kind::BeforeTheWire,
        Kind::ConnectTimeout,
        Kind::ConnectionRefused,
        Kind::NameNotResolved,
        Kind::NotHttp,
        Kind::Unreachable,
        Kind::RequestTimeout,
        Kind::ConnectionReset,
        Kind::ReplyTooLarge,
        Kind::InvalidReply,
        Kind::RoleMismatch,
    ];
    let (profile, server) = ("default".to_owned(), Server::Aws);
    let forms = [
        Form::Token,
        Form::OAuthToken,
        Form::Assertion,
        Form::AccessKey { profile, server },
        Form::Totp,
        Form::Code,
        Form::Context,
    ];
    let closed = FileFault::Unreadable(Some(CLOSED));
    let faults = [
        FileFault::Missing,
        FileFault::Invalid,
        FileFault::Unreadable(None),
        closed,
    ];
    let statuses = [None, Some(200), Some(302), Some(404), Some(407), Some(503)];
    let files = forms
        .iter()
        .flat_map(|form| faults.map(|fault| OwnCode::File(form.clone(), fault)));
    let others = [
        OwnCode::AssertionExpired,
        OwnCode::TokenCodeUsed,
        OwnCode::SignerMissing,
        OwnCode::ImplausibleExpiration,
        OwnCode::ExpiredOnArrival,
    ];
    kinds
        .into_iter()
        .chain(tls.map(Kind::Tls))
        .map(OwnCode::Ended)
        .chain(statuses.map(OwnCode::Status))
        .chain(files)
        .chain(others)
        .collect()
}

const CLOSED: PermissionDenied = PermissionDenied {
    uid: u32::MAX,
    file: Some(Permissions {
        mode: 0o600,
        user: 1000,
        group: 0,
    }),
};

#[test]
fn every_code_and_every_class_has_one_line_of_at_most_eighty_characters() {
    let fixed = answer::FIXED.iter().flat_map(|(_, codes)| codes.iter());
    for code in fixed.chain(answer::SPLIT).chain(&["NeverHeardOf", ""]) {
        for class in CLASSES {
            let text = of_sts(class, code, "");
            assert!(
                is_a_hint(&text),
                "{code} {class:?}: {text} ({})",
                text.len()
            );
        }
    }
    for own in all_own() {
        let text = hint(own.class(), &own.clone().into());
        assert!(is_a_hint(&text), "{own:?}: {text} ({})", text.len());
    }
}

#[test]
fn codes_of_ours_are_unique_words_and_their_hints_do_not_contradict() {
    let mut hints = std::collections::BTreeMap::<String, OwnCode>::new();
    for own in all_own() {
        let code = Code::from(own.clone()).text().into_owned();
        assert!(crate::failure::text::is_token(&code, 64), "{code}");
        if let Some(other) = hints.insert(code.clone(), own.clone()) {
            let same = matches!((&own, &other), (OwnCode::File(..), OwnCode::File(..)));
            assert!(same, "{code} is {own:?} and {other:?}");
        }
    }
}

#[test]
fn one_code_with_several_causes_has_a_hint_for_each() {
    let messages = [
        "Couldn't retrieve verification key from your identity provider",
        "No OpenIDConnect provider found in your account for https://issuer",
        "Incorrect token audience",
        "Token signature is invalid",
    ];
    let hints: std::collections::BTreeSet<_> = messages
        .map(|message| of_sts(Class::Token, "InvalidIdentityToken", message))
        .into();
    assert_eq!(hints.len(), messages.len());
    assert!(hints.iter().all(|text| is_a_hint(text)), "{hints:?}");
    let denied = |message: &str| of_sts(Class::Denied, "AccessDenied", message);
    for (message, part) in [
        (
            "MultiFactorAuthentication failed with invalid MFA one time pass code.",
            "serialNumber",
        ),
        (
            "Not authorized to perform sts:AssumeRoleWithSAML",
            "provider ARN",
        ),
        (
            "User: a is not authorized to perform: sts:TagSession",
            "sts:TagSession",
        ),
        (
            "... to perform: sts:SetSourceIdentity on resource",
            "sts:SetSourceIdentity",
        ),
        (
            "User: x is not authorized to perform: sts:AssumeRole on resource: y",
            "previous role",
        ),
        (
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            "service account",
        ),
    ] {
        let text = denied(message);
        assert!(is_a_hint(&text) && text.contains(part), "{message}: {text}");
    }
}

#[test]
fn a_refused_duration_has_its_own_hint_whatever_became_of_its_class() {
    for message in [
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
    ] {
        for class in [Class::Config, Class::DurationTooLong] {
            let text = of_sts(class, "ValidationError", message);
            assert!(
                is_a_hint(&text) && text.contains("shorter session"),
                "{text}"
            );
        }
    }
}

#[test]
fn the_hint_for_a_closed_file_names_our_uid_and_its_mode() {
    let of = |form: Form, denied| {
        let own = OwnCode::File(form, FileFault::Unreadable(denied));
        hint(Class::Token, &own.into())
    };
    assert_eq!(
        of(Form::Token, Some(CLOSED)),
        "set the pod's fsGroup: uid 4294967295 cannot read the token file of mode 0600"
    );
    assert_eq!(
        of(Form::Assertion, Some(CLOSED)),
        "set the pod's fsGroup: uid 4294967295 cannot read the file of mode 0600"
    );
    let hidden = PermissionDenied { uid: 7, file: None };
    assert!(of(Form::Token, Some(hidden)).starts_with("let the agent read"));
    assert!(of(Form::Token, None).starts_with("mount a projected"));
    assert!(of(Form::Context, None).starts_with("correct the path"));
}

#[test]
fn a_url_without_an_sts_is_to_be_compared_as_written() {
    for status in [404, 405] {
        let text = hint(Class::Transient, &OwnCode::Status(Some(status)).into());
        assert!(
            is_a_hint(&text) && text.contains("path") && text.contains("as written"),
            "{text}"
        );
    }
}
