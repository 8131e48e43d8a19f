//! The configuration file: its shape, read from YAML or JSON with every unknown key refused.
//!
//! Owns the document's types and its JSON schema; values are still text here, `config` parses them with the
//! path of their key. Sources that this version does not have are [`NotYet`]: giving one of them a type of
//! its own, and an arm in `profile.rs`, is all it takes to add it.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::Error;
use crate::credentials::Secret;

/// The whole document.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, schemars(title = "Configuration of stsidecar"))]
pub struct Document {
    /// Selects the STS endpoint and signs the hops of a chain.
    pub region: Option<String>,
    /// An STS instead of the region's own.
    pub sts_endpoint: Option<String>,
    /// Let the token travel in plain text to an http:// STS beyond loopback.
    pub allow_insecure_sts: Option<bool>,
    /// With false, the startup probe passes before the first credentials.
    pub wait_for_credentials: Option<bool>,
    /// Address of the credentials endpoint, loopback only.
    pub listen: Option<String>,
    /// Address of health, metrics and status.
    pub admin_listen: Option<String>,
    /// A memory-backed directory in which the last good credentials survive a crash.
    pub state_dir: Option<String>,
    /// 1% to 90% of the lifetime, or a duration of at least 1s.
    pub refresh_at: Option<String>,
    /// The longest time between SIGTERM and the end.
    pub shutdown_grace: Option<String>,
    /// After SIGTERM, end when no request came for this long.
    pub shutdown_idle: Option<String>,
    /// json or text.
    pub log_format: Option<String>,
    /// off, error, warn, info, debug or trace, also by target.
    pub log_level: Option<String>,
    /// The identities, by name; at most 16.
    pub profiles: Option<BTreeMap<String, Profile>>,
    /// Who gets which profile; without it, each profile is a client of its own name.
    pub clients: Option<Vec<Client>>,
}

/// One identity: exactly one source, and the hops behind it.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// The pod's token against a role session.
    pub web_identity: Option<WebIdentity>,
    /// `AssumeRoleWithSAML`.
    #[cfg_attr(test, schemars(skip))]
    pub saml: Option<NotYet>,
    /// `GetSessionToken`.
    #[cfg_attr(test, schemars(skip))]
    pub session_token: Option<NotYet>,
    /// `GetFederationToken`.
    #[cfg_attr(test, schemars(skip))]
    pub federation_token: Option<NotYet>,
    /// Long-term keys.
    #[cfg_attr(test, schemars(skip))]
    pub access_key: Option<NotYet>,
    /// An Amazon Cognito identity pool.
    #[cfg_attr(test, schemars(skip))]
    pub cognito: Option<NotYet>,
    /// `AssumeRole` hops, each signed with the credentials of the one before.
    #[serde(default)]
    pub chain: Vec<Hop>,
}

/// `AssumeRoleWithWebIdentity`.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebIdentity {
    /// The role to assume; some STS servers derive it from the token.
    pub role_arn: Option<String>,
    /// The projected service account token.
    pub token_file: Option<String>,
    /// May hold {namespace} and {pod}.
    pub session_name: Option<String>,
    /// 15m to 12h, or longest.
    pub session_duration: Option<String>,
    /// A session policy: an object, or its JSON text.
    pub policy: Option<Value>,
    /// A file with the session policy's JSON.
    pub policy_file: Option<String>,
    /// At most ten managed policies.
    #[serde(default)]
    pub policy_arns: Vec<String>,
}

/// `AssumeRole`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hop {
    /// The role to assume.
    pub role_arn: String,
    /// May hold {namespace} and {pod}.
    pub session_name: Option<String>,
    /// 15m to 1h: STS allows no more behind a role session.
    pub session_duration: Option<String>,
    /// A session policy: an object, or its JSON text.
    pub policy: Option<Value>,
    /// A file with the session policy's JSON.
    pub policy_file: Option<String>,
    /// At most ten managed policies.
    #[serde(default)]
    pub policy_arns: Vec<String>,
    /// What the role's trust policy demands of third parties.
    pub external_id: Option<String>,
    /// Session tags, at most 50.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Those of the tags that later hops inherit.
    #[serde(default)]
    pub transitive_tag_keys: Vec<String>,
    /// Fixed for the whole chain behind this hop.
    pub source_identity: Option<String>,
    /// A one-time password.
    #[cfg_attr(test, schemars(skip))]
    pub mfa: Option<NotYet>,
    /// Context assertions of trusted identity propagation.
    #[cfg_attr(test, schemars(skip))]
    pub provided_contexts: Option<NotYet>,
}

/// One container that asks for credentials.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// Usually the container's name.
    pub name: String,
    /// Without it: the profile of the same name, else default.
    pub profile: Option<String>,
    /// Without it: /var/run/secrets/stsidecar.dev/endpoints/NAME/token.
    pub token_file: Option<String>,
    /// The token to write into that file; without it a random one.
    #[serde(default, deserialize_with = "secret")]
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    pub authorization_token: Option<Secret>,
}

/// A part of the document that this version does not have; any content is taken, and refused by name.
#[derive(Clone, Debug)]
pub struct NotYet;

impl<'de> Deserialize<'de> for NotYet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Reads a secret so that no error of the parser can repeat it.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(Some(Secret::new(text))),
        Value::Null => Ok(None),
        _ => Err(serde::de::Error::custom("authorizationToken must be a text in quotes")),
    }
}

/// The parser's message without the secret of `authorizationToken:secret`, which is all a key without its blank.
fn without_token(message: &str) -> String {
    let Some((before, after)) = message.split_once("`authorizationToken") else { return message.to_owned() };
    let (glued, rest) = after.split_once('`').unwrap_or((after, ""));
    let hidden = if glued.is_empty() { "" } else { "[redacted]" };
    format!("{before}`authorizationToken{hidden}`{rest}")
}

/// The longest document that is read.
const LONGEST: usize = 1 << 20;

impl Document {
    /// Reads YAML, and with it JSON; `origin` names the file or the variable in errors, which tell line and column.
    ///
    /// # Errors
    /// When it is not YAML, holds an unknown key, or a value of the wrong kind.
    pub fn read(origin: &str, content: &[u8]) -> Result<Self, Error> {
        if content.len() > LONGEST {
            return Err(Error::setting(origin, "longer than 1 MiB"));
        }
        let text = std::str::from_utf8(content).map_err(|_| Error::setting(origin, "it is not UTF-8"))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        // Snippets would repeat lines of the file, and one of them may hold an authorization token.
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        let read = serde_saphyr::from_str_with_options::<Option<Self>>(text, options);
        read.map(Option::unwrap_or_default).map_err(|error| {
            let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
            Error::setting(origin, without_token(&message))
        })
    }

    /// The value of a top-level key that is also a flag.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        match key {
            "region" => self.region.clone(),
            "stsEndpoint" => self.sts_endpoint.clone(),
            "allowInsecureSts" => self.allow_insecure_sts.map(|set| set.to_string()),
            "waitForCredentials" => self.wait_for_credentials.map(|set| set.to_string()),
            "listen" => self.listen.clone(),
            "adminListen" => self.admin_listen.clone(),
            "stateDir" => self.state_dir.clone(),
            "refreshAt" => self.refresh_at.clone(),
            "shutdownGrace" => self.shutdown_grace.clone(),
            "shutdownIdle" => self.shutdown_idle.clone(),
            "logFormat" => self.log_format.clone(),
            "logLevel" => self.log_level.clone(),
            _ => None,
        }
    }

    /// Whether it holds nothing but `clients`, which may stand beside a file.
    #[must_use]
    pub fn is_only_clients(&self) -> bool {
        let settings = super::setting::SETTINGS.iter().filter_map(|setting| setting.key);
        self.profiles.is_none() && settings.into_iter().all(|key| self.text(key).is_none())
    }
}

/// The JSON schema of the document: text that is checked in, and compared with the types by this module's tests.
pub const SCHEMA: &str = include_str!("../../docs/configuration.schema.json");

#[cfg(test)]
mod tests;
