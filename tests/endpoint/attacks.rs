//! Requests that must not get credentials, byte for byte as an attacker sends them.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crate::running::{BODY, BOUND, TOKEN, credentials, run, status};

/// Request shapes that a server-side request forgery in the application can make
/// (<https://owasp.org/www-community/attacks/Server_Side_Request_Forgery>). None of them knows the
/// token, and some cannot even choose the path.
#[test]
fn no_forged_request_without_the_token_gets_a_byte_of_credentials() {
    let endpoint = run(&credentials(BODY));
    let port = endpoint.port;
    let methods = [
        "GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH", "DELETE", "TRACE",
    ];
    let targets = [
        "/v1/credentials".to_owned(),
        "/v1/credentials/".into(),
        "/v1/credentials?token=x".into(),
        format!("http://127.0.0.1:{port}/v1/credentials"),
        "/latest/meta-data/iam/security-credentials/".into(),
        "/v2/credentials/".into(),
        "/%76%31/credentials".into(),
    ];
    let extras = [
        "",
        "authorization: \r\n",
        "authorization: Bearer x\r\n",
        "x-aws-ec2-metadata-token: x\r\n",
        "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n",
        "metadata-flavor: Google\r\n",
        "x-forwarded-for: 10.0.0.1\r\nauthorization: x\r\n",
        "referer: http://evil/\r\ncookie: a=b\r\n",
    ];
    let mut shapes = 0_u64;
    for method in methods {
        for target in &targets {
            for extra in extras {
                shapes += 1;
                let answer = endpoint.send_one(&format!(
                    "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n{extra}"
                ));
                assert!(
                    !answer.contains("anary") && answer.starts_with("HTTP/1.1 4"),
                    "{method} {target} {extra}"
                );
            }
        }
    }
    assert!(shapes >= 300, "{shapes}");
    assert_eq!(endpoint.counted("stsidecar_http_requests_total", "200"), 0);
    let answered: u64 = ["400", "403", "404", "405"]
        .iter()
        .map(|code| endpoint.counted("stsidecar_http_requests_total", code))
        .sum();
    assert_eq!(answered, shapes);
}

/// Ways to announce a body, ambiguous ones among them, and broken header lines.
const AMBIGUOUS: [&str; 53] = [
    "content-length: 6",
    "content-length: 0006",
    "content-length: 6\r\ncontent-length: 6",
    "content-length: 6\r\ncontent-length: 7",
    "content-length: 6, 6",
    "content-length: 6, 7",
    "content-length: +6",
    "content-length: -1",
    "content-length: 0x6",
    "content-length: 6 6",
    "content-length: 6;",
    "content-length:",
    "content-length: 99999999999999999999",
    "content-length: 6\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 6",
    "transfer-encoding: chunked",
    "transfer-encoding: Chunked",
    "transfer-encoding: xchunked",
    "transfer-encoding: identity",
    "transfer-encoding: chunked, identity",
    "transfer-encoding: identity, chunked",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    "transfer-encoding:\tchunked",
    "transfer-encoding: \"chunked\"",
    "transfer-encoding: chunked;q=1",
    "transfer-encoding:",
    "transfer-encoding : chunked",
    "transfer-encoding\t: chunked",
    " transfer-encoding: chunked",
    "x: y\r\n transfer-encoding: chunked",
    "x: y\r\n\ttransfer-encoding: chunked",
    "x\r\ntransfer-encoding: chunked",
    ": y",
    "x y: z",
    "x\0: y",
    "x: y\0z",
    "x: y\rz",
    "\rx: y",
    "x:\x0by: z",
    "content-length : 6",
    " content-length: 6",
    "content-length\0: 6",
    "content-length: \x006",
    "(x): y",
    "content-length: 6\r\nconnection: keep-alive",
    "transfer-encoding: chunked\r\nconnection: keep-alive",
    "content-length: 6\r\nexpect: 100-continue",
    "transfer-encoding: chunked\r\ntrailer: authorization",
    "content-length: 6\r\nupgrade: h2c",
    "content-length: \r\n 6",
    "transfer-encoding: \r\n chunked",
];

/// Behind each of the lines is a request that would be answered with credentials if a byte of the
/// first were read as the beginning of another
/// (<https://www.rfc-editor.org/rfc/rfc9112#section-11.2>).
#[test]
fn nothing_is_smuggled_behind_a_request_with_a_body_or_a_broken_head() {
    let endpoint = run(&credentials(BODY));
    let port = endpoint.port;
    let good = format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: {TOKEN}\r\n"
    );
    let bodies = ["", "0\r\n\r\n", "6\r\nabcdef\r\n0\r\n\r\n"];
    let mut payloads = 0;
    for line in AMBIGUOUS {
        for body in bodies {
            payloads += 1;
            let payload = format!("{good}{line}\r\n\r\n{body}{good}\r\n");
            let answer = endpoint.send(payload.as_bytes());
            assert!(!answer.contains("anary"), "{line:?} {body:?}: {answer}");
            assert_eq!(
                answer.matches("HTTP/1.1 ").count(),
                1,
                "{line:?} {body:?}: {answer}"
            );
            assert_eq!(status(&answer), "400", "{line:?} {body:?}: {answer}");
        }
    }
    assert!(payloads >= 60, "{payloads}");
}

/// Request line, host, token, more lines, and the status of the refusal.
const REFUSED: [(&str, &str, &str, &str, &str); 8] = [
    ("POST /v1/credentials", "127.0.0.1", TOKEN, "", "405"),
    ("PUT /v1/credentials", "127.0.0.1", TOKEN, "", "405"),
    ("DELETE /v1/credentials", "127.0.0.1", "wrong", "", "405"),
    ("POST /", "127.0.0.1", TOKEN, "", "404"),
    ("GET /latest/api/token", "127.0.0.1", "", "", "404"),
    ("GET /v1/credentials", "127.0.0.1", TOKEN, "", "400"),
    ("POST /v1/credentials", "evil.example", TOKEN, "", "405"),
    (
        "POST /v1/credentials",
        "127.0.0.1",
        TOKEN,
        "x-forwarded-for: 10.0.0.1\r\n",
        "405",
    ),
];

/// A line that announces a body, and the body.
const BODIES: [(&str, &str); 8] = [
    ("content-length: 6", "abcdef"),
    // All of it is the good request, which is not to be answered.
    ("content-length: 1", "x"),
    ("transfer-encoding: chunked", "6\r\nabcdef\r\n0\r\n\r\n"),
    ("transfer-encoding: chunked", "0\r\n\r\n"),
    ("content-length: 6\r\nexpect: 100-continue", ""),
    ("transfer-encoding: chunked\r\nexpect: 100-continue", ""),
    ("content-length: 6\r\nexpect: 100-continue", "abcdef"),
    ("content-length: 6\r\nconnection: keep-alive", "abcdef"),
];

/// A body that is not read must not be taken for the next request, whatever the request was refused
/// for.
#[test]
fn every_refused_request_with_a_body_ends_its_connection() {
    let endpoint = run(&credentials(BODY));
    let port = endpoint.port;
    let good = format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: {TOKEN}\r\n\r\n"
    );
    for (line, host, token, more, code) in REFUSED {
        for (length, body) in BODIES {
            let head = format!(
                "{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\n{more}{length}\r\n\r\n"
            );
            let mut stream = endpoint.connect();
            stream
                .write_all(
                    format!("{head}{body}{}", if body.is_empty() { "" } else { &good }).as_bytes(),
                )
                .expect("open");
            let mut text = Vec::new();
            // It ends although this side stays open; unread bytes make the end a reset.
            let end = stream.read_to_end(&mut text);
            assert!(
                !end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock),
                "{head}: still open"
            );
            let answer = String::from_utf8_lossy(&text);
            assert_eq!(status(&answer), code, "{head}: {answer}");
            assert!(
                answer.contains("\r\nconnection: close\r\n"),
                "{head}: {answer}"
            );
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{head}: {answer}");
        }
    }
}

/// hyper recognises the whole preface and closes without an answer; what it cannot know for one yet
/// is no HTTP/1.1.
#[test]
fn an_http_2_preface_gets_the_end_of_the_connection_and_a_part_of_one_400() {
    let endpoint = run(&credentials(BODY));
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    assert_eq!(
        endpoint.send(&[preface.as_slice(), b"\0\0\0\x04\0\0\0\0\0"].concat()),
        ""
    );
    assert_eq!(endpoint.send(preface), "");
    let part = endpoint.send(&preface[..18]);
    assert_eq!(status(&part), "400", "{part}");
    assert!(
        part.contains("\r\nconnection: close\r\n") && part.matches("HTTP/1.1 ").count() == 1,
        "{part}"
    );
    // Nothing of it is a request that was answered with something else.
    let start = Instant::now();
    while endpoint.counted("stsidecar_http_requests_total", "400") != 3 {
        assert!(start.elapsed() < BOUND, "not counted");
        std::thread::sleep(Duration::from_millis(1));
    }
    for code in ["200", "403", "404", "405", "431", "503"] {
        assert_eq!(
            endpoint.counted("stsidecar_http_requests_total", code),
            0,
            "{code}"
        );
    }
}
