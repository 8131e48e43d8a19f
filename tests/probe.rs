//! What the kubelet puts into the pod's events: one stable line for each fault, word by word.
//!
//! The real agent and the real `status --probe` against a fake STS. The lines hold no time, counter
//! or request id, because the kubelet merges equal events only. `--nocapture` shows them all.

#[path = "support/other_user.rs"]
#[allow(unreachable_pub, reason = "shared with other test crates")]
mod other_user;
#[path = "support/pod.rs"]
mod pod;
#[path = "support/mod.rs"]
mod support;
#[path = "support/token_volume.rs"]
mod token_volume;

use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pod::{Pod, free_address};
use support::fake_sts::{Behaviour, FakeSts};
use support::tokens::{ServiceAccountToken, unix_now};

/// Until the agent has failed for the first time: an attempt takes 3 s. Only a failing test waits
/// for all of it.
const LIMIT: Duration = Duration::from_mins(1);

/// An agent that is ended with the test.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One fault: how the pod is made, and the line that names it.
struct Case {
    name: &'static str,
    sts: Option<Behaviour>,
    token: Option<ServiceAccountToken>,
    unreadable: bool,
    /// `*` is what depends on where the test runs: a path that is cut, an address.
    line: &'static str,
}

impl Case {
    fn is_shown_as(&self, line: &str) -> bool {
        let (begin, end) = self.line.split_once('*').unwrap_or((self.line, ""));
        line.starts_with(begin) && line.ends_with(end) && (self.line.contains('*') || line == begin)
    }
}

fn case(name: &'static str, sts: Behaviour, line: &'static str) -> Case {
    Case {
        name,
        sts: Some(sts),
        token: Some(ServiceAccountToken::default()),
        unreadable: false,
        line,
    }
}

fn cases() -> Vec<Case> {
    let expired = ServiceAccountToken {
        issued_at: unix_now() - 7200,
        lifetime: 3600,
        ..ServiceAccountToken::default()
    };
    vec![
        case(
            "wrong role",
            Behaviour::error(
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            ),
            "default: role arn:aws:iam::111122223333:role/app: AccessDenied: Not authorized to perform \
             sts:AssumeRoleWithWebIdentity; check the role ARN, and that its trust policy allows this service account",
        ),
        case(
            "wrong audience",
            Behaviour::error(400, "InvalidIdentityToken", "Incorrect token audience"),
            "default: role arn:aws:iam::111122223333:role/app: InvalidIdentityToken: Incorrect token audience; add the \
             token's audience to the IAM OIDC provider, or change the audience",
        ),
        Case {
            token: None,
            ..case(
                "missing token file",
                Behaviour::Ok,
                "default: role arn:aws:iam::111122223333:role/app: TokenFileMissing: $POD/*; \
                 mount a projected service account token at the token file's path",
            )
        },
        Case {
            unreadable: true,
            ..case(
                "unreadable token file",
                Behaviour::Ok,
                "default: role arn:aws:iam::111122223333:role/app: TokenFileUnreadable: $POD/*; set the pod's fsGroup: \
                 uid 65534 cannot read the token file of mode 0600",
            )
        },
        Case {
            token: Some(expired),
            ..case(
                "expired token",
                Behaviour::Ok,
                "default: role arn:aws:iam::111122223333:role/app: ExpiredTokenException: Token expired: current date/time ... \
                 must be...; the kubelet no longer renews the token file: check the node and the volume",
            )
        },
        Case {
            sts: None,
            ..case(
                "STS unreachable",
                Behaviour::Ok,
                "default: role arn:aws:iam::111122223333:role/app: ConnectionRefused: ... refuses connections: Connection \
                 refused (os error ...); check the STS endpoint's host and port: nothing listens there",
            )
        },
        case(
            "STS throttling",
            Behaviour::Throttle,
            "default: role arn:aws:iam::111122223333:role/app: Throttling: Rate exceeded; STS limits calls in this \
             account and region; retried more slowly",
        ),
    ]
}

#[test]
fn seven_faults_have_seven_stable_lines() {
    let running: Vec<_> = cases()
        .into_iter()
        .enumerate()
        .map(|(at, case)| thread::spawn(move || shown(at, &case)))
        .collect();
    let wrong: Vec<String> = running
        .into_iter()
        .filter_map(|one| one.join().expect("no panic").err())
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs agent and probe, and compares the line; the second probe has to say the same.
fn shown(at: usize, case: &Case) -> Result<(), String> {
    let sts = FakeSts::start();
    sts.set_default(case.sts.clone().unwrap_or(Behaviour::Ok));
    let host = |place: usize| free_address(&format!("127.77.{}.{place}", at + 10));
    let url = if case.sts.is_some() {
        sts.url()
    } else {
        format!("http://{}", host(1))
    };
    let pod = Pod::new(
        &url,
        case.token.as_ref().map(ServiceAccountToken::jwt).as_deref(),
    );
    let (listen, admin) = (host(2), host(3));
    let arguments = ["run", "--listen", &listen, "--admin-listen", &admin];
    let command = if case.unreadable {
        pod.locked_out(&arguments)
    } else {
        Some(pod.command(&arguments))
    };
    let Some(mut command) = command else {
        println!("not run: {}: it needs root", case.name);
        return Ok(());
    };
    let agent = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _agent = Agent(agent.expect("the agent starts"));
    let (first, second) = (probed(&pod, &admin, "1"), probed(&pod, &admin, "2"));
    println!("{}: {first}", case.name);
    if case.is_shown_as(&first) && second == first && first.chars().count() < 200 {
        return Ok(());
    }
    Err(format!(
        "{}\n  expected {}\n  first    {first}\n  second   {second}",
        case.name, case.line
    ))
}

/// The probe's line, once the agent has tried.
fn probed(pod: &Pod, admin: &str, wait: &str) -> String {
    #[allow(clippy::disallowed_methods, reason = "a real process takes real time")]
    let began = Instant::now();
    loop {
        let outcome = pod.run(&["status", "--probe", "--wait", wait, "--admin-listen", admin]);
        if !outcome.stdout.contains("NoAnswerYet") && outcome.code == Some(1)
            || began.elapsed() > LIMIT
        {
            return outcome.stdout;
        }
    }
}

#[test]
fn three_wrong_configurations_have_the_agents_own_error() {
    for (name, content, line) in [
        (
            "an unknown key",
            "regoin: eu-central-1\n",
            "stsidecar: $POD/config.yaml: unknown field `regoin`, expected one of region, stsEndpoint, allowInsecureSts, \
             stsTimeout, waitForCredentials, listen, adminListen, stateDir, refreshAt, shutdownGrace, shutdownIdle, logFormat, \
             logLevel, profiles, clients at line 1, column 1",
        ),
        (
            "a bad value",
            "refreshAt: 95%\n",
            "stsidecar: refreshAt: \"95%\" is not accepted: the refresh point is 1% to 90% of the lifetime, or a duration of at \
             least 1s",
        ),
        (
            "an impossible combination",
            "shutdownGrace: 5s\nshutdownIdle: 10s\n",
            "stsidecar: shutdownIdle: \"10s\" is not accepted: at most the shutdown grace of 5s",
        ),
    ] {
        let pod = Pod::new("http://127.0.0.1:1", None);
        let config = pod.write("config.yaml", content);
        let outcome = pod.run(&["run", "--config", &config]);
        println!("{name}: {}", outcome.stderr.trim_end());
        assert_eq!(
            (
                outcome.code,
                outcome.stdout.as_str(),
                outcome.stderr.as_str()
            ),
            (Some(78), "", &*format!("{line}\n"))
        );
    }
}
