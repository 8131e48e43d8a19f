//! The effective configuration as JSON, for one log line at start: everything that decides, nothing
//! secret.
//!
//! Owns what may be shown. Authorization tokens appear as present or not, every text as
//! `redact` has it, policies as their length; external ids are shown, since AWS does
//! not treat them as secret.

use serde_json::{Map, Value, json};

use super::{Client, Config, Shutdown};
use crate::assume::{Hop, Profile};
use crate::session::schedule::RefreshAt;
use crate::telemetry::Format;
use crate::{redact, sts};

pub(super) fn config(config: &Config) -> Value {
    let Config {
        profiles,
        clients,
        sts,
        refresh_at,
        listen,
        admin_listen,
        ..
    } = config;
    let Config {
        wait_for_credentials,
        state_dir,
        shutdown: Shutdown { grace, idle },
        log,
        file,
        ..
    } = config;
    shown_texts(json!({
        "profiles": profiles.iter().map(|profile| (profile.name.to_string(), steps(profile))).collect::<Map<_, _>>(),
        "clients": clients.iter().map(client).collect::<Vec<_>>(),
        "sts": reach(sts),
        "refreshAt": match refresh_at {
            RefreshAt::Fraction(fraction) => format!("{}%", (fraction * 10_000.0).round() / 100.0),
            RefreshAt::After(after) => humantime::format_duration(*after).to_string(),
        },
        "listen": listen.reachable(),
        "adminListen": admin_listen.address,
        "waitForCredentials": wait_for_credentials,
        "stateDir": state_dir,
        "shutdownGrace": humantime::format_duration(*grace).to_string(),
        "shutdownIdle": humantime::format_duration(*idle).to_string(),
        "logFormat": log.format.map(Format::as_str),
        "logLevel": log.filter.as_str(),
        "file": file.as_ref().map(|file| json!({ "path": file.path, "sha256": file.sha256 })),
    }))
}

/// Also a tag's value or an entry of `NO_PROXY` can be a URL with a password.
fn shown_texts(value: Value) -> Value {
    match value {
        Value::String(text) => redact::value(&text).into(),
        Value::Array(items) => items.into_iter().map(shown_texts).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, shown_texts(value)))
            .collect(),
        other => other,
    }
}

fn steps(profile: &Profile) -> Value {
    profile
        .steps
        .iter()
        .map(|step| described_step(step))
        .collect()
}

/// The parameters of one exchange under their keys in the configuration file: a policy is its
/// length, a file its path.
#[must_use]
pub fn described_step(step: &Hop) -> Value {
    let mut keys = without_nothing(json!(step));
    keys["operation"] = json!(step.operation());
    keys
}

/// Leaves out what is not there.
fn without_nothing(value: Value) -> Value {
    let is_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, without_nothing(value)))
            .filter(|(_, value)| !is_nothing(value))
            .collect(),
        other => other,
    }
}

fn client(client: &Client) -> Value {
    let Client {
        name,
        profile,
        token_file,
        authorization_token,
    } = client;
    json!({
        "name": name.as_str(),
        "profile": profile.as_str(),
        "tokenFile": token_file,
        "authorizationTokenGiven": authorization_token.is_some(),
    })
}

fn reach(settings: &sts::ClientSettings) -> Value {
    let sts::ClientSettings {
        region,
        endpoint,
        cognito_endpoint,
        fips,
        dualstack,
        ca_bundle,
        has_mounted_roots,
        timeout,
        proxy,
    } = settings;
    json!({
        "region": region,
        "endpoint": endpoint.as_ref().map(sts::Endpoint::url),
        "cognitoEndpoint": cognito_endpoint.as_ref().map(sts::Endpoint::url),
        "fips": fips,
        "dualstack": dualstack,
        "caBundle": ca_bundle,
        "mountedRoots": has_mounted_roots,
        "timeout": timeout.to_string(),
        "proxy": proxy.as_ref().map(|proxy| proxy.url.to_string()),
        "noProxy": proxy.as_ref().map(|proxy| &proxy.no_proxy),
    })
}
