//! URLs that hold a password or a query: taken or refused as a whole, and never shown.

use proptest::prelude::*;

use super::{Given, REGION};

/// Nothing that is printed may hold it.
const SECRET: &str = "hunter2canary";

/// Variables with values that are refused, and what is said of each.
const REFUSED: &[(&str, &str, &str)] = &[
    ("HTTPS_PROXY", "http://user:SECRET#1@proxy:3128", "%23"),
    ("HTTPS_PROXY", "http://user:SECRET/1@proxy:3128", "%2F"),
    ("HTTPS_PROXY", "http://user:SECRET?1@proxy:3128", "%3F"),
    ("HTTPS_PROXY", "http://user:SECRET 1@proxy:3128", "%20"),
    ("HTTPS_PROXY", "http://user:a@SECRET@proxy:3128", "%40"),
    ("HTTPS_PROXY", "user:SECRET#1@proxy:3128", "%23"),
    (
        "HTTPS_PROXY",
        "http://user:SECRET@proxy:3128/pac",
        "no path",
    ),
    (
        "HTTPS_PROXY",
        "http://user:SECRET@proxy:3128?a=b",
        "no path, query",
    ),
    (
        "HTTPS_PROXY",
        "http://proxy:3128/?token=SECRET",
        "no path, query",
    ),
    ("HTTPS_PROXY", "http://proxy:3128#SECRET", "no path, query"),
    ("https_proxy", "http://user:SECRET@proxy:99999", "port"),
    ("HTTPS_PROXY", "http://proxy:0", "port"),
    ("HTTPS_PROXY", "proxy:", "port"),
    ("HTTPS_PROXY", "http://user:SECRET", "port"),
    ("HTTPS_PROXY", "http://user:SECRET@", "such as http://proxy"),
    ("HTTPS_PROXY", "socks5://user:SECRET@proxy:1080", "SOCKS"),
    ("HTTPS_PROXY", "socks5h://proxy:1080", "SOCKS"),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://user:SECRET#1@sts.example.com",
        "in front of @",
    ),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://user:SECRET@sts.example.com",
        "in front of @",
    ),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://sts.example.com#@SECRET",
        "in front of @",
    ),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://sts.example.com/#SECRET",
        "fragment",
    ),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://sts.example.com/?token=SECRET",
        "query",
    ),
    (
        "AWS_ENDPOINT_URL_STS",
        "https://sts.example.com/?token=a@SECRET",
        "in front of @",
    ),
    (
        "AWS_ENDPOINT_URL",
        "sts.example.com/?token=SECRET",
        "looks like https://",
    ),
    ("AWS_ENDPOINT_URL", "https://sts.example.com:99999", "port"),
    ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:0", "port"),
    (
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
        "https://user:SECRET#1@pools.example.com",
        "in front of @",
    ),
    (
        "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
        "https://pools.example.com:99999",
        "port",
    ),
    ("HTTPS_PROXY", "proxy:3128/?\u{fffd}SECRET", "not UTF-8"),
    (
        "AWS_ENDPOINT_URL",
        "https://host#\u{fffd}SECRET",
        "not UTF-8",
    ),
    // Values that are meant for another setting.
    ("AWS_ROLE_ARN", "https://user:SECRET@host", "role"),
    (
        "AWS_CA_BUNDLE",
        "https://user:SECRET@host/ca.pem",
        "not a URL",
    ),
    (
        "AWS_CA_BUNDLE",
        "https://host/ca.pem?token=SECRET",
        "not a URL",
    ),
    (
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "file:///run/token",
        "not a URL",
    ),
    (
        "STSIDECAR_CONFIG",
        "https://user:SECRET@host/config.yaml",
        "not a URL",
    ),
    (
        "STSIDECAR_STATE_DIR",
        "https://user:SECRET@host/",
        "not a URL",
    ),
    ("STSIDECAR_REFRESH_AT", "https://host/?SECRET", "lifetime"),
    (
        "STSIDECAR_LISTEN",
        "http://user:SECRET@127.0.0.1:9911",
        "loopback",
    ),
];

#[test]
fn a_url_of_which_a_parser_would_drop_a_part_is_refused_by_its_name_and_not_shown() {
    for (name, value, said) in REFUSED {
        let value = value.replace("SECRET", SECRET);
        let error = Given::variables([REGION, (*name, &value)])
            .load()
            .expect_err(&value);
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(
            shown.starts_with(name) && shown.contains(said),
            "{value}: {shown}"
        );
        assert!(
            !shown.contains(SECRET) && !debug.contains(SECRET),
            "{value}: {shown} {debug}"
        );
    }
}

#[test]
fn a_proxy_with_a_password_of_any_characters_is_taken_when_they_are_encoded() {
    for (value, shown) in [
        (
            "http://user:pa%23ss%40%2F%3F@proxy.example.com:3128",
            "http://[redacted]@proxy.example.com:3128/",
        ),
        ("http://user@proxy:3128/", "http://[redacted]@proxy:3128/"),
        ("https://[fd00::1]:3128", "https://[fd00::1]:3128/"),
        (" proxy_1:3128\n", "http://proxy_1:3128/"),
    ] {
        let config = Given::variables([REGION, ("HTTPS_PROXY", value)])
            .loaded()
            .config;
        assert_eq!(config.describe()["sts"]["proxy"], shown, "{value}");
        assert!(!format!("{config:?}").contains("pa%23"), "{config:?}");
    }
}

#[test]
fn no_url_with_a_secret_is_in_the_logged_configuration_or_in_debug() {
    let file = "region: r\nprofiles: {default: {accessKey: {credentialsFile: /c}, chain: [{roleArn: \
                'arn:aws:iam::111122223333:role/a', tags: {hook: 'https://user:SECRET@host/', plain: 'x@y.example'}}]}}";
    let file = file.replace("SECRET", SECRET);
    let no_proxy = format!("10.0.0.0/8, http://user:{SECRET}@host");
    let mut given = Given::file(&file);
    given.variables.extend([
        ("HTTPS_PROXY", "proxy:3128"),
        ("NO_PROXY", no_proxy.as_str()),
    ]);
    let shown = given.loaded().config.describe();
    assert_eq!(
        shown["profiles"]["default"][0]["tags"]["hook"],
        "https://[redacted]@host/"
    );
    assert_eq!(
        shown["profiles"]["default"][0]["tags"]["plain"],
        "x@y.example"
    );
    assert!(!shown.to_string().contains(SECRET), "{shown}");
    let flags = crate::config::Flags::from([(
        "sts-endpoint",
        format!("https://user:{SECRET}@host").as_str(),
    )]);
    let debug = given.with(|sources| {
        let outer = crate::config::Sources {
            flags: &flags,
            ..*sources
        }
        .outer(&crate::config::setting::STS_ENDPOINT);
        format!("{flags:?} {outer:?}")
    });
    assert!(
        debug.contains("sts-endpoint") && !debug.contains(SECRET),
        "{debug}"
    );
}

#[test]
fn no_message_about_the_file_repeats_a_url_with_a_secret() {
    for file in [
        "stsEndpoint: 'https://user:SECRET#1@host'",
        "stsEndpoint: https://host/?token=SECRET",
        "stsEndpoint:https://user:SECRET@host",
        "stsEndpoint: [https://user:SECRET@host]",
        "stsEndpoint: !!int https://user:SECRET@host",
        "https://user:SECRET@host: 1",
        "? https://user:SECRET@host\n: 1",
        "allowInsecureSts: https://user:SECRET@host",
        "profiles: https://user:SECRET@host",
        "profiles: {'https://user:SECRET@host': {webIdentity: {}}}",
        "profiles: {default: {webIdentity: {}, chain: https://user:SECRET@host}}",
        "profiles: {default: {webIdentity: {roleArn: https://user:SECRET@host}}}",
        "profiles: {default: {webIdentity: {policyFile: https://user:SECRET@host/policy}}}",
        "profiles: {default: {webIdentity: {policyArns: [https://host/?SECRET]}}}",
        "profiles: {default: {cognito: {identityPoolId: https://user:SECRET@host}}}",
        "clients: [{name: https://user:SECRET@host}]",
        "clients: [{name: app, profile: https://user:SECRET@host}]",
        "clients: [{name: app, tokenFile: https://user:SECRET@host}]",
        "region: *https://user:SECRET@host",
        "region: 'https://user:SECRET@host",
        "%https://user:SECRET@host",
    ] {
        let file = file.replace("SECRET", SECRET);
        for (name, given) in [
            ("file", Given::file(&file)),
            (
                "inline",
                Given::variables([("STSIDECAR_CONFIG_INLINE", file.as_str())]),
            ),
        ] {
            let error = given.load().expect_err(&file);
            let (shown, debug) = (error.to_string(), format!("{error:?}"));
            assert!(
                !shown.contains(SECRET) && !debug.contains(SECRET),
                "{name} {file}: {shown} {debug}"
            );
        }
    }
}

proptest! {
    #[test]
    fn no_password_and_no_query_is_shown_whatever_the_parsers_make_of_it(
        around in r"[ -~]{0,6}",
        between in r"[ -~]{0,6}",
    ) {
        let secret = format!("{SECRET}{between}{SECRET}");
        for (name, value) in [
            ("HTTPS_PROXY", format!("http://user:{around}{secret}@proxy:3128")),
            ("HTTPS_PROXY", format!("user:{secret}{around}@proxy")),
            ("HTTPS_PROXY", format!("http://proxy:3128/{around}?{secret}")),
            ("AWS_ENDPOINT_URL_STS", format!("https://user:{around}{secret}@sts.example.com/path")),
            ("AWS_ENDPOINT_URL_STS", format!("https://sts.example.com/?{around}{secret}")),
            ("AWS_ENDPOINT_URL_STS", format!("https://sts.example.com#{secret}{around}")),
            ("AWS_ROLE_ARN", format!("https://user:{around}{secret}@host")),
        ] {
            let given = Given::variables([REGION, (name, &value)]);
            let shown = match given.load() {
                Ok(loaded) => format!("{:?} {}", loaded, loaded.config.describe()),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(SECRET), "{value}: {shown}");
        }
    }
}
