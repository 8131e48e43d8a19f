//! Every case of injection: `tests/fixtures/inject/NAME.pod.yaml` holds a Pod and what surrounds it
//! (any of ServiceAccount, Namespace, Values of the chart, ConfigMap, and a `LaterInjector`'s
//! patch), `NAME.patch.json` the answer, one operation a line. `UPDATE_FIXTURES=1` writes the
//! answers anew, for review.
#![allow(clippy::too_many_lines, reason = "a test is read from top to bottom")]

mod agreement;
mod arbitrary;
mod ca_bundle;
mod case;
mod decided;
mod earlier;
mod effective;
mod environment;
mod judged;
mod kubelet;
mod meshes;
mod nodes;
mod objects;
mod orders;
mod pull_secrets;
mod reading;
mod releases;
mod resources;
mod rules;
mod shape;
mod stream;
mod takeover;
mod volumes;

use std::fs;
use std::path::{Path, PathBuf};

use case::Case;
use serde_json::{Value, json};
use stsidecar::inject::{Decision, Template};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inject");
    let files = fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.to_string_lossy().ends_with(".pod.yaml"))
        .collect();
    files.sort();
    files
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]
fn every_case_is_answered_as_written() {
    let files = cases();
    assert!(files.len() >= 40, "only {} fixtures", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let said = Case::read(&file).answer();
        let expected = PathBuf::from(file.to_string_lossy().replace(".pod.yaml", ".patch.json"));
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&expected, &said).expect("a writable fixture");
        }
        if said != fs::read_to_string(&expected).unwrap_or_default() {
            wrong.push(format!("{}\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_denial_has_a_case_that_names_what_to_do() {
    let all = cases();
    let denied: Vec<(String, String)> = all
        .iter()
        .filter_map(|file| Case::read(file).denial())
        .collect();
    for reason in [
        "unknown_key",
        "bad_value",
        "combination",
        "no_role",
        "no_region",
        "role_not_allowed",
        "containers",
        "platform",
        "reserved",
        "port",
        "environment",
        "malformed",
    ] {
        assert!(
            denied.iter().any(|(own, _)| own == reason),
            "no case is denied for {reason}"
        );
    }
    for (_, message) in denied {
        assert!(
            (30..=700).contains(&message.len()) && !message.contains('\n'),
            "{message}"
        );
    }
}

#[test]
fn every_case_keeps_the_rules() {
    for file in cases() {
        rules::hold(&Case::read(&file), &file.display().to_string());
    }
}

/// `cargo test --test inject the_environment_of_every_case -- --nocapture` prints them, for
/// reading.
#[test]
fn the_environment_of_every_case() {
    let mut injected = 0;
    for file in cases() {
        let case = Case::read(&file);
        if let Decision::Inject(injection) = case.decide(&case.pod, &mut case::draw()) {
            let mut pod = case.pod.clone();
            case::apply(&mut pod, &injection.operations);
            let name = file
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .replace(".pod.yaml", "");
            println!("{name}\n{}", effective::printed(&pod));
            injected += 1;
        }
    }
    assert!(injected >= 30, "only {injected} are injected");
}

#[test]
fn values_that_cannot_be_a_template_are_refused_by_their_key() {
    for (values, said) in [
        (
            json!({ "agent": { "regoin": "x" } }),
            "values: unknown field `regoin`",
        ),
        (
            json!({ "agent": { "region": "EU" } }),
            "values: agent.region: \"EU\" is not accepted: a region looks",
        ),
        (
            json!({ "agent": { "stsEndpoint": "https://sts/#x" } }),
            "values: agent.stsEndpoint: \"https://sts/#[redacted]\" is not accepted: it cannot have a query",
        ),
        (
            json!({ "agent": { "stsTimeout": "1m" } }),
            "values: agent.stsTimeout: \"1m\" is not accepted: a duration from",
        ),
        (
            json!({ "agent": { "credentialsPort": 80 } }),
            "values: agent.credentialsPort: \"80\" is not accepted",
        ),
        (
            json!({ "agent": { "metrics": { "port": 9911 } } }),
            "values: port 9911 is both",
        ),
        (
            json!({ "agent": { "resources": { "limits": { "memory": "8Mi" } } } }),
            "values: the sidecar's memory request",
        ),
        (
            json!({ "agent": { "log": { "level": "loud" } } }),
            "values: agent.log.level: \"loud\" is not accepted",
        ),
        (
            json!({ "agent": { "audience": "" } }),
            "values: agent.audience: \"\" is not accepted: the audience",
        ),
        (
            json!({ "agent": { "awsCaBundle": { "configMap": "ca", "key": "" } } }),
            "values: agent.awsCaBundle.key",
        ),
        (
            json!({ "agent": { "extraEnv": [{ "value": "x" }] } }),
            "values: agent.extraEnv: every variable needs a name",
        ),
        (
            json!({ "injector": { "allowedRoleArns": [{ "roles": [] }] } }),
            "values: unknown field `roles`",
        ),
        (json!("text"), "values: invalid type"),
    ] {
        let error = Template::from_values(values).expect_err(said).to_string();
        assert!(error.starts_with(said), "{error}");
    }
    assert!(
        Template::from_values(json!({ "agent": { "log": { "level": "info,stsidecar=debug" } } }))
            .is_ok()
    );
}

#[test]
fn a_url_in_the_values_is_refused_as_the_agent_would_and_never_shown() {
    let agent = |key: &str, value: Value| {
        let mut agent = json!({ "region": "eu-central-1" });
        agent[key] = value;
        Template::from_values(json!({ "agent": agent }))
    };
    let proxy = |text: &str| agent("httpProxy", json!({ "httpsProxy": text }));
    for (refused, said) in [
        (
            agent(
                "stsEndpoint",
                json!("https://user:canary#1@sts.example.com"),
            ),
            "agent.stsEndpoint",
        ),
        (
            agent("stsEndpoint", json!({ "https://user:canary@host": 1 })),
            "invalid type",
        ),
        (
            agent("httpProxy", json!("http://user:canary@proxy")),
            "invalid type",
        ),
        (
            agent("httpProxy", json!({ "http://user:canary@proxy": 1 })),
            "unknown field",
        ),
        (
            proxy("http://user:canary@proxy:99999"),
            "agent.httpProxy.httpsProxy",
        ),
        (
            proxy("socks5://user:canary@proxy"),
            "agent.httpProxy.httpsProxy",
        ),
    ] {
        let error = refused.expect_err(said).to_string();
        let is_named = error.starts_with(&format!("values: {said}"));
        assert!(is_named && !error.contains("canary"), "{error}");
    }
    assert!(proxy("http://user:pa%23ss@proxy:3128").is_ok());
    assert!(proxy("proxy:3128").is_ok());
}

#[test]
fn the_image_is_named_by_digest_tag_or_version() {
    let image = |values| Template::from_values(values).expect("values").image();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        image(Value::Null),
        format!("ghcr.io/stsidecar/stsidecar:{version}")
    );
    assert_eq!(
        image(json!({ "image": { "registry": "", "tag": "dev" } })),
        "stsidecar/stsidecar:dev"
    );
    let digest = json!({ "global": { "imageRegistry": "m" }, "image": { "tag": "dev", "digest": "sha256:00" } });
    assert_eq!(image(digest), "m/stsidecar/stsidecar@sha256:00");
}

#[test]
fn the_token_of_a_legacy_client_is_not_printed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inject");
    let case = Case::read(&folder.join("legacy-clients.pod.yaml"));
    let decision = case.decide(&case.pod, &mut || {
        "canary-canary-canary-canary-canary".to_owned()
    });
    assert!(
        matches!(&decision, Decision::Inject(injection) if injection.patch().to_string().contains("canary"))
    );
    assert!(!format!("{decision:?}").contains("canary"));
}

/// The agent reads it once, so its author finds by this name which pods to replace.
#[test]
fn the_status_names_the_config_map_of_the_author() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/inject");
    for (fixture, expected) in [("config-map", json!("roles")), ("plain", Value::Null)] {
        let case = Case::read(&folder.join(format!("{fixture}.pod.yaml")));
        let Decision::Inject(injection) = case.decide(&case.pod, &mut case::draw()) else {
            panic!("a good pod")
        };
        let patch = injection.patch();
        let written = patch.as_array().into_iter().flatten();
        let status = written
            .into_iter()
            .find(|one| one["path"] == "/metadata/annotations/stsidecar.dev~1status");
        let status: Value =
            serde_json::from_str(status.expect("a status")["value"].as_str().expect("text"))
                .expect("JSON");
        assert_eq!(status["config"], expected, "{fixture}");
    }
}
