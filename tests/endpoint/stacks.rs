//! What the HTTP clients of the languages send on their own is answered:
//! `tests/clients/stacks/measure.py` wrote it down.

use serde::Deserialize;

use crate::running::{BODY, TOKEN, credentials, run, status};

const MEASURED: &str = include_str!("../fixtures/http_stacks.json");

/// A client, its version, and the lines of its request with TOKEN and PORT in place of both.
#[derive(Deserialize)]
struct Measured {
    stack: String,
    version: String,
    head: Vec<String>,
}

#[test]
fn every_measured_http_stack_gets_credentials() {
    let measured: Vec<Measured> = serde_json::from_str(MEASURED).expect("the fixture");
    let endpoint = run(&credentials(BODY));
    let mut refused = Vec::new();
    for Measured {
        stack,
        version,
        head,
    } in &measured
    {
        let lines: Vec<String> = head
            .iter()
            .map(|line| {
                line.replace("PORT", &endpoint.port.to_string())
                    .replace(": TOKEN", &format!(": {TOKEN}"))
            })
            .collect();
        println!("{stack} {version}: {}", head[1..].join(" | "));
        let answer = endpoint.send(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes());
        if status(&answer) != "200" || !answer.ends_with(BODY) {
            refused.push(format!("{stack} {version}: {answer}"));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
    for language in [
        "Node.js", "undici", "Deno", "Bun", "Java", ".NET", "Python", "Go", "Rust", "curl", "Ruby",
        "PHP", "Perl",
    ] {
        assert!(
            measured.iter().any(|row| row.stack.starts_with(language)),
            "{language} was measured once"
        );
    }
}
