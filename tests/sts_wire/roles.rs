//! Which role an answer is believed to be for.

use stsidecar::assume::Hop;
use stsidecar::failure::Class;
use stsidecar::sts::Authentication;

use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, enter, exchange, loaded, request, token};

#[tokio::test]
async fn a_server_that_names_no_role_is_believed_unless_it_is_aws() {
    let sts = FakeSts::start();
    sts.set_default(Behaviour::AssumedRole(String::new()));
    let reply = enter(&client(&sts.url())).await.expect("a reply");
    assert_eq!(reply.details.assumed_role_arn, None);
    assert_eq!(reply.credentials.account.as_deref(), Some("111122223333"));
}

#[tokio::test]
async fn a_server_that_keeps_the_roles_path_is_taken_at_its_word() {
    let sts = FakeSts::start();
    let client = client(&sts.url());
    // Ceph RGW: `assumed-role` for `role`, the session behind it (generateAssumedRoleUser in its
    // rgw_sts.cc).
    let ceph = "arn:aws:sts::111122223333:assumed-role/team/app/shop.checkout-0";
    sts.script(
        [ceph, "arn:aws:sts::111122223333:assumed-role/app/team/x"]
            .map(|arn| Behaviour::AssumedRole(arn.into())),
    );
    let reply = enter(&client).await.expect("the role that was asked for");
    assert_eq!(reply.details.assumed_role_arn.as_deref(), Some(ceph));
    let failure = enter(&client).await.expect_err("a role named team");
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Role, "RoleMismatch")
    );
}

#[tokio::test]
async fn a_role_that_is_no_arn_is_sent_as_written_and_not_compared() {
    let sts = FakeSts::start();
    let role = "urn:ecs:iam::ns1:role/reader";
    let client = client(&sts.url());
    for answered in [
        "urn:ecs:sts::ns1:assumed-role/other/x",
        "arn:aws:sts::111122223333:assumed-role/other/x",
        "",
    ] {
        sts.script([Behaviour::AssumedRole(answered.into())]);
        let request = request(step_of(role, &sts.url()), Authentication::Token(token()));
        let reply = exchange(&client, request).await.expect(answered);
        assert_eq!(reply.details.assumed_role_arn.unwrap_or_default(), answered);
        assert_eq!(
            reply.credentials.account.as_deref(),
            answered.starts_with("arn").then_some("111122223333")
        );
    }
    assert!(sts.calls().iter().all(|call| call.form["RoleArn"] == role));
}

/// The step of this role as the settings give it.
fn step_of(role: &str, url: &str) -> Hop {
    let config = loaded(&[("AWS_ROLE_ARN", role), ("AWS_ENDPOINT_URL_STS", url)]);
    Hop::clone(&config.profiles[0].steps[0])
}
