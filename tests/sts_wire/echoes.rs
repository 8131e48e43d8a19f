//! What a server repeats of a request is not shown, whole or cut.

use stsidecar::assume::{Hop, WebIdentity};
use stsidecar::sts::Authentication;
use stsidecar::token::WebIdentityToken;

use super::documents::refusal;
use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, enter, exchange, hop, request};

/// Bodies that repeat `text` as debugging servers do.
fn echoes(text: &str) -> [Behaviour; 6] {
    let half = &text[..text.len() / 2];
    [
        refusal(403, "text/plain", format!("bad request: {text}")),
        refusal(403, "text/plain", format!("bad token {half}...")),
        refusal(
            403,
            "application/json",
            format!(r#"{{"code":"AccessDenied","message":"bad token '{text}'"}}"#),
        ),
        refusal(
            403,
            "application/json",
            format!(r#"{{"Code":"{half}","Message":"no","RequestId":"{half}"}}"#),
        ),
        refusal(
            403,
            "text/html",
            format!("<html><title>No {text}</title><h1>{half}</h1></html>"),
        ),
        Behaviour::error(400, "InvalidIdentityToken", &format!("bad token {text}")),
    ]
}

#[tokio::test]
async fn a_token_that_looks_like_nothing_is_not_repeated_either() {
    // An access token of OAuth 2.0, and the same as a form has it.
    let token = "ya29.a0AfH6SMC/canary+opaque==Q7xZ0pL";
    let encoded = "ya29.a0AfH6SMC%2Fcanary%2Bopaque%3D%3DQ7xZ0pL";
    let behaviours = [
        echoes(token),
        echoes(&format!("Action=x&WebIdentityToken={encoded}&Version=1")),
    ]
    .concat();
    for behaviour in behaviours {
        let sts = FakeSts::start();
        sts.set_default(behaviour.clone());
        let step = Hop::WebIdentity(WebIdentity::new("/token"));
        let proof =
            Authentication::Token(WebIdentityToken::opaque(token.as_bytes()).expect("a token"));
        let failure = exchange(&client(&sts.url()), request(step, proof))
            .await
            .expect_err("a refusal");
        let shown = format!("{failure:?}");
        assert!(
            !["ya29.a0AfH6SM", "canary", "Q7xZ0pL"]
                .iter()
                .any(|part| shown.contains(part)),
            "{behaviour:?}: {shown}"
        );
        assert!(
            shown.contains("[redacted]") || shown.contains("no"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn a_signers_session_is_not_repeated_either() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    let parent = enter(&client).await.expect("a reply").credentials;
    for secret in [
        parent.session_token.expose(),
        parent.secret_access_key.expose(),
    ] {
        for behaviour in echoes(secret) {
            sts.script([behaviour]);
            let shown = format!(
                "{:?}",
                hop(&client, parent.clone()).await.expect_err("a refusal")
            );
            assert!(!shown.contains(&secret[..16]), "{shown}");
        }
    }
}
