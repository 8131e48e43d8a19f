//! Error documents of JSON: where code and message are in each server's shape.

use super::*;

/// A document, its code and its message.
const DOCUMENTS: &[(&str, Option<&str>, &str)] = &[
    (
        r#"{"Code":"AccessDenied","Message":"why","RequestId":"tx1"}"#,
        DENIED,
        "why",
    ),
    (r#"{"code":"AccessDenied","message":"why"}"#, DENIED, "why"),
    (r#"{"message":"why"}"#, None, "why"),
    (r#"{"Message":"why"}"#, None, "why"),
    (r#"{"msg":"why"}"#, None, "why"),
    (
        r#"{"Error":{"Code":"AccessDenied","Message":"why","Type":"Sender"},"RequestId":"tx1"}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"ErrorResponse":{"Error":{"Code":"AccessDenied","Message":"why"},"RequestId":"tx1"}}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"Response":{"Error":{"Code":"AccessDenied","Message":"why"},"RequestId":"tx1"}}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"error":{"code":"AccessDenied","message":"why"},"message":"outer"}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"error":{"code":403,"message":"why","status":"PERMISSION_DENIED"}}"#,
        None,
        "why",
    ),
    (
        r#"{"errors":[{"message":"why"},{"message":"more"}]}"#,
        None,
        "why",
    ),
    (r#"[{"message":"why"}]"#, None, "why"),
    (
        r#"{"__type":"com.amazon.coral.service#AccessDenied","message":"why"}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"__type":"AccessDenied:http://internal/","Message":"why"}"#,
        DENIED,
        "why",
    ),
    (
        r#"{"Code":"InvalidArgument","Message":"why"}"#,
        Some("InvalidArgument"),
        "why",
    ),
    (
        r#"{"error":"invalid_request","error_description":"why"}"#,
        None,
        "invalid_request: why",
    ),
    (r#"{"error":"why"}"#, None, "why"),
    (
        r#"{"title":"Forbidden","detail":"why","status":403}"#,
        None,
        "Forbidden: why",
    ),
    (
        r#"{"kind":"Status","status":"Failure","message":"why","reason":"Forbidden","code":403}"#,
        None,
        "why",
    ),
    (
        r#"{"code":"ROUTE_NOT_FOUND","message":"why"}"#,
        None,
        "ROUTE_NOT_FOUND: why",
    ),
    (
        r#"{"fault":{"faultstring":"why","detail":{"errorcode":"policies.denied"}}}"#,
        None,
        "policies.denied: why",
    ),
    (r#"{"message":"w\u0068y\nand more"}"#, None, "why\nand more"),
    (r#""why""#, None, "why"),
    (r#"{"errors":["why","more"]}"#, None, "why"),
    (r#"{"status":"error","reason":"why"}"#, None, "why"),
    (r#"{"reason":7}"#, None, r#"{"reason":7}"#),
    (r#"{"message":"cut o"#, None, r#"{"message":"cut o"#),
];

#[test]
fn json_says_its_message_in_each_of_its_shapes() {
    for (document, code, message) in DOCUMENTS {
        assert_says(document, *code, Some(message));
        assert_says(format!("\u{feff} \n{document}\n"), *code, Some(message));
        let id = document.contains("tx1").then(|| "tx1".to_owned());
        assert_eq!(read(document.as_bytes()).request_id, id, "{document}");
    }
    assert_says(r#"{"Code":"AccessDenied"}"#, DENIED, None);
    for nothing in ["{}", "[]", "null", "{\"message\":\"\"}", " \n"] {
        assert_says(nothing, None, None);
    }
}
