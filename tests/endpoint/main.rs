//! The credentials endpoint over real sockets: what clients, strangers and attackers get on the
//! wire.

#![allow(
    clippy::disallowed_methods,
    reason = "a test of real sockets measures real time"
)]

mod attacks;
mod heads;
mod running;
mod stacks;
mod waiting;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use running::{
    BODY, BOUND, OTHER, Running, TOKEN, clock, credentials, listener, refused, run, run_on, status,
};
use stsidecar::endpoint::HOLD;
use stsidecar::http::Limits;

#[test]
fn a_good_request_gets_exactly_the_published_bytes_with_exactly_these_headers() {
    let endpoint = run_on(
        vec![listener()],
        &refused(503, "NotYet"),
        Limits::new(64),
        BOUND,
    );
    endpoint.app.publish(credentials(BODY));
    endpoint.exporter.publish(credentials("the other one"));
    let answer = endpoint.ask("GET", "/v1/credentials", TOKEN, "");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body, BODY);
    let mut lines: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with("date: "))
        .collect();
    lines.sort_unstable();
    let length = format!("content-length: {}", BODY.len());
    let expected = [
        "HTTP/1.1 200 OK",
        "cache-control: no-store",
        "connection: close",
        &length,
        "content-type: application/json",
    ];
    assert_eq!(lines, expected);
    assert!(head.contains("\r\ndate: "), "{head}");

    assert!(
        endpoint
            .ask("GET", "/v1/credentials/", OTHER, "")
            .ends_with("\r\n\r\nthe other one")
    );
    let head_only = endpoint.ask("HEAD", "/v1/credentials", TOKEN, "");
    assert_eq!(status(&head_only), "200");
    assert!(
        head_only.contains(&length) && head_only.ends_with("\r\n\r\n"),
        "{head_only}"
    );
    assert_eq!(endpoint.counted("stsidecar_http_requests_total", "200"), 3);
    assert_eq!(endpoint.activity.last_request(), Some(clock()));
}

#[test]
fn http_1_0_is_answered_and_one_connection_takes_many_requests() {
    let endpoint = run(&credentials(BODY));
    let old = format!(
        "GET /v1/credentials HTTP/1.0\r\nhost: localhost\r\nauthorization: {TOKEN}\r\n\r\n"
    );
    assert!(endpoint.send(old.as_bytes()).ends_with(BODY));

    let mut stream = endpoint.connect();
    let request = format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {TOKEN}\r\n\r\n"
    );
    for _ in 0..100 {
        stream.write_all(request.as_bytes()).expect("open");
        let mut text = Vec::new();
        while !text.ends_with(BODY.as_bytes()) {
            let mut part = [0; 4096];
            let read = stream.read(&mut part).expect("an answer");
            assert_ne!(read, 0, "closed");
            text.extend_from_slice(&part[..read]);
        }
    }
    assert_eq!(
        endpoint.counted("stsidecar_http_requests_total", "200"),
        101
    );
}

#[test]
fn every_listener_answers() {
    let listeners = vec![listener(), listener()];
    let ports: Vec<u16> = listeners
        .iter()
        .map(|listener| listener.local_addr().expect("bound").port())
        .collect();
    let endpoint = run_on(listeners, &credentials(BODY), Limits::new(8), HOLD);
    for port in ports {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
        stream.set_read_timeout(Some(BOUND)).expect("a socket");
        let head = format!(
            "GET /v1/credentials HTTP/1.0\r\nhost: localhost\r\nauthorization: {TOKEN}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("open");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        assert!(text.ends_with(BODY), "{text}");
    }
    assert_eq!(endpoint.counted("stsidecar_http_requests_total", "200"), 2);
}

const PATH: &str = "/v1/credentials";
/// Method, target, token, more lines; status and reason of the refusal.
const REFUSED: [(&str, &str, &str, &str, &str, &str); 9] = [
    ("GET", "/", TOKEN, "", "404", "path"),
    ("GET", "/v1/credentials?", TOKEN, "", "404", "path"),
    ("POST", PATH, TOKEN, "", "405", "method"),
    ("GET", PATH, TOKEN, "content-length: 2\r\n", "400", "body"),
    (
        "GET",
        PATH,
        TOKEN,
        "transfer-encoding: chunked\r\n",
        "400",
        "body",
    ),
    ("GET", PATH, TOKEN, "host: evil\r\n", "403", "host"),
    (
        "GET",
        PATH,
        TOKEN,
        "X-Forwarded-For: 127.0.0.1\r\n",
        "403",
        "forwarded",
    ),
    ("GET", PATH, "wrong", "", "403", "token"),
    ("GET", PATH, "", "", "403", "token"),
];

#[test]
fn each_refusal_has_its_status_its_reason_and_a_body_every_sdk_can_read() {
    let endpoint = run(&credentials(BODY));
    for (method, target, token, more, code, reason) in REFUSED {
        let counts = |endpoint: &Running| {
            let rejected = endpoint.counted("stsidecar_requests_rejected_total", reason);
            (
                endpoint.counted("stsidecar_http_requests_total", code),
                rejected,
            )
        };
        let (answers, rejections) = counts(&endpoint);
        let answer = endpoint.ask(method, target, token, more);
        assert_eq!(status(&answer), code, "{answer}");
        assert!(
            answer.contains("\r\ncontent-type: application/json\r\n"),
            "{answer}"
        );
        assert_eq!(
            answer.contains("\r\nallow: GET, HEAD\r\n"),
            code == "405",
            "{answer}"
        );
        assert!(!answer.contains("canary"), "{answer}");
        let body: serde_json::Value =
            serde_json::from_str(answer.split_once("\r\n\r\n").expect("a head").1).expect("JSON");
        assert!(
            ["code", "message", "Code", "Message"]
                .iter()
                .all(|key| body[*key].is_string()),
            "{body}"
        );
        assert_eq!(counts(&endpoint), (answers + 1, rejections + 1), "{reason}");
    }
}

#[test]
fn a_client_that_has_closed_its_side_gets_the_answer_it_waits_for() {
    let endpoint = run(&refused(503, "NotYet"));
    let head = format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: localhost\r\nauthorization: {TOKEN}\r\n\r\n"
    );
    let mut waiting: Vec<TcpStream> = (0..3).map(|_| endpoint.connect()).collect();
    for stream in &mut waiting {
        stream.write_all(head.as_bytes()).expect("open");
        stream.shutdown(Shutdown::Write).expect("open");
    }
    let start = Instant::now();
    while endpoint.activity.busy() < waiting.len() {
        assert!(
            start.elapsed() < BOUND,
            "{} of {} wait",
            endpoint.activity.busy(),
            waiting.len()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    endpoint.app.publish(credentials(BODY));
    for mut stream in waiting {
        let mut text = String::new();
        // To the end: who cannot ask again is not waited for.
        stream.read_to_string(&mut text).expect("an answer");
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with(BODY),
            "{text}"
        );
    }

    let without = head.replace(TOKEN, OTHER);
    assert_eq!(
        status(&endpoint.send(without.as_bytes())),
        "503",
        "after the hold"
    );
}
