//! What each source sends and reads, parameter by parameter.

use std::collections::BTreeMap;
use std::sync::Arc;

use stsidecar::assume::{
    AccessKeyFile, DurationSetting, FederatedName, FederationToken, Mfa, MfaCode, Policy, PolicyArn, ProvidedContext,
    ProviderArn, ProviderId, Restriction, Role, Saml, SamlProviderArn, SerialNumber, SessionDuration, SessionToken,
    Step, Tag, WebIdentity,
};
use stsidecar::credentials::Secret;
use stsidecar::failure::Class;
use stsidecar::role::{RoleArn, SessionName};
use stsidecar::saml::Assertion;
use stsidecar::shared_credentials::AccessKey;
use stsidecar::sts::{Extras, Proof, Request};
use stsidecar::token::WebIdentityToken;

use super::support::fake_sts::FakeSts;
use super::{ROLE, TARGET, client, exchange, request, role, web_identity};

const KEY: &str = "AKIALONGTERM00000001";
const SERIAL: &str = "arn:aws:iam::111122223333:mfa/device";

fn keys() -> AccessKeyFile {
    AccessKeyFile { path: "/credentials".into(), profile: "default".into() }
}

fn key() -> Proof {
    let file = format!("[default]\naws_access_key_id={KEY}\naws_secret_access_key=canary\n");
    Proof::AccessKey(AccessKey::parse(file.as_bytes(), "default").expect("keys"))
}

fn mfa() -> Mfa {
    let serial_number = SerialNumber::parse(SERIAL).expect("a device");
    Mfa { serial_number, code: MfaCode::Code("/code".into()) }
}

/// A request with a code and one context assertion, whatever the step makes of them.
fn with(step: Step, proof: Proof, duration: SessionDuration) -> Request {
    let extras = Extras { code: Some(Secret::new("012345".into())), contexts: vec![Secret::new("context".into())] };
    let session_name = SessionName::parse("shop.checkout-0").expect("a name");
    Request { step: Arc::new(step), session_name, duration, proof, extras }
}

#[tokio::test]
async fn a_hop_behind_long_term_keys_is_signed_without_a_session_and_sends_code_and_context() {
    let sts = FakeSts::start();
    sts.add_access_key(KEY);
    let provider_arn = ProviderArn::parse("arn:aws:iam::aws:contextProvider/IdentityCenter").expect("a provider");
    let context = ProvidedContext { provider_arn, assertion_file: "/context".into() };
    let step = Role { keys: Some(keys()), mfa: Some(mfa()), provided_contexts: vec![context], ..role() };
    let request = with(Step::Role(step), key(), SessionDuration::LONGEST);
    let reply = exchange(&client(&sts.url()), request).await.expect("a reply");
    let call = &sts.calls()[0];
    let expected = BTreeMap::from([
        ("RoleArn", TARGET),
        ("RoleSessionName", "shop.checkout-0"),
        ("DurationSeconds", "43200"),
        ("SerialNumber", SERIAL),
        ("TokenCode", "012345"),
        ("ProvidedContexts.member.1.ProviderArn", "arn:aws:iam::aws:contextProvider/IdentityCenter"),
        ("ProvidedContexts.member.1.ContextAssertion", "context"),
    ]);
    assert_eq!((call.operation.as_str(), call.parameters()), ("AssumeRole", expected));
    assert_eq!((call.signer(), &call.security_token), (Some(KEY), &None));
    assert_eq!(reply.credentials.account.as_deref(), Some("444455556666"));
}

#[tokio::test]
async fn a_users_session_is_asked_for_with_and_without_a_code() {
    let sts = FakeSts::start();
    sts.add_access_key(KEY);
    for (mfa, expected) in [
        (None, BTreeMap::from([("DurationSeconds", "129600")])),
        (
            Some(mfa()),
            BTreeMap::from([("DurationSeconds", "129600"), ("SerialNumber", SERIAL), ("TokenCode", "012345")]),
        ),
    ] {
        let duration = SessionDuration::parse_of_user("36h").expect("a duration");
        let is_asked = mfa.is_some();
        let step = Step::SessionToken(SessionToken { keys: keys(), duration, mfa });
        let mut request = with(step, key(), duration);
        request.extras.code = request.extras.code.filter(|_| is_asked);
        let reply = exchange(&client(&sts.url()), request).await.expect("a reply");
        let calls = sts.calls();
        let call = calls.last().expect("a call");
        assert_eq!(
            (call.operation.as_str(), call.parameters(), call.signer()),
            ("GetSessionToken", expected, Some(KEY))
        );
        assert_eq!((reply.credentials.account, reply.details.utilization()), (None, Some(7)));
        assert_eq!(reply.details.session_token_size, Some(900));
    }
}

#[tokio::test]
async fn a_federated_users_session_has_name_policies_and_tags() {
    let sts = FakeSts::start();
    sts.add_access_key(KEY);
    let restriction = Restriction {
        policy: Some(Policy::parse(r#"{"Version":"2012-10-17"}"#).expect("a policy")),
        policy_arns: vec![PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").expect("a policy ARN")],
    };
    let step = Step::FederationToken(FederationToken {
        keys: keys(),
        name: FederatedName::parse("shop").expect("a name"),
        duration: SessionDuration::LONGEST,
        restriction,
        tags: vec![Tag::parse("team", "data").expect("a tag")],
    });
    let request = request(step, key());
    let reply = exchange(&client(&sts.url()), request).await.expect("a reply");
    let call = &sts.calls()[0];
    let expected = BTreeMap::from([
        ("Name", "shop"),
        ("DurationSeconds", "3600"),
        ("Policy", r#"{"Version":"2012-10-17"}"#),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "data"),
    ]);
    assert_eq!(
        (call.operation.as_str(), call.parameters(), call.signer()),
        ("GetFederationToken", expected, Some(KEY))
    );
    assert_eq!(reply.details.federated_user_arn.as_deref(), Some("arn:aws:sts::000000000000:federated-user/shop"));
    assert_eq!(reply.details.federated_user_id.as_deref(), Some("000000000000:shop"));
    assert_eq!((reply.credentials.account.as_deref(), reply.details.utilization()), (Some("000000000000"), Some(6)));
}

#[tokio::test]
async fn an_assertion_is_sent_unsigned_in_base_64_and_its_names_come_back() {
    let sts = FakeSts::start();
    let step = Step::Saml(Saml {
        role_arn: RoleArn::parse(ROLE).expect("a role"),
        principal_arn: SamlProviderArn::parse("arn:aws:iam::111122223333:saml-provider/idp").expect("a provider"),
        assertion_file: "/assertion".into(),
        duration: DurationSetting::HOUR,
        restriction: Restriction::default(),
    });
    let assertion = Assertion::parse(b"<Response><Issuer>idp</Issuer></Response>").expect("a response");
    let encoded = assertion.expose().to_owned();
    let reply = exchange(&client(&sts.url()), request(step, Proof::Assertion(assertion))).await.expect("a reply");
    let call = &sts.calls()[0];
    let expected = BTreeMap::from([
        ("RoleArn", ROLE),
        ("PrincipalArn", "arn:aws:iam::111122223333:saml-provider/idp"),
        ("SAMLAssertion", encoded.as_str()),
        ("DurationSeconds", "3600"),
    ]);
    assert_eq!((call.operation.as_str(), call.parameters()), ("AssumeRoleWithSAML", expected));
    assert_eq!((&call.authorization, &call.security_token), (&None, &None));
    let details = reply.details;
    assert_eq!((details.subject.as_deref(), details.subject_type.as_deref()), (Some("alice"), Some("transient")));
    assert_eq!(details.issuer.as_deref(), Some("https://idp.example.com"));
    assert_eq!(details.audience.as_deref(), Some("https://signin.aws.amazon.com/saml"));
    assert_eq!(details.name_qualifier.as_deref(), Some("SbdGOnUkh1i4+EXAMPLExL/jEvs="));
}

#[tokio::test]
async fn an_oauth_token_goes_with_its_provider() {
    let sts = FakeSts::start();
    let provider_id = Some(ProviderId::parse("www.amazon.com").expect("a provider"));
    let step = Step::WebIdentity(WebIdentity { provider_id, ..web_identity() });
    let token = WebIdentityToken::opaque(b"Atza|IQEBLjAsAhRm").expect("a token");
    let refused = exchange(&client(&sts.url()), request(step, Proof::Token(token))).await;
    assert!(refused.is_err_and(|failure| failure.code == "InvalidIdentityToken"), "the fake knows JWTs only");
    let form = &sts.calls()[0].form;
    assert_eq!(
        (form["ProviderId"].as_str(), form["WebIdentityToken"].as_str()),
        ("www.amazon.com", "Atza|IQEBLjAsAhRm")
    );
}

#[tokio::test]
async fn every_source_refuses_another_role_and_says_who_was_meant() {
    let sts = FakeSts::start();
    let other = "arn:aws:sts::111122223333:assumed-role/other/alice".to_owned();
    sts.script([super::support::fake_sts::Behaviour::AssumedRole(other)]);
    let step = Step::Role(Role { keys: Some(keys()), ..role() });
    sts.add_access_key(KEY);
    let failure = exchange(&client(&sts.url()), request(step, key())).await.expect_err("another role");
    assert_eq!((failure.class, failure.code.as_str()), (Class::Role, "RoleMismatch"));
}

#[tokio::test]
async fn a_key_that_sts_does_not_know_is_the_sources_fault() {
    let sts = FakeSts::start();
    let step = Step::SessionToken(SessionToken { keys: keys(), duration: SessionDuration::LONGEST, mfa: None });
    let failure = exchange(&client(&sts.url()), request(step, key())).await.expect_err("an unknown key");
    assert_eq!((failure.class, failure.code.as_str()), (Class::Source, "InvalidClientTokenId"));
    assert!(!format!("{failure:?}").contains("canary"));
}
