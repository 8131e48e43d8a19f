//! What proxies and browsers add, and what clients send that looks like it.

use super::*;

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

/// Linkerd adds no other (<https://github.com/linkerd/linkerd2-proxy/commit/6d10dd6>), nor do some
/// load balancers.
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
