//! What becomes of answers to calls with long-term keys; what each source sends is in
//! `tests/fixtures/sources`.

use std::path::PathBuf;

use stsidecar::assume::{AccessKeyFile, Hop, Role, SectionName, SessionToken};
use stsidecar::failure::Class;
use stsidecar::role::{Region, Server};
use stsidecar::shared_credentials::AccessKey;
use stsidecar::sts::{Authentication, Client, ClientSettings};

use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, exchange, hop, now, request, role, settings};

const KEY: &str = "AKIALONGTERM00000001";

fn keys() -> AccessKeyFile {
    AccessKeyFile {
        path: PathBuf::from("/credentials").into(),
        profile: SectionName::default(),
        server: Server::Other,
    }
}

fn key() -> Authentication {
    let file = format!("[default]\naws_access_key_id={KEY}\naws_secret_access_key=canary\n");
    Authentication::AccessKey(
        AccessKey::parse(file.as_bytes(), "default", Server::Other).expect("keys"),
    )
}

#[tokio::test]
async fn every_source_refuses_another_role_and_says_who_was_meant() {
    let sts = FakeSts::start();
    let other = "arn:aws:sts::111122223333:assumed-role/other/alice".to_owned();
    sts.script([Behaviour::AssumedRole(other)]);
    let step = Hop::Role(Role {
        keys: Some(keys()),
        ..role()
    });
    sts.add_user(KEY, "canary");
    let failure = exchange(&client(&sts.url()), request(step, key()))
        .await
        .expect_err("another role");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Role, "RoleMismatch")
    );
}

#[tokio::test]
async fn a_region_that_no_host_could_be_made_of_scopes_the_signature() {
    let sts = FakeSts::start();
    sts.add_user(KEY, "canary");
    for region in ["RegionOne", "zone_a.1", "a:b", ".", "Region~One"] {
        sts.set_region(region);
        let scope = ClientSettings {
            region: Region::parse_at(Server::Other, region).ok(),
            ..settings(&sts.url())
        };
        let client = Client::new(&scope, now).expect("a client");
        let step = || {
            Hop::Role(Role {
                keys: Some(keys()),
                ..role()
            })
        };
        let parent = exchange(&client, request(step(), key()))
            .await
            .expect(region)
            .credentials;
        hop(&client, parent).await.expect(region);
        let signed = sts
            .calls()
            .pop()
            .and_then(|call| call.authorization)
            .expect("a signature");
        assert!(
            signed.contains(&format!("/{region}/sts/aws4_request,")),
            "{signed}"
        );
    }
}

#[tokio::test]
async fn a_key_that_sts_does_not_know_is_the_sources_fault() {
    let sts = FakeSts::start();
    let step = Hop::SessionToken(SessionToken::new("/credentials"));
    let failure = exchange(&client(&sts.url()), request(step, key()))
        .await
        .expect_err("an unknown key");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Source, "InvalidClientTokenId")
    );
    assert!(!format!("{failure:?}").contains("canary"));
}

#[tokio::test]
async fn a_wrong_secret_is_the_sources_fault_and_is_not_shown() {
    let sts = FakeSts::start();
    sts.add_user(KEY, "another secret than ours");
    let step = Hop::SessionToken(SessionToken::new("/credentials"));
    let failure = exchange(&client(&sts.url()), request(step, key()))
        .await
        .expect_err("a wrong secret");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Source, "SignatureDoesNotMatch")
    );
    assert!(!format!("{failure:?}").contains("canary"));
}
