//! The injector's commands from the outside: arguments and a file in, streams and exit code out.

use std::io;

use serde_json::Value;

use super::*;
use crate::telemetry::Lines;
use crate::time::Wall;

/// What `run` would log to; no command of these tests gets so far.
fn lines() -> Lines {
    Lines::start(io::stderr(), |_| ()).expect("a thread")
}

/// Code, stdout, stderr and the termination log of one command with `config` in its file.
fn outcome(arguments: &[&str], config: &str) -> (u8, String, String, String) {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let code = main(
        ["stsidecar-injector"]
            .iter()
            .chain(arguments)
            .map(OsString::from),
        &mut Env {
            variable: &|_| None,
            names: &Vec::new,
            read: &|path| match path.to_str() {
                Some("/config.yaml") => Ok(config.as_bytes().to_vec()),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            stdout: &mut stdout,
            stderr: &mut stderr,
            log: &lines(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            termination_log: log.path(),
            wall: Wall::default,
        },
    );
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        code,
        text(stdout),
        text(stderr),
        std::fs::read_to_string(log.path()).expect("a file"),
    )
}

#[test]
fn the_version_is_printed_and_wrong_arguments_are_usage() {
    let (code, stdout, ..) = outcome(&["--version"], "");
    assert_eq!(code, exit::OK);
    assert!(
        stdout.starts_with("stsidecar-injector ") && stdout.contains(version::VERSION),
        "{stdout}"
    );
    for arguments in [
        &["run"][..],
        &["check"],
        &["runn"],
        &["check", "--config=/config.yaml", "--role-arn=app"],
    ] {
        let (code, _, stderr, _) = outcome(arguments, "");
        assert_eq!(code, exit::USAGE, "{arguments:?}");
        assert!(!stderr.is_empty());
    }
}

#[test]
fn a_bad_configuration_ends_run_with_one_line_where_kubectl_shows_it() {
    let (code, stdout, stderr, log) = outcome(&["run", "--config=/config.yaml"], "injektor: {}");
    assert_eq!(
        (code, stdout.as_str(), stderr.lines().count()),
        (exit::CONFIG, "", 1)
    );
    assert_eq!(stderr, log);
    assert!(
        log.starts_with("stsidecar: /config.yaml: ") && log.contains("`injektor`"),
        "{log}"
    );
    let (code, _, stderr, _) = outcome(&["run", "--config=/other.yaml"], "");
    assert_eq!(code, exit::CONFIG);
    assert!(
        stderr.contains("--config: cannot read /other.yaml"),
        "{stderr}"
    );
}

#[test]
fn check_shows_a_bad_configuration_as_a_finding() {
    let (code, stdout, ..) = outcome(&["check", "--config=/config.yaml"], "injektor: {}");
    assert_eq!(code, exit::CONFIG);
    assert!(
        stdout.starts_with("  failure  configuration  /config.yaml") && stdout.contains("; fix: "),
        "{stdout}"
    );
    let (code, stdout, ..) = outcome(
        &["check", "--config=/config.yaml", "-o", "json"],
        "injektor: {}",
    );
    let json: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!((code, &json["result"]), (exit::CONFIG, &"failure".into()));
}

#[test]
fn check_says_what_is_injected_and_how_many_certificates_it_trusts() {
    let said = |agent: Value| {
        let template =
            Template::from_values(serde_json::json!({ "image": { "tag": "1" }, "agent": agent }));
        described(Path::new("/config.yaml"), &template.expect("values"))
    };
    let image = "/config.yaml injects ghcr.io/stsidecar/stsidecar:1";
    assert_eq!(said(serde_json::json!({})), image);
    let names = ["one.example.com", "two.example.com"].map(|name| vec![name.to_owned()]);
    let pem = names
        .map(|names| {
            rcgen::generate_simple_self_signed(names)
                .expect("ring makes keys")
                .cert
                .pem()
        })
        .concat();
    let trusts = ", which trusts 2 certificates of agent.awsCaBundle.pem";
    assert_eq!(
        said(serde_json::json!({ "awsCaBundle": { "pem": pem } })),
        format!("{image}{trusts}")
    );
}
