//! What is sent, parameter by parameter, and how it is signed.

use std::collections::BTreeMap;

use stsidecar::assume::{Hop, Policy, PolicyArn, PolicyArns};
use stsidecar::failure::Class;
use stsidecar::role::Region;
use stsidecar::sts::{Authentication, Client, ClientSettings, Error};

use super::support::fake_sts::FakeSts;
use super::{
    ROLE, client, enter, exchange, hop, now, request, role, settings, token, web_identity,
};

pub(super) fn policy() -> Policy {
    let policy = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    );
    policy.expect("a policy")
}

pub(super) fn policy_arns() -> PolicyArns {
    let arns = [
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "arn:aws:iam::111122223333:policy/b",
    ];
    let arns = arns.map(|arn| PolicyArn::parse(arn).expect("a policy ARN"));
    Vec::from(arns).try_into().expect("two policies")
}

#[tokio::test]
async fn web_identity_sends_its_parameters_unsigned() {
    let sts = FakeSts::start();
    let (token, step) = (
        token(),
        Hop::WebIdentity(stsidecar::assume::WebIdentity {
            policy: Some(policy()),
            policy_arns: policy_arns(),
            ..web_identity()
        }),
    );
    let policy = policy().to_string();
    exchange(
        &client(&sts.url()),
        request(step, Authentication::Token(token.clone())),
    )
    .await
    .expect("a reply");
    let call = &sts.calls()[0];
    let expected = BTreeMap::from([
        ("RoleArn", ROLE),
        ("RoleSessionName", "shop.checkout-0"),
        ("WebIdentityToken", token.expose()),
        ("DurationSeconds", "3600"),
        ("Policy", policy.as_str()),
        (
            "PolicyArns.member.1.arn",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        (
            "PolicyArns.member.2.arn",
            "arn:aws:iam::111122223333:policy/b",
        ),
    ]);
    assert_eq!(call.parameters(), expected);
    assert_eq!(
        (call.operation.as_str(), call.form["Version"].as_str()),
        ("AssumeRoleWithWebIdentity", "2011-06-15")
    );
    assert_eq!(
        (&call.authorization, &call.security_token),
        (&None, &None),
        "stray credentials break it at AWS"
    );
    assert!(
        call.user_agent.contains("stsidecar-"),
        "{}",
        call.user_agent
    );
}

#[tokio::test]
async fn without_role_and_restriction_nothing_of_them_is_sent() {
    let sts = FakeSts::start();
    let step = Hop::WebIdentity(stsidecar::assume::WebIdentity {
        role_arn: None,
        ..web_identity()
    });
    let reply = exchange(
        &client(&sts.url()),
        request(step, Authentication::Token(token())),
    )
    .await
    .expect("a reply");
    let calls = sts.calls();
    let names: Vec<&str> = calls[0].parameters().into_keys().collect();
    assert_eq!(
        names,
        ["DurationSeconds", "RoleSessionName", "WebIdentityToken"]
    );
    assert_eq!(
        reply.credentials.account.as_deref(),
        Some("000000000000"),
        "the account that STS named"
    );
}

#[tokio::test]
async fn the_endpoints_path_is_sent_and_signed_as_written() {
    // A server behind a path may route it with or without a slash at its end; the SDKs of AWS add
    // none.
    for (written, asked) in [
        ("", "/"),
        ("/", "/"),
        ("/sts/tenant-1", "/sts/tenant-1"),
        ("/sts/tenant-1/", "/sts/tenant-1/"),
        ("/sts/tenant-1/minio_sts", "/sts/tenant-1/minio_sts"),
    ] {
        let sts = FakeSts::start();
        let client = client(&format!("{}{written}", sts.url()));
        let entry = enter(&client).await.expect("a reply").credentials;
        hop(&client, entry)
            .await
            .expect("the signature covers the path that was asked");
        let paths: Vec<String> = sts.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths, [asked, asked], "{written:?}");
    }
}

#[tokio::test]
async fn a_step_with_the_proof_of_another_is_not_sent() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let failure = exchange(
        &client,
        request(Hop::Role(role()), Authentication::Token(token())),
    )
    .await
    .expect_err("no proof");
    assert_eq!(
        (failure.class, failure.sent, sts.calls().len()),
        (Class::Config, false, 0)
    );
}

#[test]
fn a_client_needs_a_region_or_an_endpoint_and_names_what_it_will_call() {
    let region = Some(Region::parse("eu-central-1").expect("a region"));
    let without = Client::new(&ClientSettings::default(), now).err();
    assert!(matches!(without, Some(Error::NoRegion)), "{without:?}");
    for (fips, dualstack, host) in [
        (false, false, "sts.eu-central-1.amazonaws.com"),
        (true, false, "sts-fips.eu-central-1.amazonaws.com"),
        (false, true, "sts.eu-central-1.api.aws"),
    ] {
        let client = Client::new(
            &ClientSettings {
                region: region.clone(),
                fips,
                dualstack,
                ..ClientSettings::default()
            },
            now,
        );
        let client = client.expect("a client for AWS");
        assert_eq!(client.host(), host);
    }
    let china = ClientSettings {
        region: Region::parse("cn-north-1").ok(),
        ..ClientSettings::default()
    };
    assert_eq!(
        Client::new(&china, now).expect("a client").host(),
        "sts.cn-north-1.amazonaws.com.cn"
    );
    let custom = Client::new(&settings("http://127.0.0.1:8333"), now).expect("a client");
    assert_eq!(custom.host(), "127.0.0.1:8333");
    let both = Client::new(
        &ClientSettings {
            fips: true,
            region,
            ..settings("http://127.0.0.1:8333")
        },
        now,
    )
    .err();
    assert!(matches!(both, Some(Error::Variant)), "{both:?}");
}
