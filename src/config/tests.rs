//! Rules between settings: precedence, conflicts, defaults, warnings.

mod attempts;
mod clients;
mod commands;
mod elsewhere;
mod inputs;
mod secrets;
mod urls;
mod warnings;

use std::collections::HashMap;
use std::io;
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::assume::{DurationSetting, Hop};

/// One attempt: flags, variables, and what the only file holds.
#[derive(Default)]
struct Given<'a> {
    flags: Flags,
    variables: HashMap<&'a str, &'a str>,
    file: &'a str,
}

impl<'a> Given<'a> {
    fn variables<const N: usize>(pairs: [(&'a str, &'a str); N]) -> Self {
        Self {
            variables: pairs.into(),
            ..Self::default()
        }
    }

    fn file(file: &'a str) -> Self {
        Self {
            variables: [("STSIDECAR_CONFIG", "file.yaml")].into(),
            file,
            ..Self::default()
        }
    }

    fn with<R>(&self, ask: impl FnOnce(&Sources<'_>) -> R) -> R {
        let variable = |name: &str| self.variables.get(name).map(|&value| value.to_owned());
        let read = |path: &Path| match path.to_str() {
            Some("file.yaml") => Ok(self.file.as_bytes().to_vec()),
            _ => Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        ask(&Sources {
            flags: &self.flags,
            variable: &variable,
            read: &read,
        })
    }

    fn load(&self) -> Result<Loaded, Error> {
        self.with(Config::load)
    }

    fn loaded(&self) -> Loaded {
        self.load().expect("a good configuration")
    }

    fn error(&self) -> String {
        self.load().expect_err("a bad configuration").to_string()
    }
}

const REGION: (&str, &str) = ("AWS_REGION", "eu-central-1");

fn region(given: &Given<'_>) -> String {
    given
        .loaded()
        .config
        .sts
        .region
        .expect("a region")
        .as_str()
        .to_owned()
}

#[test]
fn a_flag_beats_its_variables_and_those_beat_the_file() {
    let mut given = Given::file("region: from-file\nprofiles: {default: {webIdentity: {}}}");
    assert_eq!(region(&given), "from-file");
    given.variables.insert("AWS_DEFAULT_REGION", "second");
    assert_eq!(region(&given), "second");
    given.variables.insert("AWS_REGION", "first");
    assert_eq!(region(&given), "first");
    given.flags.set("region", "flag".to_owned());
    assert_eq!(region(&given), "flag");
}

#[test]
fn an_empty_variable_is_unset() {
    assert_eq!(
        region(&Given::variables([
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", "second")
        ])),
        "second"
    );
}

#[test]
fn every_key_of_the_file_that_is_a_setting_is_read_from_it() {
    let file = "{region: r, stsEndpoint: 'http://sts', allowInsecureSts: true, waitForCredentials: false, \
                listen: '127.0.0.1:1', adminListen: '127.0.0.1:2', stateDir: /s, refreshAt: 10%, shutdownGrace: 9s, \
                stsTimeout: 7s, shutdownIdle: 8s, logFormat: text, logLevel: debug, profiles: {default: {webIdentity: {}}}}";
    let document = Document::read("file", file.as_bytes()).expect("a document");
    for setting in SETTINGS {
        assert!(
            setting.key.is_none_or(|key| document.text(key).is_some()),
            "{}",
            setting.flag
        );
    }
    let shown = Given::file(file).loaded().config.describe();
    assert_eq!(shown["listen"], json!(["127.0.0.1:1"]));
    assert_eq!(
        (&shown["refreshAt"], &shown["shutdownIdle"]),
        (&json!("10%"), &json!("8s"))
    );
    assert_eq!(&shown["sts"]["timeout"], &json!("7s"));
    assert_eq!(
        (&shown["waitForCredentials"], &shown["stateDir"]),
        (&json!(false), &json!("/s"))
    );
}

/// Who changed a ConfigMap sees by it what an agent that runs has read.
#[test]
fn the_file_is_shown_with_the_hash_of_its_content() {
    let file = "region: r\nprofiles: {default: {webIdentity: {}}}";
    let sha256 = "fa6848df143a454595afcdd3f1d9b94bdbb429fba6ccd51fce42ba5588f3453a";
    let shown = Given::file(file).loaded().config.describe();
    assert_eq!(
        shown["file"],
        json!({ "path": "file.yaml", "sha256": sha256 })
    );
    assert_eq!(
        Given::variables([REGION]).loaded().config.describe()["file"],
        json!(null)
    );
}

#[test]
fn without_any_profile_there_is_one_from_flags_and_variables() {
    let given = Given::variables([
        REGION,
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/app"),
    ]);
    let Loaded { config, warnings } = given.loaded();
    assert_eq!(warnings, [""; 0]);
    let Hop::WebIdentity(step) = &*config.profiles[0].steps[0] else {
        panic!("{config:?}")
    };
    assert_eq!(step.role_arn.as_ref().expect("a role").name(), "app");
    assert_eq!(
        &*step.token_file,
        Path::new("/var/run/secrets/stsidecar.dev/serviceaccount/token")
    );
    assert_eq!(step.session_name.as_str(), "{namespace}.{pod}");
    assert!(matches!(step.duration, DurationSetting::Fixed(hour) if hour.seconds() == 3600));
    assert_eq!(config.listen.reachable().len(), 2);
    assert!(config.wait_for_credentials);
    let [client] = &config.clients[..] else {
        panic!("{config:?}")
    };
    assert_eq!(
        client.token_file,
        Path::new("/var/run/secrets/stsidecar.dev/endpoints/default/token")
    );
}

#[test]
fn defaults_of_the_table_are_values_their_settings_accept() {
    let mut given = Given::variables([REGION]);
    let expected = given.loaded().config.describe();
    for setting in SETTINGS {
        if let Some(default) = setting.default {
            given.flags.set(setting.flag, default.to_owned());
        }
    }
    assert_eq!(given.loaded().config.describe(), expected);
}

#[test]
fn listed_profiles_refuse_the_flags_of_one_profile_and_ignore_its_variables_with_a_warning_each() {
    let file = "region: r\nprofiles: {default: {webIdentity: {}}}";
    for setting in setting::OF_ONE_PROFILE {
        let mut given = Given::file(file);
        given.variables.insert(setting.variables[0], "anything");
        let Loaded { config, warnings } = given.loaded();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].starts_with(&format!("{} is ignored", setting.variables[0])),
            "{warnings:?}"
        );
        assert!(!config.describe().to_string().contains("anything"));
        given.flags.set(setting.flag, "anything".to_owned());
        let error = given.error();
        assert!(
            error.starts_with(&format!(
                "--{}: the configuration lists profiles",
                setting.flag
            )),
            "{error}"
        );
    }
}

#[test]
fn a_custom_sts_needs_no_region_unless_a_hop_signs() {
    let config = Given::variables([("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")])
        .loaded()
        .config;
    assert_eq!(config.sts.region, None);
    let chain = "stsEndpoint: https://sts.example.com\nprofiles: {default: {webIdentity: {}, \
                 chain: [{roleArn: 'arn:aws:iam::111122223333:role/x'}]}}";
    let Loaded { config, warnings } = Given::file(chain).loaded();
    assert_eq!(config.sts.region.expect("assumed").as_str(), "us-east-1");
    assert!(warnings[0].contains("us-east-1"), "{warnings:?}");
    let aws = chain.replace("stsEndpoint: https://sts.example.com", "");
    assert!(Given::file(&aws).error().starts_with("region: not set"));
    let vpc = chain.replace(
        "sts.example.com",
        "vpce-1.sts.eu-central-1.vpce.amazonaws.com",
    );
    assert!(
        Given::file(&vpc)
            .error()
            .starts_with("region: not set, and AWS takes")
    );
}

#[test]
fn the_proxy_is_for_sts_beyond_loopback_and_shown_without_its_password() {
    let proxy = |endpoint| {
        let given = Given::variables([
            REGION,
            ("AWS_ENDPOINT_URL", endpoint),
            ("https_proxy", "me:canary@proxy:3128"),
            ("NO_PROXY", ".svc"),
        ]);
        given.loaded().config
    };
    assert_eq!(proxy("https://127.0.0.1:1").sts.proxy, None);
    let pool = r#"{"stsEndpoint":"http://127.0.0.1:1","profiles":{"default":{"cognito":
        {"identityPoolId":"eu-central-1:12345678-1234-1234-1234-123456789012"}}}}"#;
    let given = Given::variables([
        ("STSIDECAR_CONFIG_INLINE", pool),
        ("HTTPS_PROXY", "proxy:3128"),
        REGION,
    ]);
    assert!(
        !cfg!(feature = "cognito") || given.loaded().config.sts.proxy.is_some(),
        "the pool is beyond loopback"
    );
    let config = proxy("");
    let used = config.sts.proxy.as_ref().expect("a proxy");
    assert_eq!(
        (used.url.host(), used.no_proxy.as_str()),
        (Some("proxy"), ".svc")
    );
    let shown = config.describe().to_string();
    assert!(
        shown.contains("http://[redacted]@proxy:3128") && !shown.contains("canary"),
        "{shown}"
    );
}

proptest! {
    #[test]
    fn no_document_makes_the_configuration_panic(
        text in r#"((region|profiles|clients|default|webIdentity|chain|tags|policy|name|roleArn|[a-z{}\[\]&*!|>'"%@#-]{1,4})(: |:\n  |\n|, ){1,2}){0,12}"#,
        raw in any::<String>(),
    ) {
        for file in [text.as_str(), raw.as_str()] {
            drop(Given::file(file).load());
            drop(Given::variables([REGION, ("STSIDECAR_CONFIG_INLINE", file)]).load());
        }
    }
}
