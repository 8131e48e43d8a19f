//! Credentials files as the AWS CLI writes them, and with faults.

use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Result<AccessKey, Error> {
    AccessKey::parse(text.as_bytes(), "app", Server::Aws)
}

#[test]
fn the_section_is_found_among_others_whatever_stands_around_its_keys() {
    let file = "# written by aws configure\r\n[default]\r\naws_access_key_id = AKIAOTHER00000000\r\n\r\n\
                [app] ; ours\r\n  \r\nregion = eu-central-1\r\ns3 =\r\n  aws_access_key_id = AKIANESTED000000\r\n\
                AWS_ACCESS_KEY_ID=AKIAAPP000000001\r\n; comment\r\naws_secret_access_key =  a/b+c=d \r\naws_session_token =\r\n\
                [profile x]\r\nrole_arn = y\r\nregions =\r\n\teu-central-1\r\n";
    let key = read(file).expect("keys");
    assert_eq!(
        (key.id(), key.secret().expose(), key.suffix()),
        ("AKIAAPP000000001", "a/b+c=d", "0001")
    );
}

#[test]
fn a_section_may_be_indented_as_a_whole() {
    for file in [
        "[app]\n  aws_access_key_id = AKIAAPP000000001\n  aws_secret_access_key = x\n",
        "  [app]\n  aws_access_key_id = AKIAAPP000000001\n  aws_secret_access_key = x\n",
        "[app]\n\taws_access_key_id = AKIAAPP000000001\n\n\taws_secret_access_key = x\n",
        "[app]\n  s3 =\n    aws_access_key_id = AKIANESTED000000\n  aws_access_key_id = AKIAAPP000000001\n aws_secret_access_key = x\n",
    ] {
        let key = read(file).expect(file);
        assert_eq!(
            (key.id(), key.secret().expose()),
            ("AKIAAPP000000001", "x"),
            "{file}"
        );
    }
    let continued = "[app]\naws_access_key_id = AKIAAPP000000001\n  aws_secret_access_key = x\n";
    assert_eq!(
        read(continued).expect_err(continued).to_string(),
        "its section [app] has no aws_secret_access_key"
    );
}

#[test]
fn what_sdks_would_take_in_different_ways_is_refused_with_its_place() {
    let section = "[app]\naws_access_key_id = AKIAAPP000000001\naws_secret_access_key = x\n";
    for (file, said) in [
        (String::new(), "it has no section [app]"),
        ("[App]\n".into(), "it has no section [app]"),
        (
            "[app]\naws_access_key_id\n".into(),
            "line 2 is neither [a section] nor key = value nor a # comment",
        ),
        (
            "[app\n".into(),
            "line 1 is neither [a section] nor key = value nor a # comment",
        ),
        (
            "[app] x\n".into(),
            "line 1 is neither [a section] nor key = value nor a # comment",
        ),
        (
            format!("{section}[other]\n[app]\n"),
            "line 5 begins section [app] a second time",
        ),
        (
            format!("{section}aws_access_key_id = y\n"),
            "line 4 gives a key a second time",
        ),
        (
            "[app]\naws_secret_access_key = x\n".into(),
            "its section [app] has no aws_access_key_id",
        ),
        (
            "[app]\naws_access_key_id = A\naws_secret_access_key =\n".into(),
            "its section [app] has no aws_secret_access_key",
        ),
        (
            "[app]\naws_access_key_id = A B\naws_secret_access_key = x\n".into(),
            "its aws_access_key_id is malformed",
        ),
        (
            "[app]\naws_access_key_id = A\naws_secret_access_key = x y\n".into(),
            "its aws_secret_access_key is malformed",
        ),
        (
            format!("{section}aws_session_token = z\n"),
            "its section [app] has an aws_session_token: these are temporary credentials, and long-term keys are needed",
        ),
    ] {
        assert_eq!(read(&file).expect_err(&file).to_string(), said);
    }
    assert_eq!(
        AccessKey::parse(b"\xff", "app", Server::Aws),
        Err(Error::NotText)
    );
}

proptest! {
    #[test]
    fn any_file_is_read_or_refused_and_no_error_repeats_a_value(
        text in r"(\[app\]|\[x\]|aws_access_key_id|aws_secret_access_key|=|canary|#|\n| ){0,24}",
        raw in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let _ = AccessKey::parse(&raw, "app", Server::Other);
        if let Err(error) = read(&text) {
            prop_assert!(!error.to_string().contains("canary"));
        }
    }
}
