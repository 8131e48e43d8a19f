//! What decides whose credentials a profile has, as one text: its digest is kept beside saved credentials,
//! which another configuration never vends.
//!
//! Owns which values count and how each is written. The form is stored, so it has a version and depends on nothing
//! that may change for another reason: no `Debug`, no `Serialize` of a type, no text for people. Every pattern
//! names all fields, so a new parameter does not compile before it is decided whether it counts. How STS is
//! reached (a proxy, a CA bundle, time-outs) does not: the credentials are the same. `agent` and the
//! simulator call it.

use std::path::Path;

use serde_json::{Value, json};

use crate::assume::{
    AccessKeyFile, Cognito, DurationSetting, FederationToken, Mfa, MfaCode, Policy, Profile,
    ProvidedContext, Restriction, Role, Saml, SessionToken, Step, Tag, WebIdentity,
};
use crate::role::Region;
use crate::sts::{Endpoint, Settings};

/// Changes with every change of the form or of what a value means. What was saved under another one is then of
/// another configuration: such an agent asks STS at its start instead of vending what it saved.
const VERSION: u32 = 1;

/// The text. It may hold an external id; it is hashed, and never shown.
#[must_use]
pub fn fingerprint(profile: &Profile, sts: &Settings) -> String {
    let Settings {
        region,
        endpoint,
        cognito_endpoint,
        fips,
        dualstack,
        ca_bundle: _,
        has_mounted_roots: _,
        timeout: _,
        proxy: _,
    } = sts;
    let policy = |step: &Step| step.restriction()?.policy.as_ref().map(Policy::to_string);
    json!({
        "version": VERSION,
        "steps": profile.steps.iter().map(|one| step(one)).collect::<Vec<_>>(),
        "policies": profile.steps.iter().map(|one| policy(one)).collect::<Vec<_>>(),
        "region": region.as_ref().map(Region::as_str),
        "endpoint": endpoint.as_ref().map(Endpoint::url),
        "cognitoEndpoint": cognito_endpoint.as_ref().map(Endpoint::url),
        "fips": fips,
        "dualstack": dualstack,
    })
    .to_string()
}

/// One step, without the values that it does not have.
fn step(step: &Step) -> Value {
    let mut values = match step {
        Step::WebIdentity(step) => web_identity(step),
        Step::Saml(step) => saml(step),
        Step::SessionToken(step) => session_token(step),
        Step::FederationToken(step) => federation_token(step),
        Step::Cognito(step) => cognito(step),
        Step::Role(step) => role(step),
    };
    let is_there = |value: &Value| {
        let is_empty = value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(serde_json::Map::is_empty);
        !(value.is_null() || is_empty)
    };
    if let Some(values) = values.as_object_mut() {
        values.retain(|_, value| is_there(value));
    }
    values
}

fn web_identity(step: &WebIdentity) -> Value {
    let WebIdentity {
        role_arn,
        token_file,
        provider_id,
        session_name,
        duration: asked,
        restriction,
    } = step;
    let source = if provider_id.is_some() {
        "OAuth 2.0 access token"
    } else {
        "token"
    };
    json!({
        "operation": "AssumeRoleWithWebIdentity",
        "roleArn": text(role_arn.as_ref()),
        "sessionName": session_name.as_str(),
        "sessionDuration": duration(*asked),
        "source": source,
        "file": token_file,
        "providerId": text(provider_id.as_ref()),
        "policyCharacters": policy_characters(restriction),
        "policyArns": policy_arns(restriction),
    })
}

fn saml(step: &Saml) -> Value {
    let Saml {
        role_arn,
        principal_arn,
        assertion_file,
        duration: asked,
        restriction,
    } = step;
    json!({
        "operation": "AssumeRoleWithSAML",
        "roleArn": role_arn.as_str(),
        "sessionDuration": duration(*asked),
        "source": "SAML assertion",
        "file": assertion_file,
        "principalArn": principal_arn.as_str(),
        "policyCharacters": policy_characters(restriction),
        "policyArns": policy_arns(restriction),
    })
}

fn session_token(step: &SessionToken) -> Value {
    let SessionToken {
        keys,
        duration: asked,
        mfa,
    } = step;
    let (file, section) = key_file(keys);
    json!({
        "operation": "GetSessionToken",
        "sessionDuration": duration(DurationSetting::Fixed(*asked)),
        "source": "access key",
        "file": file,
        "profile": section,
        "mfa": mfa.as_ref().map(device),
    })
}

fn federation_token(step: &FederationToken) -> Value {
    let FederationToken {
        keys,
        name,
        duration: asked,
        restriction,
        tags: own,
    } = step;
    let (file, section) = key_file(keys);
    json!({
        "operation": "GetFederationToken",
        "sessionDuration": duration(DurationSetting::Fixed(*asked)),
        "source": "access key",
        "file": file,
        "profile": section,
        "name": name.as_str(),
        "tags": tags(own),
        "policyCharacters": policy_characters(restriction),
        "policyArns": policy_arns(restriction),
    })
}

fn cognito(step: &Cognito) -> Value {
    let Cognito {
        identity_pool_id,
        account_id,
        login,
        token_file,
        custom_role_arn,
    } = step;
    json!({
        "operation": "GetCredentialsForIdentity",
        "roleArn": text(custom_role_arn.as_ref()),
        "sessionDuration": "1h",
        "source": "token",
        "file": token_file,
        "identityPoolId": identity_pool_id.as_str(),
        "accountId": text(account_id.as_ref()),
        "login": text(login.as_ref()),
    })
}

fn role(step: &Role) -> Value {
    let Role {
        role_arn,
        keys,
        session_name,
        duration: asked,
        restriction,
        external_id,
        tags: own,
        transitive_tag_keys,
        source_identity,
        mfa,
        provided_contexts,
    } = step;
    let keys = keys.as_ref().map(key_file);
    json!({
        "operation": "AssumeRole",
        "roleArn": role_arn.as_str(),
        "sessionName": session_name.as_str(),
        "sessionDuration": duration(*asked),
        "source": keys.map(|_| "access key"),
        "file": keys.map(|(file, _)| file),
        "profile": keys.map(|(_, section)| section),
        "externalId": text(external_id.as_ref()),
        "tags": tags(own),
        "transitiveTagKeys": texts(transitive_tag_keys),
        "sourceIdentity": text(source_identity.as_ref()),
        "mfa": mfa.as_ref().map(device),
        "providedContexts": provided_contexts.iter().map(context).collect::<Vec<_>>(),
        "policyCharacters": policy_characters(restriction),
        "policyArns": policy_arns(restriction),
    })
}

/// Whose keys they are follows from the endpoint.
fn key_file(keys: &AccessKeyFile) -> (&Path, &str) {
    let AccessKeyFile {
        path,
        profile,
        server: _,
    } = keys;
    (path, profile)
}

fn duration(setting: DurationSetting) -> String {
    match setting {
        DurationSetting::Fixed(duration) => duration.to_string(),
        DurationSetting::Longest => "longest".to_owned(),
    }
}

/// Version 1 has them beside the policies themselves.
fn policy_characters(restriction: &Restriction) -> Option<usize> {
    let policy = restriction.policy.as_ref()?;
    Some(policy.as_str().chars().count())
}

fn policy_arns(restriction: &Restriction) -> Vec<String> {
    texts(&restriction.policy_arns)
}

fn tags(tags: &[Tag]) -> Value {
    let pairs = tags
        .iter()
        .map(|Tag { key, value }| (key.to_string(), json!(value)));
    Value::Object(pairs.collect())
}

fn device(mfa: &Mfa) -> Value {
    let Mfa {
        serial_number,
        code,
    } = mfa;
    let (key, file) = match code {
        MfaCode::Secret(file) => ("totpSecretFile", file),
        MfaCode::Code(file) => ("tokenCodeFile", file),
    };
    json!({ "serialNumber": serial_number.as_str(), key: file })
}

fn context(context: &ProvidedContext) -> Value {
    let ProvidedContext {
        provider_arn,
        assertion_file,
    } = context;
    json!({ "providerArn": provider_arn.as_str(), "contextAssertionFile": assertion_file })
}

fn text(value: Option<&impl ToString>) -> Option<String> {
    value.map(ToString::to_string)
}

fn texts(values: &[impl ToString]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests;
