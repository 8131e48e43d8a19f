//! The stored form, word by word: every value of every source.

use serde_json::{Value, json};

use super::*;
use crate::config::{Config, Flags, Sources};

/// The fingerprints of this document's profiles, in their order.
fn of(document: &Value) -> Vec<String> {
    let document = document.to_string();
    let variable = |name: &str| (name == "STSIDECAR_CONFIG_INLINE").then(|| document.clone());
    let read = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
    let loaded = Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    });
    let Config { profiles, sts, .. } = loaded.expect("accepted").config;
    profiles
        .iter()
        .map(|profile| fingerprint(profile, &sts))
        .collect()
}

const POLICY: &str = r#"{"Statement":[1]}"#;

fn every_value() -> Value {
    let arn = |name: &str| format!("arn:aws:iam::111122223333:{name}");
    let keys = |name: &str| json!({"credentialsFile": format!("/keys/{name}"), "profile": name});
    let with = |keys: Value, more: Value| {
        let mut both = keys;
        both.as_object_mut()
            .expect("keys")
            .extend(more.as_object().expect("keys").clone());
        both
    };
    let totp = json!({"serialNumber": arn("mfa/of-user"), "totpSecretFile": "/mfa/secret"});
    let code = json!({"serialNumber": "GAHT12345678", "tokenCodeFile": "/mfa/code"});
    let clients: Vec<Value> = ["a", "b", "c", "d", "e", "f", "g"]
        .iter()
        .map(|name| json!({"name": name, "profile": name, "tokenFile": format!("/tokens/{name}")}))
        .collect();
    json!({
        "region": "eu-central-1",
        "clients": clients,
        "profiles": {
            "a": {
                "webIdentity": {
                    "roleArn": arn("role/app"), "tokenFile": "/token", "sessionName": "fixed",
                    "sessionDuration": "2h", "policy": POLICY, "policyArns": [arn("policy/one")],
                },
                "chain": [{
                    "roleArn": arn("role/next"), "externalId": "one", "sourceIdentity": "alice",
                    "tags": {"team": "data"}, "transitiveTagKeys": ["team"], "sessionDuration": "1h",
                    "policy": POLICY, "policyArns": [arn("policy/two")],
                    "providedContexts": [{"providerArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "contextAssertionFile": "/context"}],
                }],
            },
            "b": {"webIdentity": {"tokenFile": "/oauth", "providerId": "www.amazon.com", "roleArn": arn("role/app")}},
            "c": {"saml": {
                "roleArn": arn("role/app"), "principalArn": arn("saml-provider/idp"), "assertionFile": "/saml",
                "sessionDuration": "longest", "policy": POLICY, "policyArns": [arn("policy/one")],
            }},
            "d": {"sessionToken": with(keys("user"), json!({"sessionDuration": "36h", "mfa": totp}))},
            "e": {"federationToken": with(keys("user"), json!({
                "name": "ci", "sessionDuration": "1h", "policy": POLICY, "policyArns": [arn("policy/one")], "tags": {"team": "data"},
            }))},
            "f": {"cognito": {
                "identityPoolId": "eu-central-1:11111111-2222-3333-4444-555555555555", "accountId": "111122223333",
                "login": "issuer.example.com", "tokenFile": "/token", "customRoleArn": arn("role/app"),
            }},
            "g": {"accessKey": keys("user"), "chain": [{"roleArn": arn("role/app"), "mfa": code}]},
        },
    })
}

/// Saved credentials are vended by another version of the agent because this text is the same
/// there. A line that has to change changes `VERSION` too.
#[test]
fn the_text_of_every_source_is_what_earlier_agents_have_saved_under() {
    let saved = include_str!("../../../tests/fixtures/fingerprint.jsonl");
    assert_eq!(of(&every_value()), saved.lines().collect::<Vec<_>>());
}

#[test]
fn whatever_decides_whose_credentials_a_profile_has_is_in_it() {
    let whole = every_value();
    let own = of(&whole);
    for (place, other) in [
        ("/region", "eu-west-1"),
        (
            "/profiles/a/webIdentity/roleArn",
            "arn:aws:iam::111122223333:role/ap2",
        ),
        ("/profiles/a/webIdentity/tokenFile", "/tokem"),
        ("/profiles/a/webIdentity/sessionDuration", "3h"),
        ("/profiles/a/webIdentity/policy", r#"{"Statement":[2]}"#),
        (
            "/profiles/a/chain/0/roleArn",
            "arn:aws:iam::444455556666:role/c",
        ),
        ("/profiles/a/chain/0/externalId", "two"),
        ("/profiles/a/chain/0/sourceIdentity", "bobby"),
        ("/profiles/a/chain/0/tags/team", "date"),
        ("/profiles/a/chain/0/sessionName", "fluid"),
    ] {
        let mut changed = whole.clone();
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        let parent = if parent.is_empty() {
            Some(&mut changed)
        } else {
            changed.pointer_mut(parent)
        };
        parent.expect("there")[key] = json!(other);
        assert_ne!(own[0], of(&changed)[0], "{place}");
    }
}

#[test]
fn how_sts_is_reached_is_not_in_it() {
    let whole = every_value();
    let mut changed = whole.clone();
    changed["stsTimeout"] = json!("9s");
    assert_eq!(of(&whole), of(&changed));
}
