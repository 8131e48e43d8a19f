//! Every rule of the guard, and that nothing but all of them together opens it.

mod forwarded;
mod hosts;
mod properties;

use http::HeaderValue;

use super::*;

const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
const OTHER: &str = "Z123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

fn guard() -> Guard {
    Guard::new(
        9911,
        vec![Secret::new(TOKEN.into()), Secret::new(OTHER.into())],
    )
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        headers.append(name, HeaderValue::from_str(value).expect("a header value"));
    }
    headers
}

fn decide(method: &str, target: &str, lines: &[(&str, &str)]) -> Decision {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    guard().decide(&method, &target.parse().expect("a target"), &headers(lines))
}

/// A request that gets credentials, with `more` headers.
fn with(more: &[(&str, &str)]) -> Decision {
    let mut lines = vec![("host", "127.0.0.1:9911"), ("authorization", TOKEN)];
    lines.extend_from_slice(more);
    decide("GET", PATH, &lines)
}

#[test]
fn a_good_request_gets_its_own_clients_credentials() {
    for (token, client) in [(TOKEN, 0), (OTHER, 1)] {
        for (method, target) in [("GET", PATH), ("HEAD", PATH), ("GET", "/v1/credentials/")] {
            let decision = decide(
                method,
                target,
                &[("Host", "127.0.0.1:9911"), ("Authorization", token)],
            );
            assert_eq!(decision, Decision::Vend(client), "{method} {target}");
        }
    }
}

#[test]
fn what_real_clients_send_besides_is_accepted() {
    let usual = [
        ("accept", "application/json"),
        ("user-agent", "Boto3/1"),
        ("accept-encoding", "identity"),
    ];
    assert_eq!(with(&usual), Decision::Vend(0));
    assert_eq!(
        with(&[("connection", "close"), ("content-length", "0")]),
        Decision::Vend(0)
    );
}

#[test]
fn only_the_exact_path_exists() {
    let lines = [("host", "127.0.0.1:9911"), ("authorization", TOKEN)];
    let targets = "/ * /v1 /v1/ /v1/credential /v1/credentialss /v1/credentials// //v1/credentials /v1//credentials \
        /v1/credentials/. /v1/./credentials /x/../v1/credentials /V1/credentials /v1/Credentials \
        /v1/credentials? /v1/credentials?a=b /v1/credentials/?x /v1/credentials;a=b /v1/credential%73 \
        /v1%2fcredentials /v1/credentials%00 /v1/credentials%20 /%2e/v1/credentials /v2/credentials \
        http://127.0.0.1:9911 http://127.0.0.1:9911/ 127.0.0.1:9911";
    for target in targets.split_whitespace() {
        assert_eq!(
            decide("GET", target, &lines),
            Decision::Refuse(Refusal::Path),
            "{target}"
        );
    }
}

#[test]
fn only_get_and_head_are_methods() {
    let lines = [("host", "localhost"), ("authorization", TOKEN)];
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "get", "PROPFIND",
    ] {
        assert_eq!(
            decide(method, PATH, &lines),
            Decision::Refuse(Refusal::Method),
            "{method}"
        );
    }
}

#[test]
fn a_body_is_refused_before_anything_else_is_looked_at() {
    for line in [
        ("content-length", "1"),
        ("content-length", "00100"),
        ("content-length", ""),
        ("content-length", "+0"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
    ] {
        assert_eq!(with(&[line]), Decision::Refuse(Refusal::Body), "{line:?}");
    }
    assert_eq!(
        with(&[("content-length", "0"), ("content-length", "5")]),
        Decision::Refuse(Refusal::Body)
    );
}

#[test]
fn only_the_whole_token_opens() {
    let refused = Decision::Refuse(Refusal::Token);
    let near: Vec<String> = vec![
        String::new(),
        TOKEN[1..].into(),
        TOKEN[..42].into(),
        format!("{TOKEN}x"),
        format!("Bearer {TOKEN}"),
        format!("bearer {TOKEN}"),
        TOKEN.to_lowercase(),
        TOKEN.to_uppercase(),
        format!("{TOKEN},{TOKEN}"),
        format!("{TOKEN}{OTHER}"),
        format!("\"{TOKEN}\""),
        "null".into(),
    ];
    for token in &near {
        let decision = decide(
            "GET",
            PATH,
            &[("host", "127.0.0.1:9911"), ("authorization", token)],
        );
        assert_eq!(decision, refused, "{token}");
    }
    assert_eq!(decide("GET", PATH, &[("host", "127.0.0.1:9911")]), refused);
    assert_eq!(with(&[("authorization", TOKEN)]), refused, "twice");
    assert_eq!(
        with(&[("authorization", "wrong")]),
        refused,
        "twice, second wrong"
    );
    let closed = Guard::new(9911, Vec::new());
    let lines = headers(&[("host", "127.0.0.1:9911"), ("authorization", "")]);
    assert_eq!(
        closed.decide(&Method::GET, &Uri::from_static(PATH), &lines),
        refused,
        "without clients"
    );
}

#[test]
fn a_token_that_differs_in_any_one_bit_does_not_open() {
    for length in [1, 7, 8, 9, 43, 64] {
        let token: Vec<u8> = (0..length).collect();
        assert!(bool::from(equal(&token, &token)), "{length}");
        for position in 0..token.len() {
            for bit in 0..8 {
                let mut other = token.clone();
                other[position] ^= 1 << bit;
                assert!(
                    !bool::from(equal(&token, &other)),
                    "{length} {position} {bit}"
                );
            }
        }
    }
}

#[test]
fn no_explanation_repeats_a_token_or_needs_an_escape() {
    for (position, refusal) in Refusal::ALL.into_iter().enumerate() {
        assert_eq!(
            refusal as usize, position,
            "the endpoint finds its bodies by it"
        );
        let (code, message) = refusal.explanation();
        assert!(
            code.chars().all(|letter| letter.is_ascii_alphabetic()),
            "{code}"
        );
        assert!(
            message
                .bytes()
                .all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"'),
            "{message}"
        );
    }
}
