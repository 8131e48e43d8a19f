//! Each parameter at, below and beyond its limit.

use super::*;

#[test]
fn durations_are_between_a_quarter_of_an_hour_and_twelve_hours() {
    assert_eq!(
        SessionDuration::parse("1h").map(SessionDuration::seconds),
        Ok(3600)
    );
    assert_eq!(
        SessionDuration::parse("15m").map(SessionDuration::seconds),
        Ok(900)
    );
    for bad in ["", "1", "899s", "12h 1s", "36h", "1h 500ms", "soon"] {
        assert!(SessionDuration::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(SessionDuration::HOUR.to_string(), "1h");
}

#[test]
fn policies_are_kept_compact_and_counted_compact() {
    let spaced = format!(
        r#"{{ "Version" : "2012-10-17",{} "Statement": [] }}"#,
        " ".repeat(3000)
    );
    let policy = Policy::parse(&spaced).expect("short once compact");
    assert_eq!(
        policy.as_str(),
        r#"{"Statement":[],"Version":"2012-10-17"}"#
    );
    assert!(Policy::parse(r#"{"Sid":"\u00e9t\u00e9"}"#).is_ok());
    for bad in [
        "",
        "[]",
        "{",
        r#"{"Sid":"\u20ac"}"#,
        &format!(r#"{{"a":"{}"}}"#, "x".repeat(2048)),
    ] {
        assert!(Policy::parse(bad).is_err(), "{bad:.20}");
    }
}

#[test]
fn each_text_parameter_is_held_to_its_pattern() {
    assert!(ExternalId::parse("partner:42/x").is_ok() && ExternalId::parse("x").is_err());
    assert!(ExternalId::parse(&"x".repeat(1225)).is_err());
    assert!(SourceIdentity::parse("alice").is_ok() && SourceIdentity::parse("aws:alice").is_err());
    assert!(PolicyArn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").is_ok());
    assert!(PolicyArn::parse("arn:aws:iam::111122223333:role/app").is_err());
    assert!(
        Tag::parse("team", "data").is_ok()
            && Tag::parse("", "x").is_err()
            && Tag::parse("k", "<").is_err()
    );
    assert!(Tag::parse("cost center", "a b").is_ok() && Tag::parse("k", "a\nb").is_err());
    let (one, other) = (
        TagKey::parse("Team").expect("a key"),
        TagKey::parse("tEAM").expect("a key"),
    );
    assert!(one.same_as(&other));
}

#[test]
fn sessions_of_users_last_up_to_a_day_and_a_half() {
    assert_eq!(
        UserDuration::parse("36h").map(|asked| asked.get().seconds()),
        Ok(129_600)
    );
    assert_eq!(
        UserDuration::parse("15m").map(|asked| asked.get().seconds()),
        Ok(900)
    );
    for bad in ["899s", "36h 1s", "longest"] {
        assert!(UserDuration::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn names_numbers_and_arns_of_every_source_are_held_to_their_pattern() {
    let of = |length: usize| "x".repeat(length);
    assert!(SerialNumber::parse("GAHT12345678").is_ok());
    assert!(SerialNumber::parse("arn:aws:iam::111122223333:mfa/device").is_ok());
    assert!(SerialNumber::parse(&of(8)).is_err() && SerialNumber::parse(&of(257)).is_err());
    assert!(FederatedName::parse(&of(32)).is_ok() && FederatedName::parse(&of(33)).is_err());
    assert!(FederatedName::parse("a").is_err() && FederatedName::parse("a b").is_err());
    assert!(ProviderId::parse("www.amazon.com").is_ok() && ProviderId::parse("abc").is_err());
    assert!(ProviderId::parse(&of(2049)).is_err() && ProviderId::parse("https://issuer").is_err());
    assert!(SamlProviderArn::parse("arn:aws:iam::111122223333:saml-provider/idp").is_ok());
    assert!(SamlProviderArn::parse("arn:aws:iam::111122223333:oidc-provider/idp").is_err());
    assert!(ProviderArn::parse("arn:aws:iam::aws:contextProvider/IdentityCenter").is_ok());
    assert!(ProviderArn::parse("IdentityCenter and its context").is_err());
    assert!(IdentityPoolId::parse("eu-central-1:12345678-1234-1234-1234-123456789012").is_ok());
    assert!(
        IdentityPoolId::parse("eu-central-1").is_err()
            && IdentityPoolId::parse(&format!("eu:{}", of(60))).is_err()
    );
    assert!(
        IdentityPoolId::parse("eu-central-1:XYZ").is_err()
            && IdentityPoolId::parse("eu-central-1:").is_err()
    );
    assert!(AccountId::parse("111122223333").is_ok() && AccountId::parse("1111").is_err());
    assert!(
        Login::parse("oidc.example.com/id/1").is_ok()
            && Login::parse("https://oidc.example.com").is_err()
    );
}

#[test]
fn a_pool_knows_its_region() {
    let pool = IdentityPoolId::parse("us-gov-west-1:12345678-1234-1234-1234-123456789012")
        .expect("a pool");
    assert_eq!(pool.region(), "us-gov-west-1");
}
