//! Values and files as editors, `ConfigMaps` and other programs write them.

use super::{Given, REGION};

/// What Windows' editors and PowerShell put in front of UTF-8.
const BOM: &str = "\u{feff}";

#[test]
fn a_byte_order_mark_in_front_of_the_file_or_the_inline_document_is_ignored() {
    let file = format!("{BOM}region: r\nprofiles: {{default: {{webIdentity: {{}}}}}}");
    assert_eq!(super::region(&Given::file(&file)), "r");
    let inline = format!("{BOM}{{\"region\":\"r\"}}");
    assert_eq!(
        super::region(&Given::variables([("STSIDECAR_CONFIG_INLINE", &inline)])),
        "r"
    );
    assert!(
        Given::file(BOM).error().starts_with("region: not set"),
        "nothing is in it"
    );
}

#[test]
fn a_byte_order_mark_in_front_of_a_policy_is_ignored() {
    let file = "region: r\nprofiles: {default: {webIdentity: {policyFile: /policy.json}}}";
    let policy = format!("{BOM}{}", r#"{"Version":"2012-10-17","Statement":[]}"#);
    let read = |path: &std::path::Path| match path.to_str() {
        Some("/policy.json") => Ok(policy.clone().into_bytes()),
        _ => Ok(file.as_bytes().to_vec()),
    };
    let shown = Given::file(file).with(|sources| {
        let loaded = super::Config::load(&super::Sources {
            read: &read,
            ..*sources
        })
        .expect("a policy");
        loaded.config.describe()
    });
    assert_eq!(
        shown["profiles"]["default"][0]["policyCharacters"],
        policy.chars().count() - 1
    );
}

#[test]
fn a_file_in_utf_16_is_refused_by_that_name() {
    let read = |_: &std::path::Path| Ok(b"\xff\xfer\0e\0g\0i\0o\0n\0:\0r\0".to_vec());
    let error = Given::file("").with(|sources| {
        super::Config::load(&super::Sources {
            read: &read,
            ..*sources
        })
        .expect_err("not UTF-8")
        .to_string()
    });
    assert_eq!(error, "file.yaml: it is in UTF-16: save it as UTF-8");
}

/// `kubectl create secret --from-file` and `echo ... | base64` keep the line's end, and `envFrom`
/// hands it on.
#[test]
fn the_line_end_of_a_variable_is_no_part_of_its_value() {
    let role = "arn:aws:iam::111122223333:role/app";
    let plain = Given::variables([
        REGION,
        ("AWS_ROLE_ARN", role),
        ("STSIDECAR_REFRESH_AT", "30%"),
    ]);
    for end in ["\n", "\r\n", " ", "\t \n"] {
        let [region, role, at, path] =
            ["eu-central-1", role, "30%", "/token"].map(|value| format!(" {value}{end}"));
        let given = Given::variables([
            ("AWS_REGION", region.as_str()),
            ("AWS_ROLE_ARN", role.as_str()),
            ("STSIDECAR_REFRESH_AT", at.as_str()),
        ]);
        assert_eq!(
            given.loaded().config.describe(),
            plain.loaded().config.describe(),
            "{end:?}"
        );
        let given = Given::variables([REGION, ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str())]);
        let shown = given.loaded().config.describe().to_string();
        assert!(shown.contains("\"/token\""), "{shown}");
    }
    // Of a document the blanks in front are its indentation.
    let document = "  region: eu-central-1\n  refreshAt: 30%\n";
    let given = Given::variables([("STSIDECAR_CONFIG_INLINE", document)]);
    assert_eq!(given.loaded().config.describe()["refreshAt"], "30%");
}

/// botocore compares in lower case and takes anything else for false; Go, Rust and Java refuse
/// anything else than true and false in any case.
#[test]
fn booleans_are_true_and_false_in_any_case() {
    let is = |value: &str, key: &str, name: &str| {
        let given = Given::variables([REGION, (name, value)]);
        let shown = given.loaded().config.describe();
        shown["sts"][key]
            .as_bool()
            .or(shown[key].as_bool())
            .expect("a boolean")
    };
    for (value, meant) in [
        ("true", true),
        ("True", true),
        ("TRUE", true),
        ("tRuE\n", true),
        ("false", false),
        ("False", false),
    ] {
        assert_eq!(is(value, "fips", "AWS_USE_FIPS_ENDPOINT"), meant, "{value}");
        assert_eq!(
            is(value, "dualstack", "AWS_USE_DUALSTACK_ENDPOINT"),
            meant,
            "{value}"
        );
        assert_eq!(
            is(
                value,
                "waitForCredentials",
                "STSIDECAR_WAIT_FOR_CREDENTIALS"
            ),
            meant,
            "{value}"
        );
    }
}

#[test]
fn what_some_sdks_take_for_a_boolean_is_refused_and_a_flag_or_a_key_is_read_alike() {
    for value in ["yes", "1", "on", "t", "truee", "0", "no", " "] {
        for name in [
            "AWS_USE_FIPS_ENDPOINT",
            "AWS_USE_DUALSTACK_ENDPOINT",
            "STSIDECAR_ALLOW_INSECURE_STS",
        ] {
            let error = Given::variables([REGION, (name, value)]).error();
            assert_eq!(
                error,
                format!("{name}: {value:?} is not accepted: true or false, in any case")
            );
        }
    }
    let mut given = Given::variables([REGION]);
    given.flags.set("wait-for-credentials", "False".to_owned());
    assert!(!given.loaded().config.wait_for_credentials);
    for value in ["True", "TRUE", "true"] {
        let file = format!("region: r\nallowInsecureSts: {value}\nstsEndpoint: http://sts.svc");
        assert_eq!(
            Given::file(&file).loaded().config.describe()["sts"]["endpoint"],
            "http://sts.svc/"
        );
    }
}
