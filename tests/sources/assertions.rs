//! The fake STS refuses every broken SAML assertion: each test of a good one would pass without that too.

use std::collections::BTreeMap;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::support::fake_sts::FakeSts;
use super::support::fake_sts::saml::{RECIPIENT, name_qualifier};
use super::support::identity_provider::{Claims, IdentityProvider};
use super::support::tokens::unix_now;

const ROLE: &str = "arn:aws:iam::111122223333:role/partner";
const PRINCIPAL: &str = "arn:aws:iam::111122223333:saml-provider/idp";

/// What STS says to a response: the code, or nothing for credentials.
fn said(provider: &IdentityProvider, response: &str) -> Option<String> {
    let sts = FakeSts::start();
    sts.trust(PRINCIPAL, provider.public_key());
    let answer = sts.ask("AssumeRoleWithSAML", &form(response));
    let code = answer
        .split_once("<Code>")
        .map(|(_, rest)| rest.split('<').next().unwrap_or_default().to_owned());
    assert_eq!(code.is_none(), answer.contains("<AccessKeyId>"), "{answer}");
    code
}

fn form(response: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("RoleArn", ROLE),
        ("PrincipalArn", PRINCIPAL),
        ("SAMLAssertion", &STANDARD.encode(response)),
    ];
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn a_good_assertion_is_taken_and_its_elements_come_back() {
    let (sts, provider) = (FakeSts::start(), IdentityProvider::new());
    sts.trust(PRINCIPAL, provider.public_key());
    let answer = sts.ask(
        "AssumeRoleWithSAML",
        &form(&provider.response(&Claims::of(ROLE, PRINCIPAL))),
    );
    for element in [
        "<Subject>jane@example.org</Subject>".to_owned(),
        "<SubjectType>persistent</SubjectType>".to_owned(),
        "<Issuer>https://idp.example.org/metadata</Issuer>".to_owned(),
        format!("<Audience>{RECIPIENT}</Audience>"),
        format!(
            "<NameQualifier>{}</NameQualifier>",
            name_qualifier("https://idp.example.org/metadata", PRINCIPAL)
        ),
        "<Arn>arn:aws:sts::111122223333:assumed-role/partner/jane</Arn>".to_owned(),
    ] {
        assert!(answer.contains(&element), "{element} is not in {answer}");
    }
}

#[test]
fn whatever_is_changed_behind_the_signature_is_noticed() {
    let provider = IdentityProvider::new();
    let response = provider.response(&Claims::of(ROLE, PRINCIPAL));
    let invalid = Some("InvalidIdentityToken".to_owned());
    for (old, new) in [
        ("jane@", "john@"),
        (ROLE, "arn:aws:iam::111122223333:role/admin00"),
        ("<saml:Issuer>", "<saml:Issuer >"),
        ("ds:SignatureValue>M", "ds:SignatureValue>N"),
        ("#_", "#x"),
    ] {
        let changed = response.replacen(old, new, 1);
        if changed != response {
            assert_eq!(said(&provider, &changed), invalid, "{new} for {old}");
        }
    }
    let begin = response.find("<ds:Signature ").expect("it is signed");
    let end = response.find("</ds:Signature>").expect("it is signed") + "</ds:Signature>".len();
    assert_eq!(
        said(
            &provider,
            &format!("{}{}", &response[..begin], &response[end..])
        ),
        invalid,
        "no signature"
    );
    let twice = format!(
        "{}{}{}",
        &response[..end],
        &response[begin..end],
        &response[end..]
    );
    assert_eq!(said(&provider, &twice), invalid, "two signatures");
    let stranger = IdentityProvider::new();
    assert_eq!(
        said(&provider, &stranger.response(&Claims::of(ROLE, PRINCIPAL))),
        invalid,
        "another provider's key"
    );
    assert_eq!(said(&provider, "no XML at all"), invalid);
}

#[test]
fn time_audience_recipient_and_role_must_be_right() {
    let provider = IdentityProvider::new();
    let good = Claims::of(ROLE, PRINCIPAL);
    let now = unix_now();
    for (claims, code) in [
        (
            Claims {
                not_on_or_after: now - 1,
                ..good.clone()
            },
            "ExpiredTokenException",
        ),
        (
            Claims {
                not_before: now + 60,
                ..good.clone()
            },
            "InvalidIdentityToken",
        ),
        (
            Claims {
                audience: "https://signin.example.org".into(),
                ..good.clone()
            },
            "InvalidIdentityToken",
        ),
        (
            Claims {
                recipient: "https://signin.example.org".into(),
                ..good.clone()
            },
            "InvalidIdentityToken",
        ),
        (
            Claims::of("arn:aws:iam::111122223333:role/other", PRINCIPAL),
            "AccessDenied",
        ),
    ] {
        assert_eq!(
            said(&provider, &provider.response(&claims)).as_deref(),
            Some(code),
            "{claims:?}"
        );
    }
    assert_eq!(said(&provider, &provider.response(&good)), None);
}

#[test]
fn a_session_ends_when_the_assertion_says_so() {
    let (sts, provider) = (FakeSts::start(), IdentityProvider::new());
    sts.trust(PRINCIPAL, provider.public_key());
    let end = unix_now() + 1000;
    let claims = Claims {
        session_end: Some(end),
        ..Claims::of(ROLE, PRINCIPAL)
    };
    sts.ask("AssumeRoleWithSAML", &form(&provider.response(&claims)));
    assert_eq!(
        sts.issued("ASIAFAKE000000000001")
            .map(|issued| issued.expiration),
        Some(end)
    );
}

/// Lines of 64 characters between the marks, which is what a certificate's file holds.
fn pem(base64: &str) -> String {
    let lines: Vec<&str> = (0..base64.len())
        .step_by(64)
        .map(|at| &base64[at..base64.len().min(at + 64)])
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

#[test]
fn what_the_provider_signs_is_an_xml_signature_to_another_implementation_too() {
    let (provider, directory) = (
        IdentityProvider::new(),
        tempfile::tempdir().expect("a directory"),
    );
    let response = provider.response(&Claims::of(ROLE, PRINCIPAL));
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("room for a file");
        path
    };
    let output = Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/saml.py"))
        .arg(write("certificate.pem", &pem(provider.certificate())))
        .arg(write("good.xml", &response))
        // More blanks between attributes are the same document to who canonicalizes it.
        .arg(write("same.xml", &response.replace(" Name=", "  Name=")))
        .arg(write(
            "changed.xml",
            &response.replacen("jane@", "john@", 1),
        ))
        .arg(write(
            "foreign.xml",
            &IdentityProvider::new().response(&Claims::of(ROLE, PRINCIPAL)),
        ))
        .output()
        .expect("python3 is needed: apt install python3 python3-venv");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{said}");
    let verdicts: Vec<&str> = said.lines().collect();
    assert!(
        verdicts == ["signed", "signed", "refused", "refused"] || said.starts_with("not run: "),
        "{said}"
    );
}
