//! What is taken for a status, and what of it is printed as JSON.

use serde_json::json;

use super::*;

#[test]
fn nothing_but_an_object_is_a_status() {
    for odd in [
        "[]",
        r#"["9", null, null, true, true]"#,
        "null",
        "7",
        r#""ready""#,
    ] {
        let problem = read(odd).expect_err(odd);
        assert_eq!(problem, "its answer is JSON, but no status", "{odd}");
    }
    assert_eq!(
        read("<html>").expect_err("no JSON"),
        "its answer is no JSON"
    );
    let problem = read(r#"{"profiles": 7}"#).expect_err("no list");
    assert!(
        problem.contains("no status: invalid type: integer `7`"),
        "{problem}"
    );
}

#[test]
fn what_a_newer_agent_says_is_in_the_document_of_one_client_too() {
    let newer = json!({
        "ready": false, "newThing": [1],
        "profiles": [{"profile": "job", "newer": 1, "ready": true}, {"profile": "other"}],
        "clients": [{"name": "job"}, {"name": "other"}],
    });
    let (mut status, mut document) = read(&newer.to_string()).expect("a status");
    assert_eq!(Value::Object(document.clone()), newer);
    page::only(&mut status, "job");
    status.clients.retain(|client| client.name == "job");
    narrow(&mut document, &status);
    let expected = json!({
        "ready": true, "newThing": [1],
        "profiles": [{"profile": "job", "newer": 1, "ready": true}],
        "clients": [{"name": "job"}],
    });
    assert_eq!(Value::Object(document), expected);
}
