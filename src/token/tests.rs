//! Tokens as the kubelet, other programs and people write them.

use super::*;

fn jwt(payload: &str) -> String {
    format!(
        "eyJhbGciOiJSUzI1NiJ9.{}.c2ln",
        URL_SAFE_NO_PAD.encode(payload)
    )
}

#[test]
fn claims_of_a_kubelet_token_are_read() {
    let payload = r#"{"iss":"https://k","sub":"system:serviceaccount:ns:app","aud":["sts.amazonaws.com"],
        "iat":1,"nbf":2,"exp":3,"kubernetes.io":{"namespace":"ns","pod":{"name":"app-0"}}}"#;
    let token =
        WebIdentityToken::parse(format!(" {}\n", jwt(payload)).as_bytes()).expect("a token");
    let claims = token.claims();
    assert_eq!(claims.issuer.as_deref(), Some("https://k"));
    assert_eq!(claims.audience, ["sts.amazonaws.com"]);
    assert_eq!(claims.expires_at, Some(Wall::from_unix_seconds(3)));
    assert_eq!(
        (claims.namespace.as_deref(), claims.pod.as_deref()),
        (Some("ns"), Some("app-0"))
    );
    assert_eq!(token.expose(), jwt(payload));
}

#[test]
fn a_single_audience_may_be_a_plain_string() {
    let token = WebIdentityToken::parse(jwt(r#"{"aud":"one"}"#).as_bytes()).expect("a token");
    assert_eq!(token.claims().audience, ["one"]);
}

#[test]
fn what_is_not_a_token_is_refused_with_its_reason() {
    let long = "a".repeat(LONGEST + 1);
    for (content, reason) in [
        ("", Error::Empty),
        (" \n", Error::Empty),
        (long.as_str(), Error::TooLong),
        ("abc", Error::NotAJwt),
        ("a.b.c.d", Error::NotAJwt),
        ("a..c", Error::NotAJwt),
        ("a.b c.d", Error::Lines),
        (jwt("[1]").as_str(), Error::Claims),
        (jwt("nonsense").as_str(), Error::Claims),
    ] {
        assert_eq!(
            WebIdentityToken::parse(content.as_bytes()).err(),
            Some(reason),
            "{content:.20}"
        );
    }
    assert_eq!(
        WebIdentityToken::parse(b"\xff.\xff.\xff").err(),
        Some(Error::NotAJwt)
    );
}

#[test]
fn a_token_in_a_form_that_others_write_is_refused_by_its_form() {
    let token = jwt("{}");
    for (content, said) in [
        (
            format!("\"{token}\"\n"),
            "it is JSON or in quotes: write the token alone",
        ),
        (
            format!("'{token}'"),
            "it is JSON or in quotes: write the token alone",
        ),
        (
            format!("{{\"token\":\"{token}\"}}"),
            "it is JSON or in quotes: write the token alone",
        ),
        (
            format!("Bearer {token}"),
            "it has blanks or line breaks in it: write the token alone, on one line",
        ),
        (
            format!("{}\n{}", &token[..9], &token[9..]),
            "it has blanks or line breaks in it: write the token alone, on one line",
        ),
        (
            format!("{token}\n{token}\n"),
            "it has blanks or line breaks in it: write the token alone, on one line",
        ),
        (
            format!("{token}\0\0"),
            "it has bytes of zero in it: write the token alone into another file, and rename that one into place",
        ),
    ] {
        assert_eq!(
            WebIdentityToken::parse(content.as_bytes())
                .expect_err(&content)
                .to_string(),
            said
        );
    }
}

#[test]
fn an_access_token_is_opaque_and_no_jwt() {
    let token = WebIdentityToken::opaque(b"Atza|IQEBLjAsAhRm\n").expect("a token");
    assert_eq!(
        (token.expose(), token.claims()),
        ("Atza|IQEBLjAsAhRm", &Claims::default())
    );
    for (content, reason) in [
        (jwt("{}").as_str(), Error::Jwt),
        ("abc", Error::NotAToken),
        ("a b c d", Error::NotAToken),
    ] {
        assert_eq!(
            WebIdentityToken::opaque(content.as_bytes()).err(),
            Some(reason),
            "{content}"
        );
    }
}

#[test]
fn debug_never_shows_the_token() {
    let token = WebIdentityToken::parse(jwt(r#"{"sub":"s"}"#).as_bytes()).expect("a token");
    assert!(!format!("{token:?}").contains("eyJ"), "{token:?}");
}
