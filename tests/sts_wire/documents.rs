//! What a server says when it refuses reaches the operator, in whatever document, and without what
//! it was sent.

use stsidecar::failure::{Class, Failure};

use super::support::fake_sts::{Behaviour, FakeSts};
use super::{client, enter};

const WHY: &str = "the session name is not allowed here";

pub(super) fn refusal(status: u16, content_type: &'static str, body: String) -> Behaviour {
    Behaviour::Raw {
        status,
        content_type,
        body,
    }
}

/// What becomes of a refusal.
async fn refused(behaviour: Behaviour) -> Failure {
    let sts = FakeSts::start();
    sts.set_default(behaviour);
    enter(&client(&sts.url())).await.expect_err("a refusal")
}

#[tokio::test]
async fn every_kind_of_document_keeps_its_message() {
    let cdata = format!(
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message><![CDATA[{WHY}]]></Message></Error></ErrorResponse>"
    );
    let json =
        format!(r#"{{"Error":{{"Code":"AccessDenied","Message":"{WHY}"}},"RequestId":"tx1"}}"#);
    let gateway = format!(r#"{{"message":"{WHY}"}}"#);
    let page = format!("<html><head><title>{WHY}</title></head><body><hr></body></html>");
    for (status, kind, body, class, code) in [
        (403, "text/xml", &cdata, Class::Denied, "AccessDenied"),
        (
            403,
            "application/json",
            &json,
            Class::Denied,
            "AccessDenied",
        ),
        (
            403,
            "application/json",
            &gateway,
            Class::Denied,
            "HttpStatus403",
        ),
        (
            403,
            "text/plain",
            &format!("{WHY}\nand more"),
            Class::Denied,
            "HttpStatus403",
        ),
        (403, "text/html", &page, Class::Denied, "HttpStatus403"),
        (
            404,
            "application/json",
            &gateway,
            Class::Transient,
            "HttpStatus404",
        ),
        (503, "text/html", &page, Class::Transient, "HttpStatus503"),
    ] {
        let failure = refused(refusal(status, kind, body.clone())).await;
        assert_eq!(
            (
                failure.class,
                &*failure.code.text(),
                failure.message.as_str()
            ),
            (class, code, WHY),
            "{body}"
        );
    }
}

#[tokio::test]
async fn what_a_printer_put_around_a_code_is_not_the_code() {
    let printed = format!(
        "<?xml version=\"1.0\"?>\n<ErrorResponse>\n  <Error>\n    <Code>\n      AccessDenied\n    </Code>\n    \
         <Message>\n      {WHY}\n    </Message>\n  </Error>\n</ErrorResponse>\n"
    );
    for status in [400, 403, 500] {
        let failure = refused(refusal(status, "text/xml", printed.clone())).await;
        assert_eq!(
            (
                failure.class,
                &*failure.code.text(),
                failure.message.as_str()
            ),
            (Class::Denied, "AccessDenied", WHY)
        );
    }
}

#[tokio::test]
async fn a_code_without_a_message_is_no_empty_line() {
    for (content_type, body) in [
        // Ceph RGW, of most of its refusals.
        (
            "application/xml",
            "<Error><Code>AccessDenied</Code><Message></Message><RequestId>tx0</RequestId></Error>",
        ),
        (
            "application/xml",
            "<Error><Code>AccessDenied</Code><RequestId>tx0</RequestId></Error>",
        ),
        (
            "text/xml",
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message> </Message></Error></ErrorResponse>",
        ),
        ("application/json", r#"{"Code":"AccessDenied"}"#),
    ] {
        let failure = refused(refusal(403, content_type, body.to_owned())).await;
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::Denied, "AccessDenied"),
            "{body}"
        );
        assert_eq!(
            failure.message, "the answer has no message, only HTTP status 403 and its error code",
            "{body}"
        );
    }
}

#[tokio::test]
async fn of_a_large_page_what_it_begins_with_is_kept() {
    let page = format!(
        "<html><head><title>{WHY} \u{fc}</title></head><body>{}",
        "\u{fc}".repeat(100_000)
    );
    let error = format!(
        "<Error><Code>AccessDenied</Code><Message>{WHY}</Message><Trace>{}</Trace>",
        "x".repeat(100_000)
    );
    for (status, kind, body, class, code) in [
        (403, "text/html", &page, Class::Denied, "HttpStatus403"),
        (503, "text/html", &page, Class::Transient, "HttpStatus503"),
        (
            400,
            "application/xml",
            &error,
            Class::Denied,
            "AccessDenied",
        ),
    ] {
        let failure = refused(refusal(status, kind, body.clone())).await;
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (class, code),
            "{failure:?}"
        );
        assert!(
            failure.message.starts_with(WHY) && !failure.message.contains('\u{c3}'),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn a_code_in_json_that_no_sts_has_is_not_taken_for_one() {
    let body = r#"{"code":"ROUTE_NOT_FOUND","message":"no route"}"#.to_owned();
    let failure = refused(refusal(404, "application/json", body)).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Transient, "HttpStatus404")
    );
    assert_eq!(failure.message, "ROUTE_NOT_FOUND: no route");
}

#[tokio::test]
async fn of_a_success_that_cannot_be_read_nothing_is_shown() {
    let keys = r#""AccessKeyId":"ASIACANARY0000000001","SecretAccessKey":"canary-secret","Token":"canary-token""#;
    for (content_type, body) in [
        (
            "application/json",
            format!(r#"{{"Code":"Success",{keys}}}"#),
        ),
        ("application/json", format!("{{{keys}}}")),
        (
            "application/json",
            format!(r#"{{"message":"canary",{keys}}}"#),
        ),
        ("text/plain", "canary-secret".to_owned()),
        ("text/html", "<html><title>canary</title></html>".to_owned()),
        (
            "text/xml",
            "<AssumeRoleResult><Code>Success</Code><SecretAccessKey>canary</SecretAccessKey>"
                .to_owned(),
        ),
    ] {
        let failure = refused(refusal(200, content_type, body.clone())).await;
        assert_eq!(
            (failure.class, &*failure.code.text()),
            (Class::BadReply, "InvalidReply"),
            "{body}"
        );
        assert!(!failure.message.contains("canary"), "{failure:?}");
    }
    let error = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>".to_owned();
    let failure = refused(refusal(200, "text/xml", error)).await;
    assert_eq!(
        (failure.class, &*failure.code.text()),
        (Class::Denied, "AccessDenied"),
        "an error all the same"
    );
}

#[tokio::test]
async fn what_is_shown_is_one_short_line() {
    let failure = refused(refusal(
        403,
        "application/json",
        format!(r#"{{"message":"a\nb\u001b[31m{}"}}"#, "x y ".repeat(9000)),
    ))
    .await;
    assert!(
        failure.message.starts_with(r"a\nb\u{1b}[31mx y") && failure.message.chars().count() <= 512,
        "{failure:?}"
    );
}
