//! Lists, tags and chains: what of the fake's limits is between several values.

use super::super::support::fake_sts::judge::take_chain;
use super::*;

#[test]
fn lists_count_from_one_and_end_where_the_documents_say() {
    let arns = |count: usize| -> Vec<(String, String)> {
        (1..=count)
            .map(|at| {
                (
                    format!("PolicyArns.member.{at}.arn"),
                    "arn:aws:iam::aws:policy/x".to_owned(),
                )
            })
            .collect()
    };
    let tags = |count: usize| -> Vec<(String, String)> {
        let both = |at: usize| {
            [("Key", format!("k{at}")), ("Value", String::new())]
                .map(|(f, v)| (format!("Tags.member.{at}.{f}"), v))
        };
        (1..=count).flat_map(both).collect()
    };
    let said = |pairs: Vec<(String, String)>| {
        said(
            "AssumeRole",
            &pairs
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect::<Vec<_>>(),
        )
    };
    for (pairs, expected) in [
        (arns(10), None),
        (arns(11), INVALID),
        (arns(2).split_off(1), INVALID),
        (tags(50), None),
        (tags(51), INVALID),
        (tags(2).split_off(1), INVALID),
        (vec![("Tags".to_owned(), String::new())], INVALID),
        (
            vec![("Tags.1.Key".to_owned(), String::new())],
            Some("MalformedInput"),
        ),
    ] {
        assert_eq!(said(pairs.clone()), expected, "{pairs:?}");
    }
}

#[test]
fn tags_are_compared_without_case_and_transitive_keys_are_among_them() {
    let two = |one: &str, other: &str, value: &str| {
        said(
            "AssumeRole",
            &[
                ("Tags.member.1.Key", one),
                ("Tags.member.1.Value", value),
                ("Tags.member.2.Key", other),
                ("Tags.member.2.Value", ""),
                ("TransitiveTagKeys.member.1", "TEAM"),
            ],
        )
    };
    assert_eq!(two("team", "\u{e4}rger \u{4e2d} 1", "a b+c@d"), None);
    assert_eq!(two("team", "Team", ""), Some("InvalidParameterValue"));
    assert_eq!(
        two("a", "b", ""),
        Some("InvalidParameterValue"),
        "transitive, but no tag"
    );
    assert_eq!(two("team", "b", "<"), INVALID);
    // A combining mark is neither a letter nor a number.
    assert_eq!(two("team", "b", "\u{93e}"), INVALID);
    assert_eq!(two("team", "b", "a\tb"), INVALID);
    assert_eq!(two("team", "b", &"x".repeat(257)), INVALID);
    assert_eq!(two("team", &"x".repeat(129), ""), INVALID);
}

/// The code for requests that sign each other: operations, and what they ask for beside the least.
fn chained(requests: &[(&'static str, &[(&str, &str)])]) -> Option<&'static str> {
    let whole = |(operation, further): &(&'static str, &[(&str, &str)])| {
        let mut whole = least(operation);
        whole.extend(form(further));
        (*operation, whole)
    };
    take_chain(&requests.iter().map(whole).collect::<Vec<_>>())
        .err()
        .map(|(_, code, _)| code)
}

#[test]
fn a_chain_hands_tags_and_identity_down_and_lasts_an_hour() {
    let tag = |key| {
        [
            ("Tags.member.1.Key", key),
            ("Tags.member.1.Value", "x"),
            ("TransitiveTagKeys.member.1", key),
        ]
    };
    let hop = "AssumeRole";
    assert_eq!(
        chained(&[(hop, &tag("team")), (hop, &tag("stage")), (hop, &[])]),
        None
    );
    assert_eq!(
        chained(&[(hop, &tag("team")), (hop, &[]), (hop, &tag("TEAM"))]),
        Some("InvalidParameterValue")
    );
    let identity = |name| [("SourceIdentity", name)];
    assert_eq!(
        chained(&[
            (hop, &identity("alice")),
            (hop, &[]),
            (hop, &identity("alice"))
        ]),
        None
    );
    assert_eq!(
        chained(&[
            (hop, &identity("alice")),
            (hop, &[]),
            (hop, &identity("bob"))
        ]),
        Some("AccessDenied")
    );
    let long = [("DurationSeconds", "3601")];
    assert_eq!(chained(&[(hop, &long)]), None, "signed with long-term keys");
    assert_eq!(chained(&[("GetSessionToken", &[]), (hop, &long)]), None);
    for source in [
        hop,
        "AssumeRoleWithWebIdentity",
        "AssumeRoleWithSAML",
        "GetCredentialsForIdentity",
    ] {
        assert_eq!(chained(&[(source, &[]), (hop, &long)]), INVALID, "{source}");
    }
    assert_eq!(
        chained(&[("GetFederationToken", &[]), (hop, &[])]),
        Some("AccessDenied")
    );
}
