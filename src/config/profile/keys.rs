//! One mapping of the document: its values parsed, with the whole path of their key in every error.
//!
//! Owns what several steps have in common: restrictions, tags, durations, devices, files of keys. It opens policy
//! files through the sources it is given, and no other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::environment::{Given, Origin, Sources};
use super::super::error::Error;
use super::super::file;
use super::super::reach::Servers;
use crate::assume::{
    AccessKeyFile, DurationSetting, Mfa, MfaCode, Policy, PolicyArn, ProvidedContext, ProviderArn,
    ROLE_CHAINING_LIMIT, Restriction, SerialNumber, SessionDuration, Tag, TagKey,
};
use crate::text;

/// STS's limits on lists.
const MOST_TAGS: usize = 50;
const MOST_CONTEXTS: usize = 5;

/// One mapping of the document, for errors that tell the whole path.
pub(super) struct Keys<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) servers: Servers,
    pub(super) path: String,
}

impl Keys<'_> {
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    pub(super) fn given(&self, key: &str, text: &str) -> Given {
        Given {
            origin: Origin::Key(self.path(key)),
            text: text.to_owned(),
        }
    }

    pub(super) fn optional<T, E: std::fmt::Display>(
        &self,
        key: &str,
        text: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.given(key, text).parse(parse))
            .transpose()
    }

    pub(super) fn each<T, E: std::fmt::Display>(
        &self,
        key: &str,
        texts: &[String],
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, Error> {
        if texts.len() > most {
            return Err(Error::setting(
                self.path(key),
                format!("STS takes at most {most}, this has {}", texts.len()),
            ));
        }
        let one =
            |(at, text): (usize, &String)| self.given(&format!("{key}[{at}]"), text).parse(&parse);
        texts.iter().enumerate().map(one).collect()
    }

    pub(super) fn restriction(
        &self,
        policy: Option<&Value>,
        policy_file: Option<&String>,
        arns: &[String],
    ) -> Result<Restriction, Error> {
        // A policy can be long, so errors name its key and not its text.
        let policy = match (policy, policy_file) {
            (Some(_), Some(_)) => {
                return Err(Error::setting(
                    self.path("policyFile"),
                    "policy is there as well; leave one of them",
                ));
            }
            (Some(Value::String(text)), None) => {
                Some(Policy::parse(text).map_err(|e| (self.path("policy"), e)))
            }
            (Some(document), None) => {
                Some(Policy::from_document(document).map_err(|e| (self.path("policy"), e)))
            }
            (None, Some(file)) => {
                let text = self.read("policyFile", file)?;
                Some(
                    Policy::parse(&text)
                        .map_err(|e| (format!("{} ({file})", self.path("policyFile")), e)),
                )
            }
            (None, None) => None,
        };
        let policy = policy
            .transpose()
            .map_err(|(path, error)| Error::setting(path, error))?;
        let policy_arns = self.each("policyArns", arns, Restriction::MOST_POLICY_ARNS, |text| {
            PolicyArn::parse_at(self.servers.sts, text)
        })?;
        let restriction = Restriction {
            policy,
            policy_arns,
        };
        let (together, most) = (restriction.characters(), Restriction::MOST_CHARACTERS);
        if together > most {
            let problem =
                format!("with the policy this has {together} characters, and STS takes {most}");
            return Err(Error::setting(self.path("policyArns"), problem));
        }
        Ok(restriction)
    }

    fn read(&self, key: &str, file: &str) -> Result<String, Error> {
        let given = self.given(key, file);
        let path = given.file()?;
        let unreadable = |source| Error::Unreadable {
            origin: self.path(key),
            path: path.clone(),
            source,
        };
        let content = (self.sources.read)(&path).map_err(unreadable)?;
        let text = text::utf8(&content)
            .map_err(|error| Error::setting(given.origin, format!("{file}: {error}")))?;
        Ok(text.to_owned())
    }

    /// Tags whose keys differ in more than case.
    pub(super) fn tags(&self, given: &BTreeMap<String, String>) -> Result<Vec<Tag>, Error> {
        if given.len() > MOST_TAGS {
            let problem = format!("STS takes at most {MOST_TAGS}, this has {}", given.len());
            return Err(Error::setting(self.path("tags"), problem));
        }
        let mut tags: Vec<Tag> = Vec::new();
        for (key, value) in given {
            let given = self.given(&format!("tags.{key}"), value);
            let tag = given.parse(|value| Tag::parse(key, value))?;
            if let Some(first) = tags.iter().find(|other| other.key.same_as(&tag.key)) {
                return Err(Error::setting(
                    given.origin,
                    format!("STS takes it for the same key as {}", first.key),
                ));
            }
            tags.push(tag);
        }
        Ok(tags)
    }

    /// The keys of some of `tags`.
    pub(super) fn transitive_tag_keys(
        &self,
        given: &[String],
        tags: &[Tag],
    ) -> Result<Vec<TagKey>, Error> {
        let mut known: Vec<&TagKey> = Vec::new();
        let keys = self.each("transitiveTagKeys", given, MOST_TAGS, |text| {
            let key = TagKey::parse(text).map_err(|error| error.to_string())?;
            let is_known = tags.iter().any(|tag| tag.key.same_as(&key));
            if is_known {
                Ok(key)
            } else {
                Err("the key of one of the tags of this hop".to_owned())
            }
        })?;
        for key in &keys {
            if known.iter().any(|other| other.same_as(key)) {
                return Err(Error::value(
                    self.path("transitiveTagKeys"),
                    key.as_str(),
                    "each key once",
                ));
            }
            known.push(key);
        }
        Ok(keys)
    }

    /// The section of a credentials file.
    pub(super) fn access_key(
        &self,
        file: &str,
        profile: Option<&String>,
    ) -> Result<AccessKeyFile, Error> {
        let path = self.given("credentialsFile", file).file()?;
        let profile = self.optional("profile", profile, |text| {
            let sound =
                !text.is_empty() && text.trim() == text && !text.contains([']', '\n', '\r']);
            if sound {
                Ok(text.to_owned())
            } else {
                Err("the name of a section of the credentials file, without [ ]")
            }
        })?;
        Ok(AccessKeyFile {
            path,
            profile: profile.unwrap_or_else(|| "default".to_owned()),
            server: self.servers.sts,
        })
    }

    /// A device with the one file that its codes come from.
    pub(super) fn mfa(&self, given: Option<&file::Mfa>) -> Result<Option<Mfa>, Error> {
        let Some(file::Mfa {
            serial_number,
            totp_secret_file,
            token_code_file,
        }) = given
        else {
            return Ok(None);
        };
        let path = self.path("mfa");
        let keys = Keys {
            path: path.clone(),
            ..*self
        };
        let code = match (totp_secret_file, token_code_file) {
            (Some(file), None) => MfaCode::Secret(keys.given("totpSecretFile", file).file()?),
            (None, Some(file)) => MfaCode::Code(keys.given("tokenCodeFile", file).file()?),
            _ => {
                return Err(Error::setting(
                    path,
                    "set one of totpSecretFile and tokenCodeFile",
                ));
            }
        };
        Ok(Some(Mfa {
            serial_number: keys
                .given("serialNumber", serial_number)
                .parse(SerialNumber::parse)?,
            code,
        }))
    }

    /// Context assertions.
    pub(super) fn contexts(
        &self,
        given: &[file::ProvidedContext],
    ) -> Result<Vec<ProvidedContext>, Error> {
        if given.len() > MOST_CONTEXTS {
            let problem = format!(
                "STS takes at most {MOST_CONTEXTS}, this has {}",
                given.len()
            );
            return Err(Error::setting(self.path("providedContexts"), problem));
        }
        let one = |(at, context): (usize, &file::ProvidedContext)| {
            let path = self.path(&format!("providedContexts[{at}]"));
            let keys = Keys { path, ..*self };
            Ok(ProvidedContext {
                provider_arn: keys
                    .given("providerArn", &context.provider_arn)
                    .parse(|text| ProviderArn::parse_at(self.servers.sts, text))?,
                assertion_file: keys
                    .given("contextAssertionFile", &context.context_assertion_file)
                    .file()?,
            })
        };
        given.iter().enumerate().map(one).collect()
    }

    /// What every role takes, or `longest`.
    pub(super) fn duration(&self, text: Option<&String>) -> Result<DurationSetting, Error> {
        text.map_or(Ok(DurationSetting::HOUR), |text| {
            duration(&self.given("sessionDuration", text), "")
        })
    }

    /// Of a token's session.
    pub(super) fn token_duration(&self, text: Option<&String>) -> Result<DurationSetting, Error> {
        text.map_or(Ok(DurationSetting::HOUR), |text| {
            token_duration(&self.given("sessionDuration", text))
        })
    }

    /// Of a user's session.
    pub(super) fn user_duration(&self, text: Option<&String>) -> Result<SessionDuration, Error> {
        let asked = self.optional("sessionDuration", text, SessionDuration::parse_of_user)?;
        Ok(asked.unwrap_or(SessionDuration::LONGEST))
    }

    /// Of a hop: behind a role session STS grants an hour at most, so more is refused here.
    pub(super) fn hop_duration(
        &self,
        text: Option<&String>,
        chained: bool,
    ) -> Result<DurationSetting, Error> {
        match (self.duration(text)?, text) {
            (DurationSetting::Fixed(asked), Some(text))
                if chained && u64::from(asked.seconds()) > ROLE_CHAINING_LIMIT.as_secs() =>
            {
                let allowed = "15m to 1h: STS grants no more behind a role session";
                Err(Error::value(self.path("sessionDuration"), text, allowed))
            }
            (DurationSetting::Longest, _) if chained => Ok(DurationSetting::HOUR),
            (accepted, _) => Ok(accepted),
        }
    }
}

/// `1h`, or `longest`, of a token's session: here the first limits were wider than today's.
pub(super) fn token_duration(given: &Given) -> Result<DurationSetting, Error> {
    let long = humantime::parse_duration(&given.text);
    let long = long.is_ok_and(|asked| (43_201..=129_600).contains(&asked.as_secs()));
    duration(
        given,
        if long {
            "; up to 36h were possible under STS's first limits and are no longer"
        } else {
            ""
        },
    )
}

fn duration(given: &Given, past: &str) -> Result<DurationSetting, Error> {
    if given.text == "longest" {
        return Ok(DurationSetting::Longest);
    }
    given.parse(|text| {
        let fixed = SessionDuration::parse(text).map(DurationSetting::Fixed);
        fixed.map_err(|error| format!("{error}, written as 1h, 90m or 3600s, or longest{past}"))
    })
}
