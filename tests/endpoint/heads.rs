//! How large the head of a request may be, and what is said to a larger one.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::running::{BODY, BOUND, Running, TOKEN, credentials, run, status};

/// The most that a head may have: bytes with its last line, and lines of headers.
const MOST_BYTES: usize = 16 * 1024;
const MOST_LINES: usize = 100;

/// A request for credentials with these lines besides.
fn request(more: &str) -> String {
    format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: localhost\r\nauthorization: {TOKEN}\r\n{more}\r\n"
    )
}

/// The same, of so many bytes.
fn of_length(bytes: usize) -> String {
    let padding = bytes - request("x: \r\n").len();
    request(&format!("x: {}\r\n", "a".repeat(padding)))
}

/// The same, of so many header lines.
fn of_lines(lines: usize) -> String {
    request(&"x: 1\r\n".repeat(lines - 2))
}

fn answer(endpoint: &Running, head: &str) -> String {
    endpoint.send(head.as_bytes())
}

fn is_explained(answer: &str, code: &str, said: &str) {
    assert_eq!(status(answer), code, "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    for line in [
        "content-type: application/json",
        "cache-control: no-store",
        "connection: close",
    ] {
        assert_eq!(
            head.matches(&format!("\r\n{line}")).count(),
            1,
            "{line}: {answer}"
        );
    }
    assert_eq!(head.matches("content-length: ").count(), 1, "{answer}");
    assert!(
        head.contains(&format!("\r\ncontent-length: {}", body.len())),
        "{answer}"
    );
    let body: serde_json::Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
    for key in ["code", "message", "Code", "Message"] {
        assert!(body[key].is_string(), "{key}: {body}");
    }
    assert!(
        body["message"]
            .as_str()
            .is_some_and(|message| message.contains(said)),
        "{said}: {body}"
    );
}

fn counted(endpoint: &Running, code: &str, count: u64) {
    let start = Instant::now();
    while endpoint.counted("stsidecar_http_requests_total", code) != count {
        assert!(
            start.elapsed() < BOUND,
            "{code}: {}",
            endpoint.counted("stsidecar_http_requests_total", code)
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Tracers put their headers into every request of the application, an SDK's request for
/// credentials included (<https://github.com/getsentry/sentry/issues/68518>); W3C Baggage may have
/// 8192 bytes (<https://www.w3.org/TR/baggage/#limits>).
#[test]
fn the_headers_of_tracers_are_taken() {
    let endpoint = run(&credentials(BODY));
    let names = "traceparent tracestate x-datadog-trace-id x-datadog-parent-id x-datadog-sampling-priority x-datadog-tags \
        x-datadog-origin sentry-trace b3 x-b3-traceid x-b3-spanid x-b3-sampled x-b3-flags x-b3-parentspanid X-Amzn-Trace-Id \
        uber-trace-id elastic-apm-traceparent newrelic request-id X-Cloud-Trace-Context grpc-trace-bin ot-tracer-traceid";
    let names = names.split_whitespace().map(str::to_owned);
    // OpenTracing has a header for each item of its baggage.
    let names = names.chain((0..64).map(|number| format!("ot-baggage-item-{number}")));
    let lines: Vec<String> = names
        .map(|name| format!("{name}: 0af7651916cd43dd8448eb211c80319c\r\n"))
        .collect();
    let lines = lines.concat();
    for size in [0, 1000, 4000, 8192] {
        let answer = answer(
            &endpoint,
            &request(&format!("{lines}baggage: k={}\r\n", "v".repeat(size))),
        );
        assert!(
            status(&answer) == "200" && answer.ends_with(BODY),
            "{size}: {answer}"
        );
    }
}

#[test]
fn a_head_has_sixteen_kib_and_a_hundred_lines() {
    let endpoint = run(&credentials(BODY));
    for (head, expected) in [
        (of_length(MOST_BYTES - 1), "200"),
        (of_length(MOST_BYTES), "200"),
        (of_length(MOST_BYTES + 1), "431"),
        (of_lines(MOST_LINES - 1), "200"),
        (of_lines(MOST_LINES), "200"),
        (of_lines(MOST_LINES + 1), "431"),
    ] {
        let (bytes, lines) = (head.len(), head.lines().count() - 2);
        assert_eq!(
            status(&answer(&endpoint, &head)),
            expected,
            "{bytes} bytes, {lines} lines"
        );
        // The same in pieces, as a slow network brings it.
        let mut stream = endpoint.connect();
        for piece in head.as_bytes().chunks(4000) {
            let _ = stream.write_all(piece);
            std::thread::sleep(Duration::from_millis(2));
        }
        let mut start = [0; 12];
        stream.read_exact(&mut start).expect("an answer");
        assert_eq!(
            &start[9..],
            expected.as_bytes(),
            "{bytes} bytes, {lines} lines in pieces"
        );
    }
    counted(&endpoint, "200", 8);
    counted(&endpoint, "431", 4);
}

#[test]
fn a_head_that_no_service_sees_is_refused_with_the_body_of_every_other_refusal() {
    let endpoint = run(&credentials(BODY));
    let too_long = [
        of_length(MOST_BYTES + 1),
        of_length(60 * 1024),
        of_lines(MOST_LINES + 1),
        of_lines(5_000),
        format!(
            "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
            "a".repeat(20 * 1024)
        ),
    ];
    for head in &too_long {
        is_explained(
            &answer(&endpoint, head),
            "431",
            "16 KiB and 100 header lines",
        );
    }
    let malformed = [
        request("no colon\r\n"),
        request("a b: c\r\n"),
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET /v1/credentials\r\n\r\n".to_owned(),
        "GET  HTTP/1.1\r\n\r\n".to_owned(),
    ];
    for head in &malformed {
        is_explained(&answer(&endpoint, head), "400", "HTTP/1.1");
    }
    counted(&endpoint, "431", 5);
    counted(&endpoint, "400", 5);

    // Behind an answered request it is the same.
    let mut stream = endpoint.connect();
    stream.write_all(request("").as_bytes()).expect("open");
    let mut text = Vec::new();
    while !text.ends_with(BODY.as_bytes()) {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).expect("an answer");
        assert_ne!(read, 0, "closed");
        text.extend_from_slice(&part[..read]);
    }
    let _ = stream.write_all(of_length(MOST_BYTES + 1).as_bytes());
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    is_explained(&String::from_utf8_lossy(&text), "431", "16 KiB");
}
