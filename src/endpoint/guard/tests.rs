//! Every rule of the guard, and that nothing but all of them together opens it.

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

/// A sound request with `more` headers.
fn with(more: &[(&str, &str)]) -> Decision {
    let mut lines = vec![("host", "127.0.0.1:9911"), ("authorization", TOKEN)];
    lines.extend_from_slice(more);
    decide("GET", PATH, &lines)
}

#[test]
fn a_sound_request_gets_its_own_clients_credentials() {
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
fn hosts_are_ours_with_or_without_our_port_in_any_case() {
    for host in [
        "127.0.0.1",
        "127.0.0.1:9911",
        "localhost",
        "LocalHost:9911",
        "[::1]",
        "[::1]:9911",
    ] {
        assert_eq!(
            decide("GET", PATH, &[("host", host), ("authorization", TOKEN)]),
            Decision::Vend(0),
            "{host}"
        );
    }
}

/// Every way to name another host, or this one in a way that no client does.
const FOREIGN_HOSTS: [&str; 44] = [
    "",
    ":9911",
    "evil.example",
    "127.0.0.1:9912",
    "127.0.0.1:",
    "127.0.0.1:09911",
    "127.0.0.1:9911:9911",
    "127.0.0.1.",
    "localhost.",
    "localhost.:9911",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "2130706433",
    "0x7f000001",
    "127.0.0.2",
    "127.0.0.1.nip.io",
    "0.0.0.0",
    "0",
    "[::]",
    "::1",
    "::1:9911",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[::1]:80",
    "user@127.0.0.1",
    "127.0.0.1@evil",
    "localhost:9911@evil",
    "localhost, evil",
    "127.0.0.1 evil",
    "localhost#",
    "localhost/",
    "localtest.me",
    "169.254.170.23",
    "169.254.170.2",
    "[fd00:ec2::23]",
    "ip6-localhost",
    "localhost.localdomain",
    "127.0.0.1:+9911",
    "127.0.0.1:99110",
    "127.0.0.1:991",
    "[::1",
    "::1]",
];

#[test]
fn every_other_host_is_refused() {
    for host in FOREIGN_HOSTS {
        let decision = decide("GET", PATH, &[("host", host), ("authorization", TOKEN)]);
        assert_eq!(decision, Decision::Refuse(Refusal::Host), "{host}");
    }
    assert_eq!(
        decide("GET", PATH, &[("authorization", TOKEN)]),
        Decision::Refuse(Refusal::Host)
    );
    assert_eq!(
        with(&[("host", "127.0.0.1:9911")]),
        Decision::Refuse(Refusal::Host),
        "twice"
    );
    assert_eq!(
        with(&[("host", "evil.example")]),
        Decision::Refuse(Refusal::Host),
        "twice, second foreign"
    );
}

#[test]
fn a_target_in_absolute_form_must_name_us_too() {
    let lines = [("host", "127.0.0.1:9911"), ("authorization", TOKEN)];
    for (target, decision) in [
        ("http://127.0.0.1:9911/v1/credentials", Decision::Vend(0)),
        ("http://localhost/v1/credentials", Decision::Vend(0)),
        (
            "http://evil.example/v1/credentials",
            Decision::Refuse(Refusal::Host),
        ),
        (
            "http://127.0.0.1:80/v1/credentials",
            Decision::Refuse(Refusal::Host),
        ),
        (
            "http://u@127.0.0.1:9911/v1/credentials",
            Decision::Refuse(Refusal::Host),
        ),
        (
            "https://127.0.0.1:9911/v1/credentials",
            Decision::Refuse(Refusal::Host),
        ),
        (
            "ftp://127.0.0.1:9911/v1/credentials",
            Decision::Refuse(Refusal::Host),
        ),
    ] {
        assert_eq!(decide("GET", target, &lines), decision, "{target}");
    }
}

#[test]
fn every_forwarding_and_browser_header_is_refused_in_any_case_empty_or_repeated() {
    let families = [
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Sec-Fetch-Site",
        "Sec-Fetch-Dest",
        "Sec-Fetch-User",
    ];
    for name in FORWARDING.into_iter().chain(BROWSER).chain(families) {
        for spelling in [name.to_owned(), name.to_uppercase(), name.to_lowercase()] {
            for value in ["", "127.0.0.1", "http://127.0.0.1:9911"] {
                let refused = Decision::Refuse(Refusal::Forwarded);
                assert_eq!(with(&[(&spelling, value)]), refused, "{spelling}: {value}");
                assert_eq!(
                    with(&[(&spelling, value), (&spelling, value)]),
                    refused,
                    "{spelling} twice"
                );
            }
        }
    }
}

/// Linkerd adds no other (<https://github.com/linkerd/linkerd2-proxy/commit/6d10dd6>), nor do some load balancers.
#[test]
fn what_less_common_proxies_add_is_refused() {
    for name in [
        "l5d-client-id",
        "l5d-remote-ip",
        "l5d-dst-canonical",
        "X-Client-IP",
        "X-Cluster-Client-IP",
        "X-Original-Forwarded-For",
        "X-Original-Host",
        "Fastly-Client-IP",
    ] {
        assert_eq!(
            with(&[(name, "10.0.0.7")]),
            Decision::Refuse(Refusal::Forwarded),
            "{name}"
        );
    }
    // Envoy signs requests too, and asks for the credentials itself.
    assert_eq!(
        with(&[
            ("x-envoy-internal", "true"),
            ("x-envoy-expected-rq-timeout-ms", "5000")
        ]),
        Decision::Vend(0)
    );
}

/// Node.js sends the first alone, browsers all of them.
#[test]
fn a_fetch_without_a_site_is_no_browsers() {
    for mode in ["cors", "no-cors", "navigate", ""] {
        let (mode, site) = (("Sec-Fetch-Mode", mode), ("Sec-Fetch-Site", "none"));
        assert_eq!(with(&[mode]), Decision::Vend(0), "{mode:?}");
        assert_eq!(
            with(&[mode, site]),
            Decision::Refuse(Refusal::Forwarded),
            "{mode:?}"
        );
        assert_eq!(
            with(&[site, mode]),
            Decision::Refuse(Refusal::Forwarded),
            "{mode:?}"
        );
    }
    assert_eq!(
        with(&[("Sec-Fetch-Mode-2", "cors")]),
        Decision::Refuse(Refusal::Forwarded)
    );
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
