//! Grammar and comparison of names.

use super::*;

#[test]
fn role_arns_of_every_partition_are_read() {
    for (text, account, name) in [
        (
            "arn:aws:iam::111122223333:role/app",
            Some("111122223333"),
            "app",
        ),
        (
            "arn:aws-cn:iam::111122223333:role/team/deep/app",
            Some("111122223333"),
            "app",
        ),
        (
            "arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0",
            None,
            "nOybJqMNzNmroqEKq5D0EUsRZw0",
        ),
        (
            "arn:aws:iam::RGW33567154695143645:role/app",
            Some("RGW33567154695143645"),
            "app",
        ),
        ("arn:aws:iam::tenant_1:role/app", Some("tenant_1"), "app"),
    ] {
        let role = RoleArn::parse(text).expect(text);
        assert_eq!((role.account(), role.name()), (account, name));
    }
}

#[test]
fn what_is_not_a_role_arn_is_refused() {
    for bad in [
        "",
        "app",
        "arn:aws:iam::1111:role/app",
        "arn:aws:iam::1111-2222-33:role/app",
        "arn:aws:iam::<account>:role/app",
        "arn:aws:iam::${ACCOUNT}:role/app",
        "arn:aws:iam::111122223333:user/someone",
        "arn:aws:iam::111122223333:role/",
        "arn:aws:s3::111122223333:role/app",
        "arn:aws:iam::111122223333:role/a b",
        "arn:aws:sts::111122223333:assumed-role/app/session",
    ] {
        assert_eq!(RoleArn::parse(bad), Err(Error::RoleArn), "{bad}");
    }
}

#[test]
fn an_assumed_role_is_compared_by_account_and_name_only() {
    let role = RoleArn::parse("arn:aws:iam::111122223333:role/path/app").expect("a role");
    assert!(role.issued("arn:aws:sts::111122223333:assumed-role/app/session"));
    assert!(!role.issued("arn:aws:sts::999922223333:assumed-role/app/session"));
    assert!(!role.issued("arn:aws:sts::111122223333:assumed-role/other/session"));
    assert!(!role.issued("garbage"));
    assert!(role.named("arn:aws:sts::000000000000:assumed-role/app/session"));
    assert!(!role.named("arn:aws:sts::000000000000:assumed-role/other/session"));
}

#[test]
fn a_server_may_answer_with_the_role_itself_unless_it_is_aws() {
    let role = RoleArn::parse("arn:aws:iam::111122223333:role/path/app").expect("a role");
    assert!(role.named(role.as_str()) && !role.issued(role.as_str()));
    assert!(!role.named("arn:aws:iam::111122223333:role/path/other"));
}

#[test]
fn any_text_becomes_a_session_name_that_sts_takes() {
    for text in ["", "a", "ns.pod-0", "ünïcode/and spaces", &"x".repeat(200)] {
        let name = SessionName::sanitised(text);
        assert_eq!(
            SessionName::parse(name.as_str()),
            Ok(name.clone()),
            "{text}"
        );
    }
    assert_eq!(SessionName::sanitised("a b").as_str(), "a-b");
    assert_eq!(SessionName::parse("a b"), Err(Error::SessionName));
}

#[test]
fn regions_of_aws_are_host_name_labels() {
    assert!(Region::parse("eu-central-1").is_ok());
    for bad in ["", "EU", "eu_central", "-eu", "a.b"] {
        assert_eq!(Region::parse(bad), Err(Error::Region), "{bad}");
    }
}
