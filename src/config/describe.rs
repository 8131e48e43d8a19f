//! The effective configuration as JSON, for one log line at start: everything that decides, nothing secret.
//!
//! Owns what may be shown. Authorization tokens appear as present or not, URLs without user and password,
//! policies as their length; external ids are shown, since AWS does not treat them as secret.

use serde_json::{Map, Value, json};

use super::error::without_userinfo;
use super::{Client, Config, Shutdown};
use crate::assume::{
    Cognito, DurationSetting, FederationToken, MfaCode, Profile, ProvidedContext, Restriction, Role, Saml,
    SessionNameTemplate, Step, Tag, WebIdentity,
};
use crate::material::Form;
use crate::session::schedule::RefreshAt;
use crate::sts;
use crate::telemetry::Format;

pub(super) fn config(config: &Config) -> Value {
    let Config { profiles, clients, sts, refresh_at, listen, admin_listen, .. } = config;
    let Config { wait_for_credentials, state_dir, shutdown: Shutdown { grace, idle }, log, .. } = config;
    json!({
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
    })
}

fn steps(profile: &Profile) -> Value {
    profile.steps.iter().map(|step| step_value(step)).collect()
}

/// Each value under its key in the configuration file; what is not there is left out.
fn step_value(step: &Step) -> Value {
    let mut shown = Map::new();
    let mut show = |key: &str, value: Value| {
        if !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)) {
            shown.insert(key.to_owned(), value);
        }
    };
    show("operation", json!(step.operation()));
    show("roleArn", json!(step.role_arn()));
    show("sessionName", json!(step.session_name().map(SessionNameTemplate::as_str)));
    show(
        "sessionDuration",
        json!(match step.duration() {
            DurationSetting::Fixed(duration) => duration.to_string(),
            DurationSetting::Longest => "longest".to_owned(),
        }),
    );
    if let Some((path, form)) = step.source_file() {
        show("source", json!(form.to_string()));
        show("file", json!(path));
        if let Form::AccessKey { profile } = form {
            show("profile", json!(profile));
        }
    }
    match step {
        Step::WebIdentity(WebIdentity { provider_id, .. }) => show("providerId", text(provider_id.as_ref())),
        Step::Saml(Saml { principal_arn, .. }) => show("principalArn", text(Some(principal_arn))),
        Step::FederationToken(FederationToken { name, tags: own, .. }) => {
            show("name", text(Some(name)));
            show("tags", tags(own));
        }
        Step::Cognito(Cognito { identity_pool_id, account_id, login, .. }) => {
            show("identityPoolId", text(Some(identity_pool_id)));
            show("accountId", text(account_id.as_ref()));
            show("login", text(login.as_ref()));
        }
        Step::Role(Role { external_id, tags: own, transitive_tag_keys, source_identity, .. }) => {
            show("externalId", text(external_id.as_ref()));
            show("tags", tags(own));
            show("transitiveTagKeys", transitive_tag_keys.iter().map(|key| json!(key.as_str())).collect());
            show("sourceIdentity", text(source_identity.as_ref()));
        }
        Step::SessionToken(_) => {}
    }
    if let Some(Restriction { policy, policy_arns }) = step.restriction() {
        show("policyCharacters", json!(policy.as_ref().map(|policy| policy.as_str().chars().count())));
        show("policyArns", policy_arns.iter().map(|arn| json!(arn.as_str())).collect());
    }
    show(
        "mfa",
        step.mfa().map_or(Value::Null, |mfa| {
            let (key, file) = match &mfa.code {
                MfaCode::Secret(file) => ("totpSecretFile", file),
                MfaCode::Code(file) => ("tokenCodeFile", file),
            };
            json!({ "serialNumber": mfa.serial_number.as_str(), key: file })
        }),
    );
    let context = |context: &ProvidedContext| json!({ "providerArn": context.provider_arn.as_str(), "contextAssertionFile": context.assertion_file });
    show("providedContexts", step.contexts().iter().map(context).collect());
    Value::Object(shown)
}

fn text(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

fn tags(tags: &[Tag]) -> Value {
    let pairs = tags.iter().map(|tag| (tag.key.to_string(), json!(tag.value)));
    if tags.is_empty() { Value::Null } else { Value::Object(pairs.collect()) }
}

fn client(client: &Client) -> Value {
    let Client { name, profile, token_file, authorization_token } = client;
    json!({
        "name": name.as_str(),
        "profile": profile.as_str(),
        "tokenFile": token_file,
        "authorizationTokenGiven": authorization_token.is_some(),
    })
}

fn reach(settings: &sts::Settings) -> Value {
    let sts::Settings { region, endpoint, cognito_endpoint, fips, dualstack, ca_bundle, proxy } = settings;
    json!({
        "region": region,
        "endpoint": endpoint.as_ref().map(sts::Endpoint::url),
        "cognitoEndpoint": cognito_endpoint.as_ref().map(sts::Endpoint::url),
        "fips": fips,
        "dualstack": dualstack,
        "caBundle": ca_bundle,
        "proxy": proxy.as_ref().map(|proxy| without_userinfo(&proxy.url.to_string())),
        "noProxy": proxy.as_ref().map(|proxy| &proxy.no_proxy),
    })
}
