//! A private CA that is rotated: `AWS_CA_BUNDLE` is a file like the token's, replaced while the
//! agent runs.

use std::fs;

use super::Scene;
use super::support::agent::{Agent, until};
use super::support::certificates;
use super::support::fake_sts::FakeSts;
use super::support::tls_front::TlsFront;
use super::support::token_volume::TokenVolume;

fn pem(name: &str) -> Vec<u8> {
    fs::read(certificates::file(name)).expect("a certificate")
}

/// Waits for two more calls: the first may have begun before.
fn refreshed(sts: &FakeSts, what: &str) {
    let before = sts.calls().len();
    until(what, || (sts.calls().len() >= before + 2).then_some(()));
}

/// The log does not repeat a failure that stays the same.
fn failures(agent: &Agent) -> u64 {
    agent.metric(
        "stsidecar_credentials_refresh_errors_total{profile=\"default\",reason=\"transient\"}",
    )
}

#[test]
fn a_bundle_is_followed_and_what_it_does_not_hold_any_more_is_refused() {
    let scene = Scene::new();
    let front = TlsFront::start(scene.sts.port(), "server.pem");
    let mut mounted = TokenVolume::at(scene.path("ca"));
    mounted.write(&[("ca.crt", &pem("ca.pem"))]);
    let bundle = mounted.path("ca.crt").display().to_string();
    let launch = scene
        .launch_restless()
        .flag("sts-endpoint", &front.url())
        .variable("AWS_CA_BUNDLE", &bundle);
    let agent = launch.start();
    agent.first_credentials();
    refreshed(&scene.sts, "refreshes under the first CA");

    // The server still shows the old certificate, and a connection that was trusted is kept.
    mounted.write(&[("ca.crt", &pem("other-ca.pem"))]);
    until("a refusal", || (failures(&agent) > 0).then_some(()));
    let (calls, failed) = (scene.sts.calls().len(), failures(&agent));
    until("another refusal", || {
        (failures(&agent) > failed).then_some(())
    });
    assert_eq!(
        scene.sts.calls().len(),
        calls,
        "a server that the new bundle does not vouch for was called"
    );

    front.replace("other-server.pem");
    refreshed(&scene.sts, "refreshes under the second CA");

    mounted.write(&[("ca.crt", &[pem("ca.pem"), pem("other-ca.pem")].concat())]);
    front.replace("server.pem");
    refreshed(&scene.sts, "refreshes while both CAs are trusted");

    let rotated = agent.events("file was rotated");
    assert!(
        rotated.iter().any(|event| event["file"] == bundle.as_str()),
        "{rotated:?}"
    );
}

#[test]
fn system_roots_that_are_mounted_are_followed_too() {
    let scene = Scene::new();
    let front = TlsFront::start(scene.sts.port(), "server.pem");
    let mut mounted = TokenVolume::at(scene.path("ca"));
    mounted.write(&[("ca.crt", &pem("ca.pem"))]);
    let roots = mounted.path("ca.crt").display().to_string();
    let launch = scene
        .launch_restless()
        .flag("sts-endpoint", &front.url())
        .variable("SSL_CERT_FILE", &roots);
    let agent = launch.start();
    agent.first_credentials();
    refreshed(&scene.sts, "refreshes under the first roots");
    mounted.write(&[("ca.crt", &pem("other-ca.pem"))]);
    until("a refusal", || (failures(&agent) > 0).then_some(()));
    front.replace("other-server.pem");
    refreshed(&scene.sts, "refreshes under the second roots");
    mounted.write(&[("ca.crt", b"no PEM")]);
    refreshed(&scene.sts, "refreshes with the last good roots");
}

#[test]
fn of_mounted_system_roots_no_certificate_is_left_out() {
    let (ca, other) = (pem("ca.pem"), pem("other-ca.pem"));
    for (variable, content) in [
        ("SSL_CERT_FILE", [b"\xef\xbb\xbf", ca.as_slice()].concat()),
        (
            "SSL_CERT_FILE",
            [other.trim_ascii_end(), ca.as_slice()].concat(),
        ),
        (
            "SSL_CERT_DIR",
            [b"\xef\xbb\xbf", ca.as_slice(), other.as_slice()].concat(),
        ),
    ] {
        let scene = Scene::new();
        let front = TlsFront::start(scene.sts.port(), "server.pem");
        let folder = scene.path("roots");
        fs::create_dir(&folder).expect("room");
        let file = folder.join("ca.crt");
        fs::write(&file, content).expect("room");
        let named = if variable == "SSL_CERT_DIR" {
            folder
        } else {
            file
        }
        .display()
        .to_string();
        let agent = scene
            .launch()
            .flag("sts-endpoint", &front.url())
            .variable(variable, &named)
            .start();
        agent.first_credentials();
    }
}

/// What the injector writes over an `envFrom`: the agent takes an empty variable for none.
#[test]
fn an_empty_variable_of_the_system_roots_is_none() {
    let scene = Scene::new();
    let front = TlsFront::start(scene.sts.port(), "server.pem");
    let folder = scene.path("roots");
    fs::create_dir(&folder).expect("room");
    fs::write(folder.join("ca.crt"), pem("ca.pem")).expect("room");
    let folder = folder.display().to_string();
    let launch = scene.launch().flag("sts-endpoint", &front.url());
    let agent = launch
        .variable("SSL_CERT_FILE", "")
        .variable("SSL_CERT_DIR", &folder)
        .start();
    agent.first_credentials();
}

#[test]
fn the_systems_own_roots_are_found_behind_empty_variables() {
    // Whether this machine has any is not the question, but that both find the same.
    let misses_roots = |variables: &[&str]| {
        let scene = Scene::new();
        let launch = scene.launch().flag("sts-endpoint", "https://127.0.0.1:1");
        let agent = variables
            .iter()
            .fold(launch, |launch, name| launch.variable(name, ""))
            .start();
        let said =
            |line: &String| line.contains("no CA certificates") || line.contains("127.0.0.1:1");
        let line = until("a failed call", || {
            agent
                .log()
                .iter()
                .find(|line| line.contains("WARN") && said(line))
                .cloned()
        });
        line.contains("no CA certificates")
    };
    assert_eq!(
        misses_roots(&["SSL_CERT_FILE", "SSL_CERT_DIR"]),
        misses_roots(&[])
    );
}

#[test]
fn a_broken_bundle_takes_no_trust_away_and_is_reported() {
    let scene = Scene::new();
    let front = TlsFront::start(scene.sts.port(), "server.pem");
    let bundle = scene.path("ca.pem");
    fs::write(&bundle, pem("ca.pem")).expect("room");
    let shown = bundle.display().to_string();
    let launch = scene
        .launch_restless()
        .flag("sts-endpoint", &front.url())
        .variable("AWS_CA_BUNDLE", &shown);
    let agent = launch.start();
    agent.first_credentials();
    let whole = pem("ca.pem");
    for broken in [&b""[..], &whole[..whole.len() / 2], b"no PEM"] {
        fs::write(&bundle, broken).expect("room");
        refreshed(&scene.sts, "refreshes with the last good bundle");
    }
    fs::remove_file(&bundle).expect("there");
    refreshed(&scene.sts, "refreshes without the file");
    let event = agent.event("file not usable; what was read before stays in use");
    assert_eq!(event["file"], shown.as_str());
    let errors: u64 = agent.metric("stsidecar_ca_bundle_reloads_total{outcome=\"error\"}");
    assert!(errors >= 2, "{errors} of what was found broken");
    fs::write(&bundle, &whole).expect("room");
    agent.event("file is readable again");
}

#[test]
fn a_bundle_that_is_broken_at_start_ends_it_with_its_name() {
    let scene = Scene::new();
    let front = TlsFront::start(scene.sts.port(), "server.pem");
    let bundle = scene.path("ca.pem");
    fs::write(&bundle, "no PEM").expect("room");
    let shown = bundle.display().to_string();
    let launch = scene
        .launch()
        .flag("sts-endpoint", &front.url())
        .variable("AWS_CA_BUNDLE", &shown);
    let (code, log) = launch.run_to_end();
    assert_eq!(code, Some(78), "{log}");
    assert!(
        log.contains(&shown) && log.contains("BEGIN CERTIFICATE"),
        "{log}"
    );
}
