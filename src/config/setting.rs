//! The table of settings: each one's flag, variables, key in the file, default and meaning.
//!
//! Owns the names, which are a contract; the flags of the command line are made from it and the README's
//! table is compared with it. It reads nothing: `environment` looks values up, `config` parses them.

use crate::assume::{SessionNameTemplate, TokenFile};

/// One setting of `run`.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Without the dashes.
    pub flag: &'static str,
    /// In order: the first one set wins.
    pub variables: &'static [&'static str],
    /// The top-level key of the configuration file.
    pub key: Option<&'static str>,
    /// What it is when nothing sets it; a text the setting itself would accept.
    pub default: Option<&'static str>,
    /// The value's name in the help.
    pub placeholder: &'static str,
    /// What it does.
    pub help: &'static str,
}

impl Setting {
    /// Whether the flag alone means `true`.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        self.placeholder == "BOOL"
    }
}

/// A variable without a flag.
#[derive(Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its names; the first one set wins.
    pub names: &'static [&'static str],
    /// What it does.
    pub help: &'static str,
}

macro_rules! settings {
    ($($name:ident = $flag:literal $variables:expr, $key:expr, $default:expr, $placeholder:literal, $help:literal;)*) => {
        $(#[doc = concat!("The setting of `--", $flag, "`; its help text says what it means.")]
        pub const $name: Setting = Setting {
            flag: $flag,
            variables: &$variables,
            key: $key,
            default: $default,
            placeholder: $placeholder,
            help: $help,
        };)*

        /// Every setting, in the order of the help.
        pub const SETTINGS: &[&Setting] = &[$(&$name),*];
    };
}

settings! {
    ROLE_ARN = "role-arn" ["AWS_ROLE_ARN"], None, None, "ARN",
        "The role to assume; some STS servers derive it from the token";
    WEB_IDENTITY_TOKEN_FILE = "web-identity-token-file" ["AWS_WEB_IDENTITY_TOKEN_FILE"], None,
        Some(TokenFile::DEFAULT), "FILE",
        "The projected service account token, rotated by the kubelet";
    ROLE_SESSION_NAME = "role-session-name" ["AWS_ROLE_SESSION_NAME"], None, Some(SessionNameTemplate::DEFAULT), "NAME",
        "The session's name in CloudTrail; the placeholders are filled from the token's claims";
    SESSION_DURATION = "session-duration" ["STSIDECAR_SESSION_DURATION"], None, Some("1h"), "DURATION",
        "15m to 12h, or longest: 1h at first, then whatever the role allows";
    REGION = "region" ["AWS_REGION", "AWS_DEFAULT_REGION"], Some("region"), None, "REGION",
        "Selects AWS's STS endpoint and scopes signatures; a name of any kind where the STS is not AWS's";
    STS_ENDPOINT = "sts-endpoint" ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"], Some("stsEndpoint"), None, "URL",
        "An STS instead of the region's own; http:// only to loopback";
    ALLOW_INSECURE_STS = "allow-insecure-sts" ["STSIDECAR_ALLOW_INSECURE_STS"], Some("allowInsecureSts"),
        Some("false"), "BOOL", "Let the token travel in plain text to an http:// STS beyond loopback";
    STS_TIMEOUT = "sts-timeout" ["STSIDECAR_STS_TIMEOUT"], Some("stsTimeout"), Some("3s"), "DURATION",
        "1s to 30s: the longest call of STS, proxy and TLS included; TCP has 1s for each address";
    WAIT_FOR_CREDENTIALS = "wait-for-credentials" ["STSIDECAR_WAIT_FOR_CREDENTIALS"], Some("waitForCredentials"),
        Some("true"), "BOOL", "With false, the startup probe passes once token files are written and ports are bound";
    LISTEN = "listen" ["STSIDECAR_LISTEN"], Some("listen"), Some("localhost:9911"), "ADDRESS",
        "Credentials endpoint, loopback only; localhost means 127.0.0.1, and [::1] when it exists";
    ADMIN_LISTEN = "admin-listen" ["STSIDECAR_ADMIN_LISTEN"], Some("adminListen"), Some("[::]:9912"), "ADDRESS",
        "Health, metrics and status; [::] falls back to 0.0.0.0 without IPv6";
    AUTHORIZATION_TOKEN_FILE = "authorization-token-file" ["STSIDECAR_AUTHORIZATION_TOKEN_FILE"], None,
        Some("/var/run/secrets/stsidecar.dev/endpoints/default/token"), "FILE",
        "The token that clients present; created when missing, kept when valid";
    STATE_DIR = "state-dir" ["STSIDECAR_STATE_DIR"], Some("stateDir"), None, "DIR",
        "A memory-backed directory in which the last good credentials survive a crash";
    REFRESH_AT = "refresh-at" ["STSIDECAR_REFRESH_AT"], Some("refreshAt"), Some("20%"), "POINT",
        "When to refresh: 1% to 90% of the lifetime, or a duration of at least 1s";
    SHUTDOWN_GRACE = "shutdown-grace" ["STSIDECAR_SHUTDOWN_GRACE"], Some("shutdownGrace"), Some("25s"), "DURATION",
        "The longest time between SIGTERM and the end";
    SHUTDOWN_IDLE = "shutdown-idle" ["STSIDECAR_SHUTDOWN_IDLE"], Some("shutdownIdle"), Some("500ms"), "DURATION",
        "After SIGTERM, end when no request came for this long; an ordinary container sets it to the grace";
    CONFIG = "config" ["STSIDECAR_CONFIG"], None, None, "FILE",
        "A YAML file with profiles, chains and clients; STSIDECAR_CONFIG_INLINE holds the same as JSON";
    LOG_FORMAT = "log-format" ["STSIDECAR_LOG_FORMAT"], Some("logFormat"), None, "FORMAT",
        "json or text; json unless stderr is a terminal";
    LOG_LEVEL = "log-level" ["RUST_LOG", "STSIDECAR_LOG_LEVEL"], Some("logLevel"), Some("info"), "FILTER",
        "off, error, warn, info, debug or trace, also by target: info,stsidecar=debug";
}

/// The configuration file's content as JSON, handed over by the injector.
pub const CONFIG_INLINE: Variable = Variable {
    names: &["STSIDECAR_CONFIG_INLINE"],
    help: "The document of --config, as JSON",
};
/// What the injector decided by.
pub const SETTINGS_HASH: Variable = Variable {
    names: &["STSIDECAR_SETTINGS_HASH"],
    help: "Shown by status: the hash of what the injector decided by, which it writes (docs/annotations.md)",
};
/// Where identity pools are, instead of at AWS.
pub const COGNITO_ENDPOINT: Variable = Variable {
    names: &["AWS_ENDPOINT_URL_COGNITO_IDENTITY"],
    help: "A Cognito instead of the pool's region's own; http:// only to loopback",
};
/// AWS's FIPS 140 endpoints.
pub const USE_FIPS: Variable = Variable {
    names: &["AWS_USE_FIPS_ENDPOINT"],
    help: "true: the region's FIPS endpoint",
};
/// AWS's endpoints that have IPv6 addresses.
pub const USE_DUALSTACK: Variable = Variable {
    names: &["AWS_USE_DUALSTACK_ENDPOINT"],
    help: "true: the region's dual-stack endpoint",
};
/// Certificates that replace the system's.
pub const CA_BUNDLE: Variable = Variable {
    names: &["AWS_CA_BUNDLE"],
    help: "A PEM file with the certificates that STS is checked against, followed when it is replaced",
};
/// The system's certificates, where they are not the image's.
pub const SYSTEM_ROOTS: Variable = Variable {
    names: &["SSL_CERT_FILE", "SSL_CERT_DIR"],
    help: "The system's certificates, without AWS_CA_BUNDLE: a PEM file, a directory of such files",
};
/// The proxy to STS.
pub const HTTPS_PROXY: Variable = Variable {
    names: &["HTTPS_PROXY", "https_proxy"],
    help: "The proxy to STS; never used for loopback",
};
/// Who is reached without it.
pub const NO_PROXY: Variable = Variable {
    names: &["NO_PROXY", "no_proxy"],
    help: "Hosts, suffixes and networks reached without the proxy",
};

/// Every variable without a flag.
pub const VARIABLES: &[&Variable] = &[
    &CONFIG_INLINE,
    &SETTINGS_HASH,
    &COGNITO_ENDPOINT,
    &USE_FIPS,
    &USE_DUALSTACK,
    &CA_BUNDLE,
    &SYSTEM_ROOTS,
    &HTTPS_PROXY,
    &NO_PROXY,
];

/// Settings of one profile: a configuration that lists profiles sets them there, and nowhere else.
pub const OF_ONE_PROFILE: [&Setting; 5] = [
    &ROLE_ARN,
    &WEB_IDENTITY_TOKEN_FILE,
    &ROLE_SESSION_NAME,
    &SESSION_DURATION,
    &AUTHORIZATION_TOKEN_FILE,
];
