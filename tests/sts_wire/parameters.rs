//! What is sent, parameter by parameter, and how it is signed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stsidecar::assume::{
    ExternalId, Policy, PolicyArn, PolicyArns, SourceIdentity, Step, Tag, TagKey, Tags,
};
use stsidecar::failure::Class;
use stsidecar::role::Region;
use stsidecar::sts::{Client, Error, Proof, REGION_OF_CUSTOM_ENDPOINTS, Settings};
use stsidecar::time::{Boot, Now, Wall};

use super::support::fake_sts::{FakeSts, Issued};
use super::support::tokens::unix_now;
use super::{
    ROLE, TARGET, client, enter, exchange, hop, now, request, role, settings, token, web_identity,
};

fn policy() -> Policy {
    let policy = Policy::parse(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
    );
    policy.expect("a policy")
}

fn policy_arns() -> PolicyArns {
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
        Step::WebIdentity(stsidecar::assume::WebIdentity {
            policy: Some(policy()),
            policy_arns: policy_arns(),
            ..web_identity()
        }),
    );
    let policy = policy().to_string();
    exchange(
        &client(&sts.url()),
        request(step, Proof::Token(token.clone())),
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
    let step = Step::WebIdentity(stsidecar::assume::WebIdentity {
        role_arn: None,
        ..web_identity()
    });
    let reply = exchange(&client(&sts.url()), request(step, Proof::Token(token())))
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
async fn a_hop_sends_its_parameters_signed_with_the_credentials_of_the_step_before() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let entry = enter(&client).await.expect("the entry's reply").credentials;
    let step = Step::Role(stsidecar::assume::Role {
        policy: Some(policy()),
        policy_arns: policy_arns(),
        external_id: Some(ExternalId::parse("partner:42/x").expect("an id")),
        tags: Tags::from(vec![
            Tag::parse("team", "data + ärger=1/2").expect("a tag"),
            Tag::parse("empty", "").expect("a tag"),
        ]),
        transitive_tag_keys: vec![TagKey::parse("team").expect("a key")]
            .try_into()
            .expect("one key"),
        source_identity: Some(SourceIdentity::parse("alice").expect("an identity")),
        ..role()
    });
    let reply = exchange(&client, request(step, Proof::Signer(entry.clone())))
        .await
        .expect("the hop's reply");
    let call = &sts.calls()[1];
    let policy = policy().to_string();
    let expected = BTreeMap::from([
        ("RoleArn", TARGET),
        ("RoleSessionName", "shop.checkout-0"),
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
        ("ExternalId", "partner:42/x"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "data + ärger=1/2"),
        ("Tags.member.2.Key", "empty"),
        ("Tags.member.2.Value", ""),
        ("TransitiveTagKeys.member.1", "team"),
        ("SourceIdentity", "alice"),
    ]);
    assert_eq!(
        (call.operation.as_str(), call.parameters()),
        ("AssumeRole", expected)
    );
    assert_eq!(call.signer(), Some(entry.access_key_id.as_str()));
    assert_eq!(
        call.security_token.as_deref(),
        Some(entry.session_token.expose())
    );
    let scope = format!("/{REGION_OF_CUSTOM_ENDPOINTS}/sts/aws4_request");
    assert!(
        call.authorization
            .as_ref()
            .is_some_and(|header| header.contains(&scope)),
        "{:?}",
        call.authorization
    );
    let credentials = &reply.credentials;
    let issued = Issued::verify(
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        credentials.session_token.expose(),
        &credentials.expiration.rfc3339(),
    );
    let issued = issued.expect("credentials of one issue");
    assert_eq!(issued.parent.as_deref(), Some(entry.access_key_id.as_str()));
    assert_eq!(sts.issued(&credentials.access_key_id), Some(issued));
    assert_eq!(credentials.account.as_deref(), Some("444455556666"));
    assert!(reply.date.is_some() && reply.details.request_id.is_some());
}

#[tokio::test]
async fn each_hop_is_signed_with_what_it_is_given_and_nothing_is_remembered() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let first = enter(&client).await.expect("a reply").credentials;
    let second = enter(&client).await.expect("a reply").credentials;
    for parent in [&first, &second, &first] {
        hop(&client, parent.clone()).await.expect("a reply");
    }
    enter(&client).await.expect("a reply");
    let calls = sts.calls();
    let signers: Vec<Option<&str>> = calls
        .iter()
        .map(super::support::fake_sts::Call::signer)
        .collect();
    let (first, second) = (
        Some(first.access_key_id.as_str()),
        Some(second.access_key_id.as_str()),
    );
    assert_eq!(signers, [None, None, first, second, first, None]);
}

#[tokio::test]
async fn a_hop_is_signed_with_the_time_of_sts_whatever_our_wall_clock_says() {
    let sts = FakeSts::start();
    sts.set_clock_offset(-3000);
    let wall = Arc::new(AtomicI64::new(unix_now() + 86_400));
    let read = Arc::clone(&wall);
    let clock = move || Now {
        boot: Boot::default(),
        wall: Wall::from_unix_seconds(read.load(Ordering::SeqCst)),
        jitter: 0.0,
    };
    let client = Client::new(&settings(&sts.url()), clock).expect("a client");
    let entry = enter(&client).await.expect("a reply").credentials;
    wall.store(0, Ordering::SeqCst);
    hop(&client, entry).await.expect("a reply");
    let signed_at = sts.calls()[1].amz_date.clone().expect("a signing time");
    let text = signed_at.as_str();
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &text[..4],
        &text[4..6],
        &text[6..8],
        &text[9..11],
        &text[11..13],
        &text[13..15]
    );
    let signed_at = Wall::parse_rfc3339(&iso).expect("a time").unix_seconds();
    assert!(
        (signed_at - (unix_now() - 3000)).abs() < 30,
        "signed at {iso}"
    );
}

#[tokio::test]
async fn the_endpoints_path_is_sent_and_signed_as_written() {
    // A server behind a path may route it with or without a slash at its end; the SDKs of AWS add none.
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
    let failure = exchange(&client, request(Step::Role(role()), Proof::Token(token())))
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
    let without = Client::new(&Settings::default(), now).err();
    assert!(matches!(without, Some(Error::NoRegion)), "{without:?}");
    for (fips, dualstack, host) in [
        (false, false, "sts.eu-central-1.amazonaws.com"),
        (true, false, "sts-fips.eu-central-1.amazonaws.com"),
        (false, true, "sts.eu-central-1.api.aws"),
    ] {
        let client = Client::new(
            &Settings {
                region: region.clone(),
                fips,
                dualstack,
                ..Settings::default()
            },
            now,
        );
        let client = client.expect("a client for AWS");
        assert_eq!(client.host(), host);
    }
    let china = Settings {
        region: Region::parse("cn-north-1").ok(),
        ..Settings::default()
    };
    assert_eq!(
        Client::new(&china, now).expect("a client").host(),
        "sts.cn-north-1.amazonaws.com.cn"
    );
    let custom = Client::new(&settings("http://127.0.0.1:8333"), now).expect("a client");
    assert_eq!(custom.host(), "127.0.0.1:8333");
    let both = Client::new(
        &Settings {
            fips: true,
            region,
            ..settings("http://127.0.0.1:8333")
        },
        now,
    )
    .err();
    assert!(matches!(both, Some(Error::Variant)), "{both:?}");
}
