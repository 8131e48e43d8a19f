//! The block, word by word.

use serde_json::json;

use super::*;

fn now() -> Wall {
    Wall::parse_rfc3339("2026-11-22T06:00:00Z").expect("an instant")
}

fn status() -> Status {
    let document = json!({"since": "2026-11-22T04:00:00Z", "clients": [
        {"name": "app", "profile": "default", "lastRequest": "2026-11-22T05:57:00Z"},
        {"name": "a-container-whose-name-is-longer-than-the-column", "profile": "default", "lastRequest": null},
    ]});
    serde_json::from_value(document).expect("a status")
}

#[test]
fn each_client_has_a_line() {
    let expected = "
  clients       app: last asked 3m ago
                a-container-whose-name-is-longer-than-the-column: never asked since the agent's start 2h ago
";
    assert_eq!(block(&status(), now()), expected);
}

#[test]
fn an_agent_that_lists_no_clients_gets_no_block() {
    assert_eq!(block(&Status::default(), now()), "");
}
