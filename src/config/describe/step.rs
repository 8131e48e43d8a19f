//! One exchange with STS as it is configured, each value under its key in the configuration file.
//!
//! Owns what of a step may be shown. A policy is its length, a file its path; no file is read. What is not there
//! is left out. Called by `describe`.

use serde_json::{Map, Value, json};

use crate::assume::{
    Cognito, DurationSetting, FederationToken, Mfa, MfaCode, ProvidedContext, Restriction, Role,
    Saml, SessionNameTemplate, Step, Tag, WebIdentity,
};
use crate::material::Form;

/// The keys of one step.
#[derive(Default)]
struct Shown(Map<String, Value>);

impl Shown {
    fn show(&mut self, key: &str, value: Value) {
        if !(value.is_null() || value.as_array().is_some_and(Vec::is_empty)) {
            self.0.insert(key.to_owned(), value);
        }
    }
}

/// One step, each value under its key.
#[must_use]
pub fn described_step(step: &Step) -> Value {
    let mut shown = Shown::default();
    session(step, &mut shown);
    source(step, &mut shown);
    own(step, &mut shown);
    if let Some(Restriction {
        policy,
        policy_arns,
    }) = step.restriction()
    {
        shown.show(
            "policyCharacters",
            json!(
                policy
                    .as_ref()
                    .map(|policy| policy.as_str().chars().count())
            ),
        );
        shown.show(
            "policyArns",
            policy_arns.iter().map(|arn| json!(arn.as_str())).collect(),
        );
    }
    shown.show("mfa", step.mfa().map_or(Value::Null, device));
    shown.show(
        "providedContexts",
        step.contexts().iter().map(context).collect(),
    );
    Value::Object(shown.0)
}

fn session(step: &Step, shown: &mut Shown) {
    shown.show("operation", json!(step.operation()));
    shown.show("roleArn", json!(step.role_arn()));
    shown.show(
        "sessionName",
        json!(step.session_name().map(SessionNameTemplate::as_str)),
    );
    let duration = match step.duration() {
        DurationSetting::Fixed(duration) => duration.to_string(),
        DurationSetting::Longest => "longest".to_owned(),
    };
    shown.show("sessionDuration", json!(duration));
}

fn source(step: &Step, shown: &mut Shown) {
    let Some((path, form)) = step.source_file() else {
        return;
    };
    shown.show("source", json!(form.to_string()));
    shown.show("file", json!(path));
    if let Form::AccessKey { profile, .. } = form {
        shown.show("profile", json!(profile));
    }
}

/// What only one operation has.
fn own(step: &Step, shown: &mut Shown) {
    match step {
        Step::WebIdentity(WebIdentity { provider_id, .. }) => {
            shown.show("providerId", text(provider_id.as_ref()));
        }
        Step::Saml(Saml { principal_arn, .. }) => {
            shown.show("principalArn", text(Some(principal_arn)));
        }
        Step::FederationToken(FederationToken {
            name, tags: own, ..
        }) => {
            shown.show("name", text(Some(name)));
            shown.show("tags", tags(own));
        }
        Step::Cognito(Cognito {
            identity_pool_id,
            account_id,
            login,
            ..
        }) => {
            shown.show("identityPoolId", text(Some(identity_pool_id)));
            shown.show("accountId", text(account_id.as_ref()));
            shown.show("login", text(login.as_ref()));
        }
        Step::Role(Role {
            external_id,
            tags: own,
            transitive_tag_keys,
            source_identity,
            ..
        }) => {
            shown.show("externalId", text(external_id.as_ref()));
            shown.show("tags", tags(own));
            shown.show(
                "transitiveTagKeys",
                transitive_tag_keys
                    .iter()
                    .map(|key| json!(key.as_str()))
                    .collect(),
            );
            shown.show("sourceIdentity", text(source_identity.as_ref()));
        }
        Step::SessionToken(_) => {}
    }
}

fn device(mfa: &Mfa) -> Value {
    let (key, file) = match &mfa.code {
        MfaCode::Secret(file) => ("totpSecretFile", file),
        MfaCode::Code(file) => ("tokenCodeFile", file),
    };
    json!({ "serialNumber": mfa.serial_number.as_str(), key: file })
}

fn context(context: &ProvidedContext) -> Value {
    json!({ "providerArn": context.provider_arn.as_str(), "contextAssertionFile": context.assertion_file })
}

fn text(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

fn tags(tags: &[Tag]) -> Value {
    let pairs = tags
        .iter()
        .map(|tag| (tag.key.to_string(), json!(tag.value)));
    if tags.is_empty() {
        Value::Null
    } else {
        Value::Object(pairs.collect())
    }
}
