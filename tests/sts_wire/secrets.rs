//! No failure shows the token, the policy's caller or any issued secret, in whatever encoding.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use stsidecar::assume::Hop;
use stsidecar::credentials::{Credentials, Secret};
use stsidecar::sts::{Authentication, Client};
use stsidecar::time::Wall;
use stsidecar::token::WebIdentityToken;

use super::support::fake_sts::{Behaviour, FakeSts};
use super::support::tokens::ServiceAccountToken;
use super::{client, exchange, request, role, web_identity};

/// Every form in which a secret could be written somewhere.
fn forms(secret: &str) -> Vec<String> {
    let hex: Vec<String> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.to_owned(), url_encoded(secret), hex.concat()];
    // Wherever the secret begins within three bytes, its base64 is one of three.
    for skipped in 0..3 {
        forms.push(STANDARD_NO_PAD.encode(&secret[skipped..]));
        forms.push(URL_SAFE_NO_PAD.encode(&secret[skipped..]));
    }
    forms.push(STANDARD.encode(secret));
    forms
}

fn url_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn assert_hidden(shown: &str, secrets: &[&str], context: &str) {
    for secret in secrets {
        for form in forms(secret) {
            for window in form.as_bytes().windows(12).step_by(6) {
                let window = std::str::from_utf8(window).expect("ASCII");
                assert!(
                    !shown.contains(window),
                    "{context}: {window} of a secret in {shown}"
                );
            }
        }
    }
}

fn parent() -> Credentials {
    Credentials {
        access_key_id: "ASIAPARENTPARENT0001".into(),
        secret_access_key: Secret::new("CanarySecretKey/0123456789+abcdefghijklm".into()),
        session_token: Secret::new("CanarySessionToken//////////AAAABBBBCCCCDDDD=".into()),
        expiration: Wall::from_unix_seconds(4_000_000_000),
        account: None,
    }
}

fn behaviours(token: &str) -> Vec<Behaviour> {
    let echo = format!("Token {token} is bad");
    let raw = |status, body: String| Behaviour::Raw {
        status,
        content_type: "text/xml",
        body,
    };
    vec![
        Behaviour::Hang,
        Behaviour::ResetMidBody,
        Behaviour::Oversized,
        Behaviour::Html502,
        Behaviour::Empty500,
        Behaviour::MissingFields,
        Behaviour::Redirect(format!("http://127.0.0.1:1/?t={token}")),
        Behaviour::AssumedRole("arn:aws:sts::999922223333:assumed-role/other/x".into()),
        Behaviour::error(400, "InvalidIdentityToken", &echo),
        Behaviour::error(400, token, &url_encoded(&echo)),
        Behaviour::error(
            403,
            "AccessDenied",
            &format!("{} {}", STANDARD.encode(token), echo),
        ),
        raw(200, format!("<x>{token}</x>")),
        raw(
            500,
            format!(
                "<Error><Code>{token}</Code><Message>{token}</Message><RequestId>{token}</RequestId></Error>"
            ),
        ),
    ]
}

#[tokio::test]
async fn no_failure_shows_a_secret_whatever_goes_wrong() {
    let jwt = ServiceAccountToken {
        pod: "canary".into(),
        ..ServiceAccountToken::default()
    }
    .jwt();
    let token = || WebIdentityToken::parse(jwt.as_bytes()).expect("a token");
    let parent = parent();
    let secrets = [
        jwt.as_str(),
        parent.secret_access_key.expose(),
        parent.session_token.expose(),
    ];
    for behaviour in behaviours(&jwt) {
        let sts = FakeSts::start();
        sts.set_default(behaviour.clone());
        let client = client(&sts.url());
        let entry = request(
            Hop::WebIdentity(web_identity()),
            Authentication::Token(token()),
        );
        let signed = request(Hop::Role(role()), Authentication::Signer(parent.clone()));
        assert_hidden(
            &format!("{entry:?} {signed:?}"),
            &secrets,
            "the requests themselves",
        );
        let (entry, signed) = tokio::join!(exchange(&client, entry), exchange(&client, signed));
        for outcome in [entry, signed] {
            let failure = outcome.expect_err("every behaviour here is a failure");
            assert_hidden(
                &format!("{failure:?} {failure:#?}"),
                &secrets,
                &format!("{behaviour:?}"),
            );
        }
    }
}

#[tokio::test]
async fn an_attempt_that_never_left_shows_no_secret_either() {
    let jwt = ServiceAccountToken::default().jwt();
    for url in [
        "http://127.0.0.1:1".to_owned(),
        "https://127.0.0.1:1".to_owned(),
        format!("http://{}.invalid", "a".repeat(64)),
    ] {
        let client: Client = client(&url);
        let token = WebIdentityToken::parse(jwt.as_bytes()).expect("a token");
        let failure = exchange(
            &client,
            request(
                Hop::WebIdentity(web_identity()),
                Authentication::Token(token),
            ),
        )
        .await;
        assert_hidden(
            &format!("{:?}", failure.expect_err("a closed port")),
            &[&jwt],
            &url,
        );
    }
}
