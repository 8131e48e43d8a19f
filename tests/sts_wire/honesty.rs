//! The fake judges an unscripted call as STS would: other tests rely on it.

use std::time::Duration;

use stsidecar::assume::{Hop, SessionDuration};
use stsidecar::failure::Class;
use stsidecar::sts::{Authentication, Request};
use stsidecar::token::WebIdentityToken;

use super::support::fake_sts::{FakeSts, Issued};
use super::support::tokens::{ServiceAccountToken, unix_now};
use super::{client, enter, exchange, request, role, token, web_identity};

#[tokio::test]
async fn an_expired_token_is_refused_by_the_servers_clock() {
    let sts = FakeSts::start();
    let old = ServiceAccountToken {
        issued_at: unix_now() - 7200,
        lifetime: 3600,
        ..ServiceAccountToken::default()
    };
    let old = WebIdentityToken::parse(old.jwt().as_bytes()).expect("a token");
    let asked = || {
        request(
            Hop::WebIdentity(web_identity()),
            Authentication::Token(old.clone()),
        )
    };
    let failure = exchange(&client(&sts.url()), asked())
        .await
        .expect_err("expired an hour ago");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Token, "ExpiredTokenException")
    );
    sts.set_clock_offset(-5400);
    exchange(&client(&sts.url()), asked())
        .await
        .expect("not yet expired at a server that is behind");
}

#[tokio::test]
async fn sessions_live_as_long_as_the_server_wants() {
    let sts = FakeSts::start();
    sts.set_session_lifetime(Some(Duration::from_secs(5)));
    let reply = enter(&client(&sts.url())).await.expect("a reply");
    let date = reply.date.expect("a Date");
    let lifetime = reply.credentials.expiration.since(date);
    assert!((4..=6).contains(&lifetime.as_secs()), "{lifetime:?}");
}

#[tokio::test]
async fn a_duration_beyond_the_role_or_the_chain_is_refused_with_the_text_of_sts() {
    let sts = FakeSts::start();
    sts.set_max_session_duration(Some(7200));
    let client = client(&sts.url());
    let lasting = |step, proof, hours: u64| {
        let duration =
            SessionDuration::from_duration(Duration::from_hours(hours)).expect("a duration");
        Request {
            duration,
            ..request(step, proof)
        }
    };
    let entry = |hours| {
        lasting(
            Hop::WebIdentity(web_identity()),
            Authentication::Token(token()),
            hours,
        )
    };
    let failure = exchange(&client, entry(12))
        .await
        .expect_err("more than the role allows");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::DurationTooLong, "ValidationError")
    );
    let parent = exchange(&client, entry(2))
        .await
        .expect("as much as the role allows")
        .credentials;
    let hop = |hours| {
        lasting(
            Hop::Role(role()),
            Authentication::Signer(parent.clone()),
            hours,
        )
    };
    let failure = exchange(&client, hop(2))
        .await
        .expect_err("more than a chain allows");
    assert_eq!(failure.class, Class::DurationTooLong);
    assert!(
        failure.message.contains("role chaining"),
        "{}",
        failure.message
    );
    exchange(&client, hop(1)).await.expect("an hour is fine");
}

#[test]
fn parts_of_two_issues_are_told_apart() {
    let issue = |serial| {
        Issued::new(
            serial,
            4_000_000_000,
            "AssumeRole",
            None,
            "name",
            Some("ASIAPARENT"),
        )
    };
    let (one, other) = (issue(1), issue(2));
    let verify = |id: &Issued, secret: &Issued, token: &Issued, expiration: &str| {
        Issued::verify(
            &id.access_key_id,
            &secret.secret_access_key,
            &token.session_token,
            expiration,
        )
    };
    let expiration = one.expiration_text();
    assert_eq!(verify(&one, &one, &one, &expiration), Ok(one.clone()));
    assert!(verify(&other, &one, &one, &expiration).is_err());
    assert!(verify(&one, &other, &one, &expiration).is_err());
    assert!(verify(&one, &one, &other, &expiration).is_err());
    assert!(verify(&one, &one, &one, "2026-11-22T06:00:00Z").is_err());
    assert!(Issued::verify("a", "b", "c", "d").is_err());
}
