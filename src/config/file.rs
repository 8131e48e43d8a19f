//! The configuration file: its shape, read from YAML or JSON with every unknown key refused.
//!
//! Owns the document's keys and its JSON schema. What is under a profile is parsed here, by the
//! types of `assume`; the settings are still text, since a flag or a variable may say something
//! else, and `config` parses them.

mod place;
mod profile;

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub use profile::{Profile, Source};

use super::error::Error;
use crate::assume::ProfileName;
use crate::credentials::Secret;
use crate::{redact, text};

/// The whole document.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(test, schemars(title = "Configuration of stsidecar"))]
pub struct Document {
    /// Selects AWS's STS endpoint and scopes signatures; elsewhere than at AWS any name.
    pub region: Option<String>,
    /// An STS instead of the region's own.
    pub sts_endpoint: Option<String>,
    /// Let the token travel in plain text to an http:// STS beyond loopback.
    pub allow_insecure_sts: Option<bool>,
    /// The longest call of STS, 1s to 30s.
    pub sts_timeout: Option<String>,
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
    #[cfg_attr(
        test,
        schemars(with = "Option<BTreeMap<ProfileName, Profile>>", default)
    )]
    pub(super) profiles: Option<IgnoredAny>,
    /// Who gets which profile; without it, each profile is a client of its own name.
    pub clients: Option<Vec<Client>>,
    /// Where it is from, and its text, of which the profiles are read when they are needed; a token
    /// may be in it.
    #[serde(skip)]
    pub(super) read_from: Option<(String, Secret)>,
}

/// The part of the document that only `run` and `check` need: a profile that was edited for the
/// worse keeps no other command from the agent.
#[derive(Default, Deserialize)]
struct Profiles {
    profiles: Option<BTreeMap<ProfileName, Profile>>,
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

/// Reads a secret so that no error of the parser can repeat it.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(Some(Secret::new(text))),
        Value::Null => Ok(None),
        _ => Err(serde::de::Error::custom(
            "the token (not shown) must be a text in quotes",
        )),
    }
}

/// The longest document that is read.
const LONGEST: usize = 1 << 20;

impl Document {
    /// Reads YAML, and with it JSON; `origin` names the file or the variable in errors.
    ///
    /// # Errors
    /// When it is not YAML, holds an unknown key, or a value of the wrong kind.
    pub fn read(origin: &str, content: &[u8]) -> Result<Self, Error> {
        if content.len() > LONGEST {
            return Err(Error::setting(origin, "longer than 1 MiB"));
        }
        let text = text::utf8(content).map_err(|error| Error::setting(origin, error))?;
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let document: Self = parsed(origin, text)?;
        Ok(Self {
            read_from: Some((origin.to_owned(), Secret::new(text.to_owned()))),
            ..document
        })
    }

    /// Whether it says what the profiles are.
    #[must_use]
    pub fn lists_profiles(&self) -> bool {
        self.profiles.is_some()
    }

    /// The identities, by name.
    ///
    /// # Errors
    /// When one holds an unknown key, or a value that its parameter does not take.
    pub fn profiles(&self) -> Result<Option<BTreeMap<ProfileName, Profile>>, Error> {
        match &self.read_from {
            Some((origin, text)) if self.lists_profiles() => {
                let Profiles { profiles } = parsed(origin, text.expose())?;
                Ok(profiles)
            }
            _ => Ok(None),
        }
    }

    /// The value of a top-level key that is also a flag.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<String> {
        match key {
            "region" => self.region.clone(),
            "stsEndpoint" => self.sts_endpoint.clone(),
            "allowInsecureSts" => self.allow_insecure_sts.map(|set| set.to_string()),
            "stsTimeout" => self.sts_timeout.clone(),
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
        let settings = super::setting::SETTINGS
            .iter()
            .filter_map(|setting| setting.key);
        !self.lists_profiles() && settings.into_iter().all(|key| self.text(key).is_none())
    }
}

fn parsed<T: DeserializeOwned + Default>(origin: &str, text: &str) -> Result<T, Error> {
    // Snippets would repeat lines of the file, and one of them may hold a secret.
    let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
    let read = serde_saphyr::from_str_with_options::<Option<T>>(text, options);
    read.map(Option::unwrap_or_default).map_err(|error| {
        let path = error
            .location()
            .and_then(|location| place::path_of(text, location));
        if let (Some(words), Some(path)) = (own_words(&error), path) {
            return Error::setting(path, words);
        }
        let message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        Error::setting(origin, redact::parser_message(&message))
    })
}

/// What a type of ours says of a value, which it shows without secrets; also of one behind an alias.
fn own_words(error: &serde_saphyr::Error) -> Option<&str> {
    match error {
        serde_saphyr::Error::Message { msg, .. } => Some(msg),
        serde_saphyr::Error::AliasError { error, .. } => own_words(error),
        _ => None,
    }
}

/// The JSON schema of the document: text that is checked in, and compared with the types by this
/// module's tests.
pub const SCHEMA: &str = include_str!("../../docs/configuration.schema.json");

#[cfg(test)]
mod tests;
