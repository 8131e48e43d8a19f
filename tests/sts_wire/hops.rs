//! Hops: what is sent, what signs it, and what a refused signer means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use stsidecar::assume::{ExternalId, Hop, SourceIdentity, Tag, TagKey, Tags};
use stsidecar::failure::Class;
use stsidecar::sts::{Authentication, Client, REGION_OF_CUSTOM_ENDPOINTS};
use stsidecar::time::{Boot, Now, Wall};

use super::parameters::{policy, policy_arns};
use super::support::fake_sts::{Behaviour, FakeSts, Issued};
use super::support::tokens::unix_now;
use super::{TARGET, client, enter, exchange, hop, request, role, settings};

#[tokio::test]
async fn a_hop_sends_its_parameters_signed_with_the_credentials_of_the_step_before() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let entry = enter(&client).await.expect("the entry's reply").credentials;
    let step = Hop::Role(stsidecar::assume::Role {
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
    let reply = exchange(
        &client,
        request(step, Authentication::Signer(entry.clone())),
    )
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
async fn refused_signers_make_the_step_before_due() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let parent = enter(&client).await.expect("a reply").credentials;
    for (status, code, message, class) in [
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
            Class::Source,
        ),
        (
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            Class::Source,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
            Class::Source,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z is now earlier than",
            Class::Clock,
        ),
        (
            403,
            "AccessDenied",
            "User: x is not authorized to perform: sts:AssumeRole on resource: y",
            Class::Denied,
        ),
        (
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            Class::DurationTooLong,
        ),
    ] {
        sts.script([Behaviour::error(status, code, message)]);
        let failure = hop(&client, parent.clone()).await.expect_err(code);
        assert_eq!((failure.class, &*failure.code.text()), (class, code));
    }
    sts.set_clock_offset(7200);
    let failure = hop(&client, parent)
        .await
        .expect_err("the parent has expired at the server");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Source, "ExpiredToken")
    );
}
