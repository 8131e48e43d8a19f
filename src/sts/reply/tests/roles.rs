//! Which roles of an answer are the one asked for.

use super::*;
use crate::failure::{Code, OwnCode};

/// What becomes of an answer for `assumed` to a request for the role `asked`.
fn judged(server: Server, asked: &str, assumed: &str) -> Result<(), Code> {
    let asked = RoleArn::parse(asked).expect(asked);
    let fields = Fields {
        details: session(Some(assumed.into())),
        ..good()
    };
    let reply = checked(server, Some(&asked), fields);
    reply.map(drop).map_err(|failure| failure.code)
}

#[test]
fn another_role_than_asked_for_is_refused_by_name_and_on_aws_by_account() {
    let foreign = "arn:aws:sts::999922223333:assumed-role/app/x";
    for other in [
        "arn:aws:sts::111122223333:assumed-role/other/x",
        foreign,
        "app",
    ] {
        for server in [Server::Aws, Server::Other] {
            if server == Server::Other && other == foreign {
                continue;
            }
            let fields = Fields {
                details: session(Some(other.into())),
                ..good()
            };
            let failure = checked(server, Some(&role()), fields).expect_err(other);
            assert_eq!(
                (failure.class, &*failure.code.text()),
                (Class::Role, "RoleMismatch")
            );
            assert!(
                failure.message.contains(ROLE) && failure.message.contains(other),
                "{}",
                failure.message
            );
        }
    }
    for account in ["000000000000", ""] {
        let arn = format!("arn:aws:sts::{account}:assumed-role/app/x");
        let elsewhere = Fields {
            details: session(Some(arn)),
            ..good()
        };
        checked(Server::Other, Some(&role()), elsewhere)
            .expect("other servers have one account for all roles, or none");
    }
    let unasked = Fields {
        details: session(Some("arn:minio:sts:::assumed-role/x/y".into())),
        ..good()
    };
    let reply = checked(Server::Other, None, unasked).expect("no role was asked for");
    assert_eq!(reply.credentials.account, None);
}

#[test]
fn outside_aws_the_assumed_role_may_keep_its_path() {
    // The first as AWS answers, then Ceph RGW and SeaweedFS with the path, then SeaweedFS's first
    // releases.
    for (asked, assumed) in [
        (
            "arn:aws:iam::111122223333:role/a/b/app",
            "arn:aws:sts::111122223333:assumed-role/app/ns.pod",
        ),
        (
            "arn:aws:iam:::role/a/b/app",
            "arn:aws:sts:::assumed-role/a/b/app/ns.pod",
        ),
        (
            "arn:aws:iam::team1:role/a/app",
            "arn:aws:sts::team1:assumed-role/a/app/x_+=,.@-y",
        ),
        (
            "arn:aws:iam::111122223333:role/a/app",
            "arn:aws:sts::000000000000:assumed-role/a/app/ns.pod",
        ),
        (
            "arn:aws:iam::111122223333:role/app",
            "arn:aws:sts::assumed-role/app/ns.pod",
        ),
    ] {
        assert_eq!(
            judged(Server::Other, asked, assumed),
            Ok(()),
            "{asked} {assumed}"
        );
    }
}

#[test]
fn a_role_whose_path_ends_like_the_name_asked_for_is_another_role() {
    let mismatch = Err(OwnCode::Ended(Kind::RoleMismatch).into());
    for (asked, assumed) in [
        (
            "arn:aws:iam:::role/app/admin",
            "arn:aws:sts:::assumed-role/app/other/ns.pod",
        ),
        (
            "arn:aws:iam:::role/accounting",
            "arn:aws:sts:::assumed-role/accounting/admin/ns.pod",
        ),
        (
            "arn:aws:iam:::role/a/accounting",
            "arn:aws:sts:::assumed-role/b/accounting/ns.pod",
        ),
        (
            "arn:aws:iam:::role/a/accounting",
            "arn:aws:sts:::assumed-role/xa/accounting/ns.pod",
        ),
        (
            "arn:aws:iam:::role/a/accounting",
            "arn:aws:sts:::assumed-role/a/accounting",
        ),
        (
            "arn:aws:iam:::role/accounting",
            "arn:aws:sts:::federated-user/accounting/ns.pod",
        ),
        (
            "arn:aws:iam:::role/accounting",
            "arn:aws:sts:::x/assumed-role/accounting/ns.pod",
        ),
    ] {
        assert_eq!(
            judged(Server::Other, asked, assumed),
            mismatch,
            "{asked} {assumed}"
        );
    }
    let with_path = "arn:aws:sts::111122223333:assumed-role/team/app/ns.pod";
    assert_eq!(
        judged(Server::Aws, ROLE, with_path),
        mismatch,
        "AWS drops the path"
    );
}
