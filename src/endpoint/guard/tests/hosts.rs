//! Which hosts are ours, in the Host header and in a target in absolute form.

use super::*;

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
