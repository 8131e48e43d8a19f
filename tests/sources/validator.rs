//! The fake STS's own limits, at their edges: other tests rely on what it refuses.

mod lists;

use super::support::fake_sts::limits::{Form, check};
use super::support::fake_sts::mfa::{Device, Devices};

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

const ROLE: &str = "arn:aws:iam::111122223333:role/app";

/// The least that an operation takes.
fn least(operation: &str) -> Form {
    form(match operation {
        "AssumeRole" => &[("RoleArn", ROLE), ("RoleSessionName", "me")],
        "AssumeRoleWithWebIdentity" => &[("RoleSessionName", "me"), ("WebIdentityToken", "abcd")],
        "AssumeRoleWithSAML" => &[
            ("RoleArn", ROLE),
            ("PrincipalArn", ROLE),
            ("SAMLAssertion", "abcd"),
        ],
        "GetFederationToken" => &[("Name", "me")],
        "GetId" => &[("IdentityPoolId", "eu-central-1:0a1b")],
        "GetCredentialsForIdentity" => &[("IdentityId", "eu-central-1:0a1b")],
        _ => &[],
    })
}

/// The code for the least with these parameters; nothing when it is taken.
fn said(operation: &str, further: &[(&str, &str)]) -> Option<&'static str> {
    let mut whole = least(operation);
    whole.extend(form(further));
    check(operation, &whole).err().map(|(_, code, _)| code)
}

const INVALID: Option<&str> = Some("ValidationError");

#[test]
fn each_operation_takes_the_least_and_misses_what_it_demands() {
    for operation in [
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
        "AssumeRoleWithSAML",
        "GetSessionToken",
        "GetFederationToken",
        "GetId",
        "GetCredentialsForIdentity",
    ] {
        assert_eq!(said(operation, &[]), None, "{operation}");
        for missing in least(operation).keys() {
            let mut rest = least(operation);
            rest.remove(missing);
            assert_eq!(
                check(operation, &rest).err().map(|(_, code, _)| code),
                INVALID,
                "{operation} without {missing}"
            );
        }
        assert_eq!(
            said(operation, &[("Sesame", "open")]),
            Some("InvalidParameter")
        );
    }
    assert_eq!(said("AssumeRoot", &[]), Some("InvalidAction"));
}

#[test]
fn each_text_has_its_shortest_its_longest_and_its_pattern() {
    for (operation, name, shortest, longest, fine, bad) in [
        ("AssumeRole", "RoleArn", 20, 2048, 'a', Some('\u{1}')),
        ("AssumeRole", "RoleSessionName", 2, 64, '@', Some('/')),
        ("AssumeRole", "ExternalId", 2, 1224, '/', Some(' ')),
        ("AssumeRole", "SourceIdentity", 2, 64, '=', Some(':')),
        (
            "AssumeRoleWithWebIdentity",
            "WebIdentityToken",
            4,
            20_000,
            '~',
            None,
        ),
        (
            "AssumeRoleWithWebIdentity",
            "ProviderId",
            4,
            2048,
            '.',
            None,
        ),
        ("AssumeRoleWithSAML", "SAMLAssertion", 4, 100_000, '=', None),
        ("GetFederationToken", "Name", 2, 32, '-', Some('/')),
        ("GetId", "AccountId", 1, 15, '1', Some('a')),
    ] {
        let text = |length: usize| fine.to_string().repeat(length);
        for (length, expected) in [
            (shortest - 1, INVALID),
            (shortest, None),
            (longest, None),
            (longest + 1, INVALID),
        ] {
            assert_eq!(
                said(operation, &[(name, &text(length))]),
                expected,
                "{operation} {name} of {length}"
            );
        }
        if let Some(bad) = bad {
            let text = format!("{}{bad}", text(shortest));
            assert_eq!(
                said(operation, &[(name, &text)]),
                INVALID,
                "{name} {text:?}"
            );
        }
    }
}

#[test]
fn durations_are_those_of_the_operation() {
    for (operation, longest) in [
        ("AssumeRole", 43_200),
        ("AssumeRoleWithWebIdentity", 43_200),
        ("AssumeRoleWithSAML", 43_200),
        ("GetSessionToken", 129_600),
        ("GetFederationToken", 129_600),
    ] {
        for (seconds, expected) in [
            (899, INVALID),
            (900, None),
            (longest, None),
            (longest + 1, INVALID),
        ] {
            assert_eq!(
                said(operation, &[("DurationSeconds", &seconds.to_string())]),
                expected,
                "{operation} {seconds}"
            );
        }
        assert_eq!(
            said(operation, &[("DurationSeconds", "1h")]),
            Some("MalformedInput")
        );
    }
}

#[test]
fn policies_are_documents_and_together_not_too_long() {
    let policy = |length: usize| {
        let empty = r#"{"Version":"2012-10-17","Statement":[""]}"#;
        empty.replace(
            r#"[""]"#,
            &format!("[\"{}\"]", "x".repeat(length - empty.len())),
        )
    };
    for operation in [
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
        "AssumeRoleWithSAML",
        "GetFederationToken",
    ] {
        assert_eq!(
            said(operation, &[("Policy", &policy(2048))]),
            None,
            "{operation}"
        );
        assert_eq!(
            said(operation, &[("Policy", "{}")]),
            Some("MalformedPolicyDocument")
        );
        let two = [
            ("Policy", policy(2040)),
            (
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/x".into(),
            ),
        ];
        let two = two.each_ref().map(|(key, value)| (*key, value.as_str()));
        assert_eq!(
            said(operation, &two),
            Some("PackedPolicyTooLarge"),
            "{operation}"
        );
        let unicode = policy(100).replace('x', "\u{20ac}");
        assert_eq!(said(operation, &[("Policy", &unicode)]), INVALID);
    }
    // AssumeRole's own limit left the model; what is packed is limited all the same.
    assert_eq!(
        said("AssumeRole", &[("Policy", &policy(2049))]),
        Some("PackedPolicyTooLarge")
    );
    assert_eq!(
        said("AssumeRoleWithSAML", &[("Policy", &policy(2049))]),
        INVALID
    );
}

#[test]
fn mfa_identity_and_contexts_have_their_rules() {
    let serial = "arn:aws:iam::111122223333:mfa/me";
    assert_eq!(
        said(
            "GetSessionToken",
            &[("SerialNumber", serial), ("TokenCode", "123456")]
        ),
        None
    );
    assert_eq!(
        said("GetSessionToken", &[("SerialNumber", serial)]),
        Some("AccessDenied")
    );
    assert_eq!(
        said(
            "GetSessionToken",
            &[("SerialNumber", serial), ("TokenCode", "12345")]
        ),
        INVALID
    );
    assert_eq!(
        said(
            "GetSessionToken",
            &[("SerialNumber", "GAHT1234"), ("TokenCode", "123456")]
        ),
        INVALID
    );
    assert_eq!(said("AssumeRole", &[("SourceIdentity", "aws:me")]), INVALID);
    let context = |arn, assertion| {
        let pairs = [
            ("ProvidedContexts.member.1.ProviderArn", arn),
            ("ProvidedContexts.member.1.ContextAssertion", assertion),
        ];
        said("AssumeRole", &pairs)
    };
    let provider = "arn:aws:iam::aws:contextProvider/IdentityCenter";
    assert_eq!(context(provider, "abcd"), None);
    assert_eq!(context(provider, "abc"), INVALID);
    assert_eq!(context("arn:aws", "abcd"), INVALID);
}

#[test]
fn a_code_of_a_device_is_taken_once() {
    let mut devices = Devices::default();
    devices.add("GAHT12345678", Device::Codes(vec!["123456".to_owned()]));
    let with = |code| form(&[("SerialNumber", "GAHT12345678"), ("TokenCode", code)]);
    assert!(
        devices.check(&with("654321"), 0).is_err() && devices.check(&with("123456"), 0).is_ok()
    );
    assert!(devices.check(&with("123456"), 0).is_err(), "used");
    assert!(
        devices
            .check(
                &form(&[("SerialNumber", "another1"), ("TokenCode", "123456")]),
                0
            )
            .is_err()
    );
    assert!(devices.check(&Form::new(), 0).is_ok());
}
