//! Each predicate by itself, and that nothing is accepted without all of them.

mod roles;

use proptest::prelude::*;

use super::*;
use crate::failure::Class;

const ROLE: &str = "arn:aws:iam::111122223333:role/team/app";

fn role() -> RoleArn {
    RoleArn::parse(ROLE).expect("a role")
}

fn session(assumed_role_arn: Option<String>) -> ResponseDetails {
    ResponseDetails {
        assumed_role_arn,
        ..ResponseDetails::default()
    }
}

fn good() -> Fields {
    Fields {
        access_key_id: "ASIAQWERTYUIOPASDFGH".into(),
        secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        session_token: "IQoJb3JpZ2luX2VjEHYaCXVzLWVhc3QtMSJHMEUCIQD//////////w==".into(),
        expiration: Wall::from_unix_seconds(1_795_327_200),
        details: session(Some(
            "arn:aws:sts::111122223333:assumed-role/app/ns.pod".into(),
        )),
    }
}

fn checked(
    server: Server,
    asked: Option<&RoleArn>,
    fields: Fields,
) -> Result<StsResponse, Failure> {
    let envelope = Envelope {
        request_id: Some("id-1".into()),
        status: Some(200),
        date: None,
    };
    check(server, asked, fields, envelope)
}

fn class(server: Server, fields: Fields) -> Option<Class> {
    checked(server, Some(&role()), fields)
        .err()
        .map(|failure| failure.class)
}

#[test]
fn a_good_reply_keeps_every_field() {
    let reply = checked(Server::Aws, Some(&role()), good()).expect("a reply");
    let (credentials, fields) = (&reply.credentials, good());
    assert_eq!(credentials.access_key_id, fields.access_key_id);
    assert_eq!(
        credentials.secret_access_key.expose(),
        fields.secret_access_key
    );
    assert_eq!(credentials.session_token.expose(), fields.session_token);
    assert_eq!(credentials.expiration, fields.expiration);
    assert_eq!(credentials.account.as_deref(), Some("111122223333"));
    assert_eq!(
        reply.details.assumed_role_arn,
        fields.details.assumed_role_arn
    );
    assert_eq!(reply.details.request_id.as_deref(), Some("id-1"));
}

#[test]
fn each_unusable_field_is_a_bad_reply_on_every_server() {
    type Spoil = fn(&mut Fields);
    let spoilt: [(&str, Spoil); 18] = [
        ("no key id", |fields| fields.access_key_id.clear()),
        ("key id with a slash", |fields| {
            fields.access_key_id = "ASIA/QWERTYUIOPASDFGH".into();
        }),
        ("key id with a comma", |fields| {
            fields.access_key_id = "ASIA,QWERTYUIOPASDFGH".into();
        }),
        ("key id with an equals sign", |fields| {
            fields.access_key_id = "ASIAQWERTYUIOPASDFGH=".into();
        }),
        ("key id with a blank", |fields| {
            fields.access_key_id = "ASIA QWERTYUIOPASDFGH".into();
        }),
        ("key id with a quote", |fields| {
            fields.access_key_id = "ASIA\"QWERTYUIOPASDFGH".into();
        }),
        ("key id with a letter of another script", |fields| {
            fields.access_key_id = "ASIÄQWERTYUIOPASDFGH".into();
        }),
        ("key id too long", |fields| {
            fields.access_key_id = "A".repeat(129);
        }),
        ("no secret", |fields| fields.secret_access_key.clear()),
        ("secret with a line break", |fields| {
            fields.secret_access_key.push('\n');
        }),
        ("secret too long", |fields| {
            fields.secret_access_key = "s".repeat(513);
        }),
        ("no session token", |fields| fields.session_token.clear()),
        ("session token with a quote", |fields| {
            fields.session_token.push('"');
        }),
        ("session token too long", |fields| {
            fields.session_token = "t".repeat(8193);
        }),
        ("no expiration", |fields| {
            fields.expiration = Wall::default();
        }),
        ("expiration in the year 10000", |fields| {
            fields.expiration = Wall::from_unix_seconds(253_402_300_800);
        }),
        ("ARN with a space", |fields| {
            fields.details.assumed_role_arn = Some("arn:aws:sts:: :x/y".into());
        }),
        ("nothing at all", |fields| *fields = Fields::default()),
    ];
    for (name, spoil) in spoilt {
        for server in [Server::Aws, Server::Other] {
            let mut fields = good();
            spoil(&mut fields);
            assert_eq!(
                class(server, fields),
                Some(Class::BadReply),
                "{name} from {server:?}"
            );
        }
    }
}

#[test]
fn own_key_ids_and_silence_about_the_role_are_fine_only_outside_aws() {
    for silent in [None, Some(String::new())] {
        let silent = Fields {
            details: session(silent),
            ..good()
        };
        assert_eq!(class(Server::Aws, silent.clone()), Some(Class::BadReply));
        let reply = checked(Server::Other, Some(&role()), silent).expect("a reply");
        assert_eq!(
            reply.credentials.account.as_deref(),
            Some("111122223333"),
            "the account asked for"
        );
        assert_eq!(reply.details.assumed_role_arn, None);
    }
    for id in [
        "K7",
        "loki-reader-0000",
        "a.b@c.example.org",
        "team:backup$nightly",
        "{user}|x;y?&<z>",
    ] {
        let own = Fields {
            access_key_id: id.into(),
            ..good()
        };
        assert_eq!(
            class(Server::Aws, own.clone()),
            Some(Class::BadReply),
            "{id}"
        );
        assert_eq!(class(Server::Other, own), None, "{id}");
    }
}

#[test]
fn a_refused_reply_is_described_without_its_content() {
    let fields = Fields {
        access_key_id: "CANARY KEY".into(),
        secret_access_key: "CANARY".into(),
        ..good()
    };
    let failure = checked(Server::Aws, None, fields).expect_err("malformed");
    assert!(!format!("{failure:?}").contains("CANARY"), "{failure:?}");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9_]{0,40}",
        2 => "[ -~]{0,40}",
        1 => ".{0,40}",
        1 => "[A-Za-z0-9+/=]{8100,8300}",
    ]
}

proptest! {
    #[test]
    fn whatever_is_accepted_satisfies_every_predicate(
        access_key_id in text(), secret_access_key in text(), session_token in text(),
        seconds in prop_oneof![any::<i64>(), 0..4_000_000_000_i64],
        arn in prop_oneof![Just(None), text().prop_map(Some), Just(good().details.assumed_role_arn)],
        aws: bool,
    ) {
        let server = if aws { Server::Aws } else { Server::Other };
        let expiration = Wall::from_unix_seconds(seconds);
        let fields = Fields { access_key_id, secret_access_key, session_token, expiration, details: session(arn) };
        if let Ok(reply) = checked(server, Some(&role()), fields) {
            let Credentials { access_key_id: id, secret_access_key: secret, session_token: token, .. } = reply.credentials;
            let shortest = if aws { 16 } else { 1 };
            prop_assert!((shortest..=128).contains(&id.len()));
            let is_part = |c: char| c.is_ascii_graphic() && !"/,=\"\\".contains(c);
            let is_known = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_valid = id.chars().all(|c| is_known(c) || !aws && is_part(c));
            prop_assert!(is_valid, "{}", id);
            for text in [secret.expose(), token.expose()] {
                prop_assert!(!text.is_empty() && text.len() <= 8192 && text.chars().all(|c| ('!'..='~').contains(&c)));
                let json = serde_json::to_string(text).expect("text is JSON");
                prop_assert_eq!(json.len(), text.len() + 2, "it grows by escaping");
            }
            prop_assert!(reply.credentials.expiration > Wall::from_unix_seconds(999_999_999));
            match reply.details.assumed_role_arn {
                Some(arn) if aws => prop_assert!(role().issued(&arn)),
                Some(arn) => prop_assert!(role().named(&arn)),
                None => prop_assert!(!aws),
            }
        }
    }
}
