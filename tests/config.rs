//! Every wrong configuration file says what is wrong: `tests/fixtures/config/NAME.yaml` is refused
//! with the text of `NAME.error`, word by word. `UPDATE_FIXTURES=1` writes the texts anew, for
//! review.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use stsidecar::config::{Config, Flags, Sources};

/// What the configuration says to one file, and nothing else.
fn answer(file: &[u8], variables: &[(&str, &str)]) -> String {
    let variable = |name: &str| {
        variables
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let read = |path: &Path| match path.to_str() {
        Some("config.yaml") => Ok(file.to_vec()),
        _ => Err(io::Error::new(io::ErrorKind::NotFound, "no such file")),
    };
    match Config::load(&Sources {
        flags: &Flags::default(),
        variable: &variable,
        read: &read,
    }) {
        Ok(loaded) => panic!("accepted: {}", loaded.config.describe()),
        Err(error) => format!("{error}\n"),
    }
}

fn wrong_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let files = fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a developer's switch, not the program's"
)]
fn every_wrong_file_is_refused_with_its_text() {
    let files = wrong_files();
    assert!(files.len() >= 25, "only {} fixtures", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let said = answer(
            &fs::read(&file).expect("a fixture"),
            &[("STSIDECAR_CONFIG", "config.yaml")],
        );
        assert!(
            !said.contains("canary"),
            "a secret is shown for {}: {said}",
            file.display()
        );
        let expected = file.with_extension("error");
        if std::env::var_os("UPDATE_FIXTURES").is_some() {
            fs::write(&expected, &said).expect("a writable fixture");
        }
        let text = fs::read_to_string(&expected).unwrap_or_default();
        if said != text {
            wrong.push(format!(
                "{}\n  expected: {text}  said:     {said}",
                file.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Variables with values that are refused, and how the refusal begins.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "AWS_REGION",
        "EU",
        "AWS_REGION: \"EU\" is not accepted: a region looks like",
    ),
    (
        "AWS_ROLE_ARN",
        "app",
        "AWS_ROLE_ARN: \"app\" is not accepted: not a role ARN",
    ),
    (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "/run/",
        "AWS_WEB_IDENTITY_TOKEN_FILE: \"/run/\" is not accepted: the path of",
    ),
    (
        "AWS_USE_FIPS_ENDPOINT",
        "yes",
        "AWS_USE_FIPS_ENDPOINT: \"yes\" is not accepted: true or false",
    ),
    (
        "AWS_USE_DUALSTACK_ENDPOINT",
        "1",
        "AWS_USE_DUALSTACK_ENDPOINT: \"1\" is not accepted: true or false",
    ),
    (
        "HTTPS_PROXY",
        "ftp://proxy",
        "HTTPS_PROXY: \"ftp://proxy\" is not accepted: the URL of a proxy",
    ),
    (
        "STSIDECAR_CONFIG",
        "/none",
        "STSIDECAR_CONFIG: cannot read /none: no such file",
    ),
    (
        "STSIDECAR_CONFIG_INLINE",
        "{",
        "STSIDECAR_CONFIG_INLINE: unclosed bracket '{' at line 1",
    ),
    (
        "STSIDECAR_SESSION_DURATION",
        "1",
        "STSIDECAR_SESSION_DURATION: \"1\" is not accepted: a session lasts",
    ),
    (
        "STSIDECAR_STATE_DIR",
        "\u{fffd}",
        "STSIDECAR_STATE_DIR: \"\u{fffd}\" is not accepted: it is not UTF-8",
    ),
    (
        "RUST_LOG",
        "loud",
        "RUST_LOG: \"loud\" is not accepted: off, error, warn",
    ),
];

#[test]
fn every_wrong_variable_is_refused_by_its_name() {
    for (name, value, said) in REFUSED {
        let text = answer(
            b"",
            &[("AWS_DEFAULT_REGION", "eu-central-1"), (*name, *value)],
        );
        assert!(text.starts_with(said), "{text}");
    }
}

#[test]
fn an_endpoint_of_aws_and_a_custom_one_are_a_conflict() {
    for name in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let text = answer(
            b"",
            &[
                ("AWS_ENDPOINT_URL_STS", "https://sts.example.com"),
                (name, "true"),
            ],
        );
        let said = "selects an endpoint of AWS, but the STS endpoint is https://sts.example.com/: unset one\n";
        assert_eq!(text, format!("{name}: {said}"));
    }
}
