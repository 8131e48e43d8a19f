//! An identity pool: what is sent, what an answer and a refusal become, and how often the identity
//! is asked for.

use std::path::PathBuf;

use serde_json::{Value, json};
use stsidecar::assume::{AccountId, Cognito, Hop, IdentityPoolId, Login};
use stsidecar::failure::Class;
use stsidecar::role::RoleArn;
use stsidecar::sts::{Authentication, Client, ClientSettings, Endpoint};

use super::support::fake_sts::{Behaviour, FakeSts};
use super::support::tokens::unix_now;
use super::{ROLE, exchange, now, request, token};

const POOL: &str = "eu-central-1:12345678-1234-1234-1234-123456789012";
const ID: &str = "eu-central-1:00000000-0000-0000-0000-000000000001";

fn client(pool: &FakeSts) -> Client {
    client_at(&pool.url())
}

fn client_at(pool: &str) -> Client {
    let endpoint = |url: &str| Some(Endpoint::parse(url, false).expect("an endpoint"));
    // The STS is another one, at a closed port.
    let settings = ClientSettings {
        endpoint: endpoint("http://127.0.0.1:1"),
        cognito_endpoint: endpoint(pool),
        ..ClientSettings::default()
    };
    Client::new(&settings, now).expect("a client")
}

fn step() -> Cognito {
    Cognito {
        identity_pool_id: IdentityPoolId::parse(POOL).expect("a pool"),
        account_id: None,
        login: None,
        token_file: PathBuf::from("/token").into(),
        custom_role_arn: None,
    }
}

fn answer(status: u16, body: &Value) -> Behaviour {
    Behaviour::Raw {
        status,
        content_type: "application/x-amz-json-1.1",
        body: body.to_string(),
    }
}

fn identity() -> Behaviour {
    answer(200, &json!({ "IdentityId": ID }))
}

fn credentials() -> Behaviour {
    let issued = json!({ "AccessKeyId": "ASIACOGNITO000000001", "SecretKey": "secret", "SessionToken": "session",
                         "Expiration": unix_now() + 3600 });
    answer(200, &json!({ "IdentityId": ID, "Credentials": issued }))
}

#[tokio::test]
async fn the_path_of_a_pools_endpoint_is_sent_as_written() {
    for (written, asked) in [
        ("", "/"),
        ("/pools/one", "/pools/one"),
        ("/pools/one/", "/pools/one/"),
    ] {
        let pool = FakeSts::start();
        pool.script([identity(), credentials()]);
        let client = client_at(&format!("{}{written}", pool.url()));
        exchange(
            &client,
            request(Hop::Cognito(step()), Authentication::Token(token())),
        )
        .await
        .expect("credentials");
        let paths: Vec<String> = pool.calls().into_iter().map(|call| call.path).collect();
        assert_eq!(paths, [asked, asked], "{written:?}");
    }
}

#[tokio::test]
async fn the_identity_is_asked_for_once_and_the_token_is_its_login() {
    let pool = FakeSts::start();
    pool.script([identity(), credentials(), credentials()]);
    let step = Cognito {
        account_id: Some(AccountId::parse("111122223333").expect("an account")),
        login: Some(Login::parse("oidc.example.com/id/1").expect("a login")),
        custom_role_arn: Some(RoleArn::parse(ROLE).expect("a role")),
        ..step()
    };
    let (client, token) = (client(&pool), token());
    for _ in 0..2 {
        let request = request(
            Hop::Cognito(step.clone()),
            Authentication::Token(token.clone()),
        );
        let reply = exchange(&client, request).await.expect("a reply");
        assert_eq!(reply.credentials.access_key_id, "ASIACOGNITO000000001");
        assert_eq!(reply.credentials.secret_access_key.expose(), "secret");
        assert_eq!(reply.credentials.account.as_deref(), Some("111122223333"));
        assert_eq!(reply.details.identity_id.as_deref(), Some(ID));
        assert!((reply.credentials.expiration.unix_seconds() - unix_now() - 3600).abs() < 20);
    }
    let calls = pool.calls();
    let targets: Vec<&str> = calls
        .iter()
        .filter_map(|call| call.target.as_deref())
        .collect();
    assert_eq!(
        targets,
        [
            "AWSCognitoIdentityService.GetId",
            "AWSCognitoIdentityService.GetCredentialsForIdentity",
            "AWSCognitoIdentityService.GetCredentialsForIdentity"
        ]
    );
    let sent = |at: usize| serde_json::from_str::<Value>(&calls[at].body).expect("JSON");
    let logins = json!({ "oidc.example.com/id/1": token.expose() });
    assert_eq!(
        sent(0),
        json!({ "IdentityPoolId": POOL, "AccountId": "111122223333", "Logins": logins })
    );
    assert_eq!(
        sent(1),
        json!({ "IdentityId": ID, "CustomRoleArn": ROLE, "Logins": logins })
    );
    assert!(
        calls.iter().all(|call| call.authorization.is_none()),
        "unsigned"
    );
}

#[tokio::test]
async fn without_a_login_the_tokens_issuer_is_it() {
    let pool = FakeSts::start();
    pool.script([identity(), credentials()]);
    let token = token();
    let reply = exchange(
        &client(&pool),
        request(Hop::Cognito(step()), Authentication::Token(token.clone())),
    )
    .await;
    assert_eq!(reply.expect("a reply").credentials.account, None);
    let sent: Value = serde_json::from_str(&pool.calls()[0].body).expect("JSON");
    let issuer = token.claims().issuer.clone().expect("an issuer");
    let login = issuer
        .strip_prefix("https://")
        .unwrap_or(&issuer)
        .to_owned();
    assert_eq!(sent["Logins"][&login], token.expose());
    assert_eq!(sent["AccountId"], Value::Null);
}

#[tokio::test]
async fn refusals_and_odd_answers_have_the_class_of_their_cause() {
    for (behaviour, class, code) in [
        (
            answer(
                400,
                &json!({ "__type": "NotAuthorizedException", "message": "Invalid login token. Token expired" }),
            ),
            Class::Token,
            "NotAuthorizedException",
        ),
        (
            answer(
                400,
                &json!({ "__type": "a.model#NotAuthorizedException", "message": "Access is forbidden" }),
            ),
            Class::Denied,
            "NotAuthorizedException",
        ),
        (
            answer(
                400,
                &json!({ "__type": "ResourceNotFoundException", "message": "IdentityPool not found" }),
            ),
            Class::Config,
            "ResourceNotFoundException",
        ),
        (
            answer(
                400,
                &json!({ "__type": "TooManyRequestsException", "message": "Rate exceeded" }),
            ),
            Class::Throttled,
            "TooManyRequestsException",
        ),
        (answer(500, &json!({})), Class::Transient, "HttpStatus500"),
        (answer(200, &json!([])), Class::BadReply, "InvalidReply"),
        (Behaviour::Oversized, Class::BadReply, "ReplyTooLarge"),
        (Behaviour::Hang, Class::Transient, "RequestTimeout"),
    ] {
        let pool = FakeSts::start();
        pool.script([behaviour]);
        let token = token();
        let refused = exchange(
            &client(&pool),
            request(Hop::Cognito(step()), Authentication::Token(token.clone())),
        )
        .await;
        let failure = refused.expect_err(code);
        assert_eq!((failure.class, &*failure.code.text()), (class, code));
        assert!(!format!("{failure:?}").contains(token.expose()));
    }
}

#[tokio::test]
async fn a_server_in_front_of_the_pool_is_quoted_too() {
    let page = "<html><head><title>403 Forbidden</title></head><body><h1>blocked by policy 7</h1></body></html>";
    let token = token();
    let echo = token.expose();
    for (content_type, body, code, says) in [
        (
            "text/html",
            page.to_owned(),
            "HttpStatus403",
            "403 Forbidden: blocked by policy 7",
        ),
        (
            "text/plain",
            "blocked\nby policy 7".to_owned(),
            "HttpStatus403",
            "blocked",
        ),
        (
            "application/json",
            json!({ "error": { "message": "blocked" } }).to_string(),
            "HttpStatus403",
            "blocked",
        ),
        (
            "application/x-amz-json-1.1",
            json!({ "__type": "a.model#NotAuthorizedException:http://internal/", "Message": "no" })
                .to_string(),
            "NotAuthorizedException",
            "no",
        ),
        (
            "text/plain",
            format!("bad login {}", &echo[30..90]),
            "HttpStatus403",
            "bad login [redacted]",
        ),
    ] {
        let pool = FakeSts::start();
        pool.script([Behaviour::Raw {
            status: 403,
            content_type,
            body,
        }]);
        let request = request(Hop::Cognito(step()), Authentication::Token(token.clone()));
        let failure = exchange(&client(&pool), request)
            .await
            .expect_err("a refusal");
        assert_eq!(
            (&*failure.code.text(), failure.message.as_str()),
            (code, says)
        );
    }
}

#[tokio::test]
async fn credentials_without_their_parts_are_refused_and_a_deleted_identity_is_made_anew() {
    let pool = FakeSts::start();
    let gone = answer(
        400,
        &json!({ "__type": "ResourceNotFoundException", "message": "Identity not found" }),
    );
    let empty = answer(200, &json!({ "IdentityId": ID }));
    pool.script([identity(), empty, gone, identity(), credentials()]);
    let client = client(&pool);
    let ask = || request(Hop::Cognito(step()), Authentication::Token(token()));
    let failure = exchange(&client, ask()).await.expect_err("no credentials");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::BadReply, "InvalidReply")
    );
    assert_eq!(
        exchange(&client, ask())
            .await
            .expect_err("gone")
            .code
            .text(),
        "ResourceNotFoundException"
    );
    assert!(exchange(&client, ask()).await.is_ok());
}

#[tokio::test]
async fn an_answer_without_identity_is_refused_and_not_remembered() {
    for nothing in [
        json!({}),
        json!({ "IdentityId": "" }),
        json!({ "IdentityId": 1 }),
    ] {
        let pool = FakeSts::start();
        pool.script([answer(200, &nothing), identity(), credentials()]);
        let client = client(&pool);
        let ask = || request(Hop::Cognito(step()), Authentication::Token(token()));
        let failure = exchange(&client, ask()).await.expect_err("no identity");
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::BadReply, "InvalidReply")
        );
        assert_eq!(pool.calls().len(), 1, "no credentials are asked for");
        exchange(&client, ask()).await.expect("a reply");
    }
}
