//! Requests at random: all rules together open the guard, and nothing else does.

use proptest::prelude::*;

use super::*;

fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(choices)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn credentials_are_vended_exactly_when_every_rule_holds(
        method in one_of(&["GET", "GET", "GET", "HEAD", "POST", "PUT"]),
        target in one_of(&[PATH, PATH, PATH, "/v1/credentials/", "/v1/credentials?x", "/", "http://localhost/v1/credentials", "http://evil/v1/credentials"]),
        hosts in proptest::collection::vec(one_of(&["127.0.0.1:9911", "LOCALHOST", "[::1]", "evil", "127.0.0.1:1"]), 0..3),
        tokens in proptest::collection::vec(one_of(&[TOKEN, OTHER, "", "wrong"]), 0..3),
        more in proptest::collection::vec((one_of(&["accept", "user-agent", "via", "X-Forwarded-For", "sec-fetch-site", "content-length", "transfer-encoding"]), one_of(&["0", "7"])), 0..2),
        shuffle in any::<bool>(),
    ) {
        let mut lines: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
        lines.extend(tokens.iter().map(|token| ("authorization", *token)));
        lines.extend(more.iter().copied());
        if shuffle { lines.reverse(); }

        let path = matches!(target, PATH | "/v1/credentials/" | "http://localhost/v1/credentials");
        let host = hosts.len() == 1 && matches!(hosts[0], "127.0.0.1:9911" | "LOCALHOST" | "[::1]");
        let direct = more.iter().all(|(name, _)| !matches!(*name, "via" | "X-Forwarded-For" | "sec-fetch-site"));
        let empty = more.iter().all(|line| line.0 != "transfer-encoding" && (line.0 != "content-length" || line.1 == "0"));
        let client = match tokens.as_slice() { [TOKEN] => Some(0), [OTHER] => Some(1), _ => None };
        let method_fits = matches!(method, "GET" | "HEAD");
        let expected = (path && method_fits && host && direct && empty).then_some(client).flatten();

        let vended = match decide(method, target, &lines) { Decision::Vend(client) => Some(client), Decision::Refuse(_) => None };
        prop_assert_eq!(vended, expected);
    }

    #[test]
    fn no_other_token_of_any_bytes_opens(bytes in proptest::collection::vec(32_u8..127, 0..64)) {
        let token = String::from_utf8(bytes).expect("ascii");
        prop_assume!(token != TOKEN && token != OTHER);
        let decision = decide("GET", PATH, &[("host", "127.0.0.1:9911"), ("authorization", token.trim())]);
        prop_assert_eq!(decision, Decision::Refuse(Refusal::Token));
    }
}
