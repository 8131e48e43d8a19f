//! The two texts, word by word.

use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-22T06:00:00Z";

fn now() -> Wall {
    Wall::parse_rfc3339(NOW).expect("an instant")
}

fn read(document: &Value) -> Status {
    serde_json::from_value(document.clone()).expect("a status")
}

fn page(document: &Value) -> String {
    text(&read(document), now())
}

fn line_of(document: &Value) -> String {
    probe_line(&read(document))
}

fn healthy() -> Value {
    json!({
        "version": "0.1.0", "started": true, "ready": true, "draining": false,
        "profiles": [{
            "profile": "default",
            "roleArn": "arn:aws:iam::444455556666:role/target",
            "sessionName": "shop.web-0",
            "hops": [
                {"roleArn": "arn:aws:iam::111122223333:role/entry", "expiration": "2026-11-22T17:00:00Z",
                 "nextRefresh": "2026-11-22T06:30:00Z", "lastRefresh": "2026-11-22T05:00:00Z"},
                {"roleArn": "arn:aws:iam::444455556666:role/target", "expiration": "2026-11-22T06:52:10Z",
                 "nextRefresh": "2026-11-22T06:04:10Z", "lastRefresh": "2026-11-22T05:52:10Z"},
            ],
            "token": {"file": "/token", "expiration": "2026-11-23T05:00:00Z", "error": null},
            "lastError": null, "ready": true,
        }],
    })
}

fn failing() -> Value {
    json!({
        "version": "0.1.0", "started": false, "ready": false, "draining": false,
        "profiles": [
            {"profile": "zeta", "hops": [{"expiration": null}]},
            {"profile": "beta", "roleArn": "arn:aws:iam::111122223333:role/app", "hops": [{"expiration": null}],
             "token": {"file": "/token", "error": "it is empty"},
             "lastError": {"code": "AccessDenied", "message": "Not\u{1b}[31m authorized", "hint": "check the trust policy",
                           "attempts": 4, "failingSince": "2026-11-22T05:58:00Z", "requestId": "r-1"}},
            {"profile": "alpha", "hops": [{"expiration": "2026-11-22T07:00:00Z"}], "ready": true},
        ],
    })
}

#[test]
fn the_page_of_a_healthy_chain() {
    let expected = "\
stsidecar 0.1.0: ready

  profile       default
  role          arn:aws:iam::444455556666:role/target
  by way of     arn:aws:iam::111122223333:role/entry
  session       shop.web-0
  credentials   expires in 52m 10s (2026-11-22T06:52:10Z), refreshed 7m 50s ago
  next refresh  in 4m 10s
  token         expires in 23h (2026-11-23T05:00:00Z)
";
    assert_eq!(page(&healthy()), expected);
}

#[test]
fn the_page_of_a_failing_profile_says_what_to_do_and_escapes_what_came_from_outside() {
    let page = page(&failing());
    let expected = "
  profile       beta
  role          arn:aws:iam::111122223333:role/app
  credentials   none yet
  token file    /token: it is empty
  last error    AccessDenied: Not\\u{1b}[31m authorized
                attempt 4, failing since 2m ago, request id r-1
  what to do    check the trust policy
";
    assert!(
        page.starts_with("stsidecar 0.1.0: not ready\n") && page.contains(expected),
        "{page}"
    );
}

#[test]
fn the_probe_names_the_first_profile_by_name_that_holds_nothing() {
    let line = line_of(&failing());
    assert_eq!(
        line,
        "beta: role arn:aws:iam::111122223333:role/app: AccessDenied: Not\\u{1b}[31m authorized; check the trust policy"
    );
}

/// The trust policy to check is that of the step that was refused, not that of the role at the end.
#[test]
fn in_a_chain_the_probe_and_the_page_name_the_role_that_was_refused() {
    let mut status = failing();
    let hop = |role: &str| json!({"roleArn": format!("arn:aws:iam::111122223333:role/{role}")});
    status["profiles"][1]["hops"] = json!([hop("entry"), hop("app")]);
    for (at, role) in [(0, "entry"), (1, "app")] {
        status["profiles"][1]["lastError"]["hop"] = at.into();
        let refused = format!("role arn:aws:iam::111122223333:role/{role}");
        let line = line_of(&status);
        assert!(
            line.starts_with(&format!("beta: {refused}: AccessDenied: ")),
            "{line}"
        );
        let page = page(&status);
        assert!(
            page.contains(&format!("\n                {refused}\n")),
            "{page}"
        );
    }
    status["profiles"][1]["hops"][0]["roleArn"] = json!(null);
    status["profiles"][1]["lastError"]["hop"] = 0.into();
    assert!(
        line_of(&status).contains(": role arn:aws:iam::111122223333:role/app: "),
        "a step without a role"
    );
}

/// The kubelet makes a new event of each new text.
#[test]
fn the_probe_says_what_sts_said_without_what_is_new_in_every_answer() {
    let said = |message: &str| {
        let mut status = failing();
        status["profiles"][1]["lastError"]["message"] = message.into();
        line_of(&status)
    };
    let one = said(
        "Token expired at 2026-11-28T13:00:00Z, now 1795870801 (RequestId: 17AB4C99E2D0F113, 37 ms)",
    );
    let other = said(
        "Token expired at 2026-11-28T13:00:25Z, now 1795870826 (RequestId: 17AB4C9A00F1B2C3, 41 ms)",
    );
    assert_eq!(one, other);
    assert!(
        one.contains("AccessDenied: Token expired at ")
            && one.ends_with("; check the trust policy"),
        "{one}"
    );
    let named = said("arn:aws:iam::111122223333:user/ci may not sts:AssumeRole in eu-central-1");
    assert!(
        named.contains("arn:aws:iam::111122223333:user/ci may not sts:AssumeRole in eu-central-1;"),
        "{named}"
    );
}

#[test]
fn the_probe_has_a_line_for_every_other_state() {
    assert_eq!(
        line_of(&json!({})),
        "the agent has not started its profiles yet"
    );
    let mut waiting = json!({"profiles": [{"profile": "default", "hops": []}]});
    let line = "default: role chosen by STS: NoAnswerYet: waiting for the first answer of STS";
    assert_eq!(line_of(&waiting), line);
    waiting["draining"] = json!(true);
    assert!(line_of(&waiting).ends_with("the agent is shutting down"));
}

#[test]
fn what_another_version_says_is_read_as_far_as_it_is_known() {
    let older = json!({"version": "0.0.9", "ready": true, "profiles": [
        {"profile": "default", "hops": [{"expiration": "2026-11-22T07:00:00Z"}], "token": null},
    ]});
    assert!(page(&older).starts_with("stsidecar 0.0.9: ready\n\n  profile       default\n"));
    assert!(
        is_ready(&read(&older).profiles[0], &read(&older)),
        "it says it of all only"
    );
    let mut newer = failing();
    newer["profiles"][1]["lastError"]["class"] = "aWordOfANewerAgent".into();
    newer["profiles"][1]["more"] = json!([{"of": "it"}]);
    newer["more"] = json!({"of": "it"});
    assert_eq!(page(&newer), page(&failing()));
    assert!(page(&json!({})).starts_with("stsidecar unknown: not ready\n"));
}

/// Agents of before did not say of each profile whether it is ready.
#[test]
fn a_profile_that_does_not_say_whether_it_is_ready_is_judged_by_its_credentials() {
    let mut document = failing();
    document["profiles"] = json!([
        healthy()["profiles"][0],
        {"profile": "zeta", "lastError": {"code": "AccessDenied", "message": "m", "hint": "fix the policy"}},
    ]);
    let first = document["profiles"][0].as_object_mut().expect("a profile");
    first.remove("ready");
    first["profile"] = json!("alpha");
    let line = line_of(&document);
    assert!(
        line.contains("zeta") && line.contains("AccessDenied"),
        "{line}"
    );
}

#[test]
fn what_is_no_status_is_not_read() {
    for odd in [
        json!(null),
        json!([1]),
        json!({"profiles": [1]}),
        json!({"profiles": [{"hops": 7}]}),
        json!({"since": "yesterday"}),
    ] {
        assert!(
            serde_json::from_value::<Status>(odd.clone()).is_err(),
            "{odd}"
        );
    }
}

#[test]
fn a_port_that_another_process_has_is_what_keeps_held_credentials_from_the_application() {
    let mut status = healthy();
    (status["started"], status["ready"], status["listening"]) =
        (false.into(), false.into(), false.into());
    assert_eq!(
        line_of(&status),
        "default: role arn:aws:iam::444455556666:role/target: PortInUse: free the port of --listen: another process \
         of the pod has it"
    );
    assert!(page(&status).contains("\n  endpoint      cannot listen: free the port"));
    let mut status = failing();
    status["listening"] = false.into();
    assert!(
        line_of(&status).contains("AccessDenied"),
        "the missing credentials come first"
    );
}

#[test]
fn the_headline_says_that_refreshes_fail_and_when_credentials_end() {
    let headline = |status: &Value| page(status).lines().next().expect("a headline").to_owned();
    let mut status = healthy();
    status["profiles"][0]["incident"] =
        json!({"failingSince": "2026-11-22T05:52:00Z", "credentialsEnd": "2026-11-22T06:04:10Z"});
    assert_eq!(
        headline(&status),
        "stsidecar 0.1.0: ready, refreshes failing for 8m, credentials end in 4m"
    );
    status["profiles"][0]["incident"]["credentialsEnd"] = json!("2026-11-22T05:59:58Z");
    status["ready"] = false.into();
    assert_eq!(
        headline(&status),
        "stsidecar 0.1.0: not ready, refreshes failing for 8m, credentials ended 2s ago"
    );
    status["profiles"][0]["incident"]["credentialsEnd"] = json!(null);
    assert_eq!(
        headline(&status),
        "stsidecar 0.1.0: not ready, refreshes failing for 8m, no credentials yet"
    );
}

#[test]
fn of_several_profiles_the_headline_names_the_one_that_ends_first() {
    let incident =
        |end: &str| json!({"failingSince": "2026-11-22T05:50:00Z", "credentialsEnd": end});
    let status = json!({"version": "0.1.0", "ready": true, "profiles": [
        {"profile": "alpha", "hops": [{"expiration": "2026-11-22T06:40:00Z"}], "ready": true, "incident": incident("2026-11-22T06:40:00Z")},
        {"profile": "beta", "hops": [{"expiration": "2026-11-22T06:20:00Z"}], "incident": incident("2026-11-22T06:20:00Z")},
        {"profile": "gamma", "hops": [{"expiration": "2026-11-22T06:10:00Z"}], "ready": false, "incident": null},
    ]});
    assert!(page(&status).starts_with(
        "stsidecar 0.1.0: ready, refreshes of beta failing for 10m, credentials end in 20m\n"
    ));
    let of = |name: &str| {
        let mut status = read(&status);
        only(&mut status, name);
        text(&status, now())
    };
    assert!(of("alpha").starts_with(
        "stsidecar 0.1.0: ready, refreshes failing for 10m, credentials end in 40m\n"
    ));
    assert!(
        of("gamma").starts_with("stsidecar 0.1.0: not ready\n"),
        "gamma was taken out before"
    );
}
