//! What a refresher makes of its source's files: proof, codes, or the failure with its advice.

use super::*;

#[tokio::test]
async fn each_way_a_token_file_is_unusable_has_the_advice_that_mends_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("directory")).expect("made");
    std::fs::write(path("long"), vec![b'x'; 100_000]).expect("written");
    std::fs::write(path("text"), "no token").expect("written");
    for file in ["missing", "text/below-a-file", "directory", "long", "text"] {
        let mut refresher = refresher(&path(file), None);
        let call = refresher.first_call();
        drop(refresher.prepare(&call));
        let failure = refresher.proof(&call).expect_err("no token");
        let hint = failure.hint();
        assert!(
            hint.contains("projected service account token") && !hint.contains("fsGroup"),
            "{file}: {hint}"
        );
    }
}

#[tokio::test]
async fn an_error_that_comes_or_goes_is_no_new_token() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, jwt("app")).expect("written");
    let mut refresher = refresher(&file, None);
    drop(refresher.parts.source.reload());
    assert!(matches!(
        refresher.token_changed(),
        Event::Token(Content { generation: 1, .. })
    ));
    std::fs::remove_file(&file).expect("removed");
    drop(refresher.parts.source.reload());
    assert!(
        matches!(refresher.token_changed(), Event::Tick),
        "a missing file"
    );
    std::fs::write(&file, jwt("app")).expect("written");
    drop(refresher.parts.source.reload());
    assert!(
        matches!(refresher.token_changed(), Event::Tick),
        "the same content again"
    );
    std::fs::write(&file, jwt("other")).expect("written");
    drop(refresher.parts.source.reload());
    let first = refresher.content.identity;
    let event = refresher.token_changed();
    assert!(
        matches!(event, Event::Token(Content { generation: 2, identity }) if first.changes_to(identity))
    );
}

/// What is known of a file of this content.
fn latest(form: &Form, content: &str) -> Latest<FileContent> {
    let mut latest = Latest::default();
    latest.value = Some(Arc::new(form.parse(content.as_bytes()).expect(content)));
    latest
}

#[test]
fn an_assertion_is_sent_until_five_minutes_after_its_end_and_a_token_however_old() {
    let response = r#"<Response><Assertion><Conditions NotOnOrAfter="2026-11-22T06:00:00Z"/></Assertion></Response>"#;
    let source = latest(&Form::Assertion, response);
    let at = |after: i64| Wall::from_unix_seconds(1_795_327_200 + after);
    assert!(
        of_source(&source, &Form::Assertion, Some(at(299))).is_ok(),
        "STS judges"
    );
    assert!(
        of_source(&source, &Form::Assertion, None).is_ok(),
        "our own clock may be wrong"
    );
    let failure =
        of_source(&source, &Form::Assertion, Some(at(300))).expect_err("of no use any more");
    assert_eq!(
        (failure.class, &*failure.code.text(), failure.sent),
        (Class::Token, "AssertionExpired", false)
    );
    assert!(
        failure.message.contains("2026-11-22T06:00:00Z")
            && failure.hint().contains("new SAML response")
    );
    let expired = latest(&Form::Token, &jwt("app"));
    assert!(of_source(&expired, &Form::Token, Some(at(1_000_000))).is_ok());
}

#[tokio::test]
async fn codes_are_those_of_the_time_at_sts_whatever_our_wall_clock_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let (keys, secret) = (
        directory.path().join("credentials"),
        directory.path().join("secret"),
    );
    std::fs::write(
        &keys,
        "[default]\naws_access_key_id=AKIAEXAMPLE000001\naws_secret_access_key=x\n",
    )
    .expect("written");
    std::fs::write(&secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("written");
    let serial_number = SerialNumber::parse("GAHT12345678").expect("a device");
    let step = Hop::SessionToken(SessionToken {
        mfa: Some(Mfa {
            serial_number,
            code: MfaCode::Secret(secret.into()),
        }),
        ..SessionToken::new(keys)
    });
    let mut refresher = driving(
        step,
        SilentSts(Some(Wall::from_unix_seconds(1_111_111_109))),
        None,
    );
    let call = refresher.first_call();
    let Ok(request) = refresher.prepare(&call).request else {
        panic!("everything is there")
    };
    assert_eq!(
        request
            .extras
            .code
            .as_ref()
            .map(crate::credentials::Secret::expose),
        Some("081804"),
        "RFC 6238, appendix B"
    );
}
