//! Variables that were meant to be settings, and those of others that only look like it.

use super::*;

/// The warnings of the configuration when these variables are set, besides the region.
fn warned(names: &[&str]) -> Vec<String> {
    let variables: Vec<_> = names
        .iter()
        .map(|name| (*name, "canary"))
        .chain([("AWS_REGION", "eu-central-1")])
        .collect();
    let Outcome { stdout, .. } = outcome(&["check", "--offline", "-o", "json"], &variables);
    assert!(!stdout.contains("canary"), "{stdout}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let checks = report["checks"].as_array().expect("checks").iter();
    let warnings =
        checks.filter(|check| check["name"] == "configuration" && check["result"] == "warning");
    warnings
        .map(|check| check["message"].as_str().expect("a text").to_owned())
        .collect()
}

#[test]
fn a_mistyped_variable_is_warned_of_once_with_the_name_that_was_meant() {
    for (typo, right) in [
        ("STSIDECAR_REFRSH_AT", "STSIDECAR_REFRESH_AT"),
        ("STSIDECAR_REFRESHAT", "STSIDECAR_REFRESH_AT"),
        ("stsidecar_refresh_at", "STSIDECAR_REFRESH_AT"),
        ("STSIDECAR-REFRESH-AT", "STSIDECAR_REFRESH_AT"),
        ("STSIDECR_REFRESH_AT", "STSIDECAR_REFRESH_AT"),
        ("STS_SIDECAR_REFRESH_AT", "STSIDECAR_REFRESH_AT"),
        ("STSIDECAR_SESION_DURATION", "STSIDECAR_SESSION_DURATION"),
        ("STSIDECAR_STATEDIR", "STSIDECAR_STATE_DIR"),
        ("STSIDECAR_CONFIG_INLIN", "STSIDECAR_CONFIG_INLINE"),
        ("STSIDECAR_LISTN", "STSIDECAR_LISTEN"),
        ("STSIDECAR_ALLOW_INSECURE", "STSIDECAR_ALLOW_INSECURE_STS"),
        ("STSIDECAR_CONFIG_FILE", "STSIDECAR_CONFIG"),
        ("STSIDECAR_CONFIG_PATH", "STSIDECAR_CONFIG"),
        ("STSIDECAR_LISTEN_ADDRESS", "STSIDECAR_LISTEN"),
        ("STSIDECAR_STS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"),
        // Settings whose variables have the SDKs' names.
        ("STSIDECAR_REGION", "AWS_REGION"),
        ("STSIDECAR_ROLE_ARN", "AWS_ROLE_ARN"),
        ("STSIDECAR_STS_ENDPOINT", "AWS_ENDPOINT_URL_STS"),
        (
            "STSIDECAR_WEB_IDENTITY_TOKEN_FILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        ("AWS_REGOIN", "AWS_REGION"),
        ("AWS_ROLE_ANR", "AWS_ROLE_ARN"),
        ("aws_role_arn", "AWS_ROLE_ARN"),
        ("AWS_USE_FIPS_ENDPONT", "AWS_USE_FIPS_ENDPOINT"),
        ("AWS_CA_BUNDEL", "AWS_CA_BUNDLE"),
    ] {
        let said =
            format!("{typo} is ignored: no setting has this variable; did you mean {right}?");
        assert_eq!(warned(&[typo]), [said]);
    }
    assert_eq!(
        warned(&["STSIDECAR_REFRSH_AT", "AWS_REGOIN", "HOME"]).len(),
        2,
        "one for each"
    );
}

/// What the kubelet sets for Services whose names look like our variables
/// (<https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>).
fn of_services() -> Vec<String> {
    let mut names = Vec::new();
    for service in [
        "STSIDECAR",
        "STSIDECAR_INJECTOR",
        "STSIDECAR_LISTEN",
        "STSIDECAR_REFRSH_AT",
        "STSIDECR",
        "AWS_REGIO",
    ] {
        let of = |rest: &str| format!("{service}_{rest}");
        let plain = [
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_METRICS",
            "SERVICE_PORT_CONFIG",
        ];
        names.extend(plain.map(of));
        names.push(of("PORT"));
        for protocol in ["9911_TCP", "9911_UDP", "443_SCTP"] {
            let of = |rest: &str| of(&format!("PORT_{protocol}{rest}"));
            names.extend(["", "_PROTO", "_PORT", "_ADDR"].map(of));
        }
    }
    names
}

const OF_OTHERS: [&str; 20] = [
    "STSIDECAR",
    "STSIDECAR_",
    "STSIDECAR_IMAGE",
    "STSIDECAR_VERSION",
    "STSIDECAR_COLOUR",
    "STSIDECAR_INJECT",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SES",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_SDK_UA_APP_ID",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_ROLE_SESSION_TOKEN",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
];

#[test]
fn what_kubernetes_and_others_set_is_not_warned_of() {
    let names = of_services();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(OF_OTHERS).collect();
    assert_eq!(warned(&names), [""; 0]);
}
