//! Each thing that goes wrong, and what `check` says about it.

use serde_json::Value;
use stsidecar::time::Wall;

use super::pod::{Pod, ROLE};
use super::support::fake_sts::{Behaviour, FakeSts};
use super::{TARGET, assert_no_secret, chain, token};

/// The lines of one run, their columns divided by one space; the exit code is compared here.
pub(super) fn lines(
    pod: &Pod,
    sts: &FakeSts,
    token: &str,
    arguments: &[&str],
    code: i32,
) -> Vec<String> {
    let outcome = pod.run(&[&["check"], arguments].concat());
    assert_eq!(
        (outcome.code, outcome.stderr.as_str()),
        (Some(code), ""),
        "{}",
        outcome.stdout
    );
    assert_no_secret(&outcome, sts, token);
    outcome
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// What is not well in a run with this token and this answer of STS.
pub(super) fn trouble(token: &str, behaviour: Behaviour, code: i32) -> Vec<String> {
    let sts = FakeSts::start();
    sts.set_default(behaviour);
    let pod = Pod::new(&sts.url(), Some(token));
    only_trouble(lines(&pod, &sts, token, &[], code))
}

pub(super) fn only_trouble(lines: Vec<String>) -> Vec<String> {
    let named = |line: &String| line.starts_with("warning ") || line.starts_with("failure ");
    lines.into_iter().filter(named).collect()
}

pub(super) fn asked(what: &str) -> String {
    format!("AssumeRoleWithWebIdentity of {ROLE}{what}")
}

#[test]
fn all_is_well_with_a_chain() {
    let sts = FakeSts::start();
    let token = token();
    let (end, jwt) = (
        Wall::from_unix_seconds(token.issued_at + token.lifetime).rfc3339(),
        token.jwt(),
    );
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let config = chain(&pod);
    let outcome = pod.outcome(
        pod.command(&["check", "--config", &config])
            .env_remove("AWS_ROLE_ARN")
            .env_remove("AWS_WEB_IDENTITY_TOKEN_FILE")
            .env_remove("STSIDECAR_AUTHORIZATION_TOKEN_FILE"),
    );
    assert_no_secret(&outcome, &sts, &jwt);
    let expected = format!(
        "  ok       configuration    1 profile, 1 client, STS at $STS
  ok       environment      no variable here competes with the agent's credentials
  ok       client app       $POD/endpoints/app/token will be made when the agent starts
  ok       state directory  none is set: after a crash the agent asks STS again
  ok       clock            less than a minute from STS's

profile default
  ok       token file       $POD/volume/token holds a token
  ok       token identity   system:serviceaccount:shop:checkout of https://kubernetes.default.svc.cluster.local
  ok       token audience   sts.amazonaws.com
  ok       token lifetime   expires in 22h 29m, at {end}
  ok       token rotation   issued 1h 30m ago, in a volume that the kubelet renews
  ok       source           AssumeRoleWithWebIdentity: granted arn:aws:sts::111122223333:assumed-role/app/shop.checkout-7d4b9c-x2x4q, for 1h
  ok       hop 1            AssumeRole: granted arn:aws:sts::444455556666:assumed-role/target/shop.checkout-7d4b9c-x2x4q, for 1h

12 checks, all ok
"
    );
    assert_eq!(
        (
            outcome.code,
            outcome.stdout.as_str(),
            outcome.stderr.as_str()
        ),
        (Some(0), expected.as_str(), "")
    );
    assert_eq!(sts.calls().len(), 2, "one call for each step");
    assert!(!pod.path("endpoints").exists(), "it only looks");
}

#[test]
fn json_says_the_same() {
    let sts = FakeSts::start();
    sts.set_default(Behaviour::error(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    ));
    let pod = Pod::new(&sts.url(), Some(&token().jwt()));
    let outcome = pod.run(&["check", "-o", "json"]);
    let json: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(
        (outcome.code, &json["result"]),
        (Some(1), &"failure".into())
    );
    let last = json["checks"]
        .as_array()
        .and_then(|checks| checks.last())
        .expect("checks");
    let expected = serde_json::json!({
        "name": "source", "profile": "default", "result": "failure",
        "message": asked(": AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity"),
        "fix": "check the role ARN, and that its trust policy allows this service account",
    });
    assert_eq!(last, &expected);
}

#[test]
fn wrong_role() {
    let denied = Behaviour::error(
        403,
        "AccessDenied",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
    );
    assert_eq!(
        trouble(&token().jwt(), denied, 1),
        [format!(
            "failure source {}; fix: check the role ARN, and that its trust policy allows this service account",
            asked(": AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity")
        )]
    );
}

#[test]
fn sts_unreachable() {
    let sts = FakeSts::start();
    let (url, jwt) = (
        format!("http://{}", super::pod::free_address("127.77.0.2")),
        token().jwt(),
    );
    let pod = Pod::new(&url, Some(&jwt));
    assert_eq!(
        only_trouble(lines(&pod, &sts, &jwt, &[], 1)),
        [format!(
            "failure source {}; fix: check the STS endpoint's host and port: nothing listens there",
            asked(
                ": ConnectionRefused: $STS refuses connections: Connection refused (os error 111)"
            )
        )]
    );
}

#[test]
fn an_sts_that_hangs_costs_one_time_out() {
    assert_eq!(
        trouble(&token().jwt(), Behaviour::Hang, 1),
        [format!(
            "failure source {}; fix: STS connected but is too slow: check proxies and STS, or raise --sts-timeout",
            asked(
                ": RequestTimeout: no complete answer from $STS within 3s (--sts-timeout, STSIDECAR_STS_TIMEOUT)"
            )
        )]
    );
}

#[test]
fn throttled_in_the_second_hop() {
    let sts = FakeSts::start();
    sts.script([Behaviour::Ok, Behaviour::Throttle]);
    let jwt = token().jwt();
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let config = chain(&pod);
    let said = only_trouble(lines(&pod, &sts, &jwt, &["--config", &config], 1));
    assert_eq!(
        said.len(),
        4,
        "three ignored variables and the hop: {said:?}"
    );
    assert_eq!(
        said[3],
        format!(
            "failure hop 1 AssumeRole of {TARGET}: Throttling: Rate exceeded; fix: STS limits calls in this account and \
             region; retried more slowly"
        )
    );
}

#[test]
fn a_failed_source_leaves_the_hop_untried() {
    let sts = FakeSts::start();
    sts.set_default(Behaviour::Empty500);
    let jwt = token().jwt();
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let config = chain(&pod);
    let said = only_trouble(lines(&pod, &sts, &jwt, &["--config", &config], 1));
    assert_eq!(
        said.last().map(String::as_str),
        Some(&*format!(
            "warning hop 1 AssumeRole of {TARGET}: not tried, because the step before failed; fix: first correct the source"
        ))
    );
    assert_eq!(sts.calls().len(), 1);
}

#[test]
fn clock_skew() {
    let fix = "set the node's clock right (NTP)";
    for (offset, code, expected) in [
        (120, 0, format!("warning clock 2m behind STS; fix: {fix}")),
        (
            600,
            1,
            format!("failure clock 10m behind STS: AWS refuses signatures beyond 5m; fix: {fix}"),
        ),
        (
            -600,
            1,
            format!("failure clock 10m ahead of STS: AWS refuses signatures beyond 5m; fix: {fix}"),
        ),
    ] {
        let sts = FakeSts::start();
        sts.set_clock_offset(offset);
        let jwt = token().jwt();
        let pod = Pod::new(&sts.url(), Some(&jwt));
        assert_eq!(only_trouble(lines(&pod, &sts, &jwt, &[], code)), [expected]);
    }
}

#[test]
fn bad_configuration() {
    let sts = FakeSts::start();
    let pod = Pod::new(&sts.url(), Some(&token().jwt()));
    let said = lines(&pod, &sts, &token().jwt(), &["--role-arn", "app"], 78);
    assert!(
        said[0].starts_with("failure configuration --role-arn: \"app\" is not accepted: "),
        "{}",
        said[0]
    );
    assert!(
        said[0].ends_with("; fix: correct --role-arn"),
        "{}",
        said[0]
    );
    assert_eq!(said[2], "1 check: 1 failure");
    let unknown = pod.write("config.yaml", "regoin: x\n");
    let said = lines(&pod, &sts, &token().jwt(), &["--config", &unknown], 78);
    assert!(
        said[0].starts_with("failure configuration ") && said[0].contains("regoin"),
        "{}",
        said[0]
    );
    assert_eq!(pod.run(&["check", "--regoin=x"]).code, Some(64));
    assert_eq!(sts.calls().len(), 0);
}

#[test]
fn offline_makes_no_call() {
    let sts = FakeSts::start();
    let jwt = token().jwt();
    let pod = Pod::new(&sts.url(), Some(&jwt));
    let said = lines(&pod, &sts, &jwt, &["--offline"], 0);
    assert_eq!(
        said.last().map(String::as_str),
        Some("9 checks, all ok (offline: STS was not called)")
    );
    assert!(sts.calls().is_empty());
}
