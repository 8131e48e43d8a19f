//! Commands that ask the agent on behalf of one of several clients.

use super::*;

/// Three clients of two profiles, none of them named default.
const SEVERAL: &str = r#"{"region": "eu-central-1",
    "profiles": {"one": {"webIdentity": {}}, "two": {"webIdentity": {"tokenFile": "/nonexistent/of-two"}}},
    "clients": [{"name": "app", "profile": "one", "tokenFile": "/token"},
                {"name": "job", "profile": "two", "tokenFile": "/token-of-job"},
                {"name": "cron", "profile": "two", "tokenFile": "/token-of-cron"}]}"#;

fn asked(arguments: &[&str], more: &[(&str, &str)]) -> Outcome {
    let variables: Vec<_> = [("STSIDECAR_CONFIG_INLINE", SEVERAL)]
        .iter()
        .chain(more)
        .copied()
        .collect();
    outcome(arguments, &variables)
}

#[test]
fn credential_process_asks_for_the_client_that_is_named() {
    for (name, token) in [
        ("app", "secret-of-the-client"),
        ("job", "secret-of-the-job"),
    ] {
        let (address, served) = agent(http(403, &json!({"code": "AccessDenied", "message": "no"})));
        let asked = asked(
            &["credential-process", "--client", name],
            &[("STSIDECAR_LISTEN", &address)],
        );
        assert_eq!(asked.code, 1, "{}", asked.stderr);
        let head = served.join().expect("one request");
        assert!(
            head.contains(&format!("\r\nAuthorization: {token}\r\n")),
            "{head}"
        );
    }
}

#[test]
fn credential_process_makes_the_exchange_of_the_named_client_itself() {
    for arguments in [
        &["credential-process", "--direct", "--client", "job"][..],
        &["credential-process", "--client=cron"],
    ] {
        let asked = asked(arguments, &[]);
        assert_eq!(asked.code, 69, "{}", asked.stderr);
        assert!(
            asked.stderr.contains("/nonexistent/of-two does not exist"),
            "{}",
            asked.stderr
        );
    }
}

#[test]
fn a_client_that_is_not_there_and_two_ways_to_name_one_are_refused() {
    for command in [
        &["credential-process"][..],
        &["credential-process", "--direct"],
        &["status"],
    ] {
        let named = [command, &["--client", "ap"]].concat();
        let refused = asked(&named, &[]);
        assert_eq!(
            (refused.code, refused.stdout.as_str()),
            (78, ""),
            "{command:?}"
        );
        let said =
            "stsidecar: --client: \"ap\" is not accepted: one of the clients: app, job, cron\n";
        assert_eq!(refused.stderr, said, "{command:?}");
    }
    for command in [
        &["credential-process"][..],
        &["credential-process", "--direct"],
    ] {
        let refused = asked(command, &[]);
        assert_eq!(refused.code, 78);
        let said = "(app, job, cron) and none is named default: choose with --client\n";
        assert!(refused.stderr.ends_with(said), "{}", refused.stderr);
    }
    let both = [
        "credential-process",
        "--client=app",
        "--authorization-token-file=/token",
    ];
    assert_eq!(asked(&both, &[]).code, 64);
    assert_eq!(asked(&["status", "--probe", "--client=app"], &[]).code, 64);
}

#[test]
fn status_shows_the_profile_of_the_named_client_and_whether_that_one_is_ready() {
    let profile = |name: &str, ready: bool| json!({"profile": name, "roleArn": format!("role-of-{name}"), "ready": ready});
    let clients = json!([{"name": "app"}, {"name": "job"}]);
    for (client, listening, code) in [("app", true, 1), ("job", true, 0), ("job", false, 1)] {
        let body = json!({"version": "9", "started": true, "ready": false, "listening": listening, "draining": false,
                          "profiles": [profile("one", false), profile("two", true)], "clients": clients});
        for form in ["text", "json"] {
            let (address, _) = agent(http(200, &body));
            let shown = asked(
                &["status", "-o", form, "--client", client],
                &[("STSIDECAR_ADMIN_LISTEN", &address)],
            );
            assert_eq!(
                shown.code, code,
                "{client} {listening} {}{}",
                shown.stdout, shown.stderr
            );
            let others = if client == "app" {
                ["role-of-two", "job"]
            } else {
                ["role-of-one", "app"]
            };
            let is_shown = |other: &str| shown.stdout.contains(other);
            assert!(!others.into_iter().any(is_shown), "{}", shown.stdout);
            assert!(shown.stdout.contains(client), "{}", shown.stdout);
            if form == "json" {
                let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
                assert_eq!(
                    (&shown["ready"], shown["profiles"].as_array().map(Vec::len)),
                    (&json!(code == 0), Some(1))
                );
            }
        }
    }
}
