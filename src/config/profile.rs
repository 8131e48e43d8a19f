//! Profiles: from the document's text, or from the settings of one profile, to the steps STS is asked for.
//!
//! Owns the rules between the parameters of a profile; each parameter's own limit is in `assume`. Every error
//! names the full path of its key.

mod chain;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::environment::{Given, Origin, Sources};
use super::error::Error;
use super::file::{self, Document, NotYet};
use super::{parsed, setting};
use crate::assume::{
    DurationSetting, ExternalId, Policy, PolicyArn, Profile, ProfileName, ROLE_CHAINING_LIMIT, Restriction, Role,
    SessionDuration, SessionNameTemplate, SourceIdentity, Step, Tag, TagKey, WebIdentity,
};
use crate::role::RoleArn;

/// One call budget and one task for each profile: enough for every container of a pod, few enough to watch.
const MOST_PROFILES: usize = 16;
/// STS's limits on lists.
const MOST_TAGS: usize = 50;
const MOST_POLICY_ARNS: usize = 10;

/// The profiles of a configuration, by name; never empty.
pub(super) fn all(
    sources: &Sources<'_>,
    document: &Document,
    warnings: &mut Vec<String>,
) -> Result<Vec<Profile>, Error> {
    let Some(profiles) = &document.profiles else { return Ok(vec![from_settings(sources, document)?]) };
    for setting in setting::OF_ONE_PROFILE {
        refuse_outer(sources, setting, "profiles", warnings)?;
    }
    if profiles.is_empty() || profiles.len() > MOST_PROFILES {
        let problem = format!("1 to {MOST_PROFILES} profiles are possible, this lists {}", profiles.len());
        return Err(Error::setting("profiles", problem));
    }
    profiles.iter().map(|(name, profile)| from_document(sources, name, profile)).collect()
}

/// Refuses a setting's flag, and ignores its variable with a warning, since the document's `key` decides.
pub(super) fn refuse_outer(
    sources: &Sources<'_>,
    setting: &setting::Setting,
    key: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    match sources.outer(setting)? {
        Some(Given { origin: origin @ Origin::Flag(_), .. }) => {
            Err(Error::setting(origin, format!("the configuration lists {key}, which decide this: set it there")))
        }
        Some(Given { origin, .. }) => {
            warnings.push(format!("{origin} is ignored: the configuration lists {key}, which decide this"));
            Ok(())
        }
        None => Ok(()),
    }
}

fn from_settings(sources: &Sources<'_>, document: &Document) -> Result<Profile, Error> {
    let value = |setting| sources.value(setting, document);
    let step = WebIdentity {
        role_arn: parsed(value(&setting::ROLE_ARN)?.as_ref(), |given| given.parse(RoleArn::parse))?,
        token_file: parsed(value(&setting::WEB_IDENTITY_TOKEN_FILE)?.as_ref(), Given::file)?
            .unwrap_or_else(default_token_file),
        session_name: parsed(value(&setting::ROLE_SESSION_NAME)?.as_ref(), |given| {
            given.parse(SessionNameTemplate::parse)
        })?,
        duration: parsed(value(&setting::SESSION_DURATION)?.as_ref(), duration)?.unwrap_or(HOUR),
        restriction: Restriction::default(),
    };
    let name = ProfileName::parse("default").expect("a profile name");
    Ok(Profile { name, steps: vec![Arc::new(Step::WebIdentity(step))] })
}

const HOUR: DurationSetting = DurationSetting::Fixed(SessionDuration::HOUR);

fn default_token_file() -> PathBuf {
    PathBuf::from(setting::WEB_IDENTITY_TOKEN_FILE.default.expect("the table has a default"))
}

fn from_document(sources: &Sources<'_>, name: &str, profile: &file::Profile) -> Result<Profile, Error> {
    let path = format!("profiles.{name}");
    let name = Given { origin: Origin::Key(path.clone()), text: name.to_owned() }.parse(ProfileName::parse)?;
    let file::Profile { web_identity, saml, session_token, federation_token, access_key, cognito, chain } = profile;
    for (key, source) in [
        ("saml", saml),
        ("sessionToken", session_token),
        ("federationToken", federation_token),
        ("accessKey", access_key),
        ("cognito", cognito),
    ] {
        refuse_not_yet(&format!("{path}.{key}"), source.as_ref(), "the one source it has is webIdentity")?;
    }
    let source = web_identity
        .as_ref()
        .ok_or_else(|| Error::setting(&path, "it names no source; add webIdentity (webIdentity: {} is enough)"))?;
    let source = web_identity_step(&Keys { sources, path: &format!("{path}.webIdentity") }, source)?;
    let path = format!("{path}.chain");
    let hop = |(at, hop)| role_step(&Keys { sources, path: &format!("{path}[{at}]") }, hop);
    let hops = chain.iter().enumerate().map(hop).collect::<Result<Vec<Role>, Error>>()?;
    chain::check(&path, &hops)?;
    let steps = std::iter::once(Step::WebIdentity(source)).chain(hops.into_iter().map(Step::Role));
    Ok(Profile { name, steps: steps.map(Arc::new).collect() })
}

fn refuse_not_yet(path: &str, part: Option<&NotYet>, instead: &str) -> Result<(), Error> {
    match part {
        Some(NotYet) => Err(Error::setting(path, format!("this version of stsidecar does not have it; {instead}"))),
        None => Ok(()),
    }
}

/// One mapping of the document, for errors that tell the whole path.
struct Keys<'a> {
    sources: &'a Sources<'a>,
    path: &'a str,
}

impl Keys<'_> {
    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn given(&self, key: &str, text: &str) -> Given {
        Given { origin: Origin::Key(self.path(key)), text: text.to_owned() }
    }

    fn optional<T, E: std::fmt::Display>(
        &self,
        key: &str,
        text: Option<&String>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        text.map(|text| self.given(key, text).parse(parse)).transpose()
    }

    fn each<T, E: std::fmt::Display>(
        &self,
        key: &str,
        texts: &[String],
        most: usize,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, Error> {
        if texts.len() > most {
            return Err(Error::setting(self.path(key), format!("STS takes at most {most}, this has {}", texts.len())));
        }
        let one = |(at, text): (usize, &String)| self.given(&format!("{key}[{at}]"), text).parse(&parse);
        texts.iter().enumerate().map(one).collect()
    }

    fn restriction(
        &self,
        policy: Option<&Value>,
        policy_file: Option<&String>,
        arns: &[String],
    ) -> Result<Restriction, Error> {
        // A policy can be long, so errors name its key and not its text.
        let policy = match (policy, policy_file) {
            (Some(_), Some(_)) => {
                return Err(Error::setting(self.path("policyFile"), "policy is there as well; leave one of them"));
            }
            (Some(Value::String(text)), None) => Some(Policy::parse(text).map_err(|e| (self.path("policy"), e))),
            (Some(document), None) => Some(Policy::from_document(document).map_err(|e| (self.path("policy"), e))),
            (None, Some(file)) => {
                let text = self.read("policyFile", file)?;
                Some(Policy::parse(&text).map_err(|e| (format!("{} ({file})", self.path("policyFile")), e)))
            }
            (None, None) => None,
        };
        let policy = policy.transpose().map_err(|(path, error)| Error::setting(path, error))?;
        Ok(Restriction { policy, policy_arns: self.each("policyArns", arns, MOST_POLICY_ARNS, PolicyArn::parse)? })
    }

    fn read(&self, key: &str, file: &str) -> Result<String, Error> {
        let given = self.given(key, file);
        let path = given.file()?;
        let unreadable = |source| Error::Unreadable { origin: self.path(key), path: path.clone(), source };
        let content = (self.sources.read)(&path).map_err(unreadable)?;
        String::from_utf8(content).map_err(|_| Error::setting(given.origin, format!("{file} is not UTF-8")))
    }

    fn tags(&self, hop: &file::Hop) -> Result<(Vec<Tag>, Vec<TagKey>), Error> {
        if hop.tags.len() > MOST_TAGS {
            let problem = format!("STS takes at most {MOST_TAGS}, this has {}", hop.tags.len());
            return Err(Error::setting(self.path("tags"), problem));
        }
        let mut tags: Vec<Tag> = Vec::new();
        for (key, value) in &hop.tags {
            let given = self.given(&format!("tags.{key}"), value);
            let tag = given.parse(|value| Tag::parse(key, value))?;
            if let Some(first) = tags.iter().find(|other| other.key.same_as(&tag.key)) {
                return Err(Error::setting(given.origin, format!("STS takes it for the same key as {}", first.key)));
            }
            tags.push(tag);
        }
        let transitive = self.each("transitiveTagKeys", &hop.transitive_tag_keys, MOST_TAGS, |text| {
            let key = TagKey::parse(text).map_err(|error| error.to_string())?;
            let known = tags.iter().any(|tag| tag.key.same_as(&key));
            if known { Ok(key) } else { Err("the key of one of the tags of this hop".to_owned()) }
        })?;
        Ok((tags, transitive))
    }
}

fn web_identity_step(keys: &Keys<'_>, source: &file::WebIdentity) -> Result<WebIdentity, Error> {
    let file::WebIdentity { role_arn, token_file, session_name, session_duration, policy, policy_file, policy_arns } =
        source;
    let token_file = token_file.as_ref().map(|file| keys.given("tokenFile", file).file()).transpose()?;
    let asked = session_duration.as_ref().map(|text| duration(&keys.given("sessionDuration", text))).transpose()?;
    Ok(WebIdentity {
        role_arn: keys.optional("roleArn", role_arn.as_ref(), RoleArn::parse)?,
        token_file: token_file.unwrap_or_else(default_token_file),
        session_name: keys.optional("sessionName", session_name.as_ref(), SessionNameTemplate::parse)?,
        duration: asked.unwrap_or(HOUR),
        restriction: keys.restriction(policy.as_ref(), policy_file.as_ref(), policy_arns)?,
    })
}

fn role_step(keys: &Keys<'_>, hop: &file::Hop) -> Result<Role, Error> {
    refuse_not_yet(&keys.path("mfa"), hop.mfa.as_ref(), "take it out")?;
    refuse_not_yet(&keys.path("providedContexts"), hop.provided_contexts.as_ref(), "take it out")?;
    let asked = hop.session_duration.as_ref().map(|text| chained_duration(&keys.given("sessionDuration", text)));
    let (tags, transitive_tag_keys) = keys.tags(hop)?;
    Ok(Role {
        role_arn: keys.given("roleArn", &hop.role_arn).parse(RoleArn::parse)?,
        session_name: keys.optional("sessionName", hop.session_name.as_ref(), SessionNameTemplate::parse)?,
        duration: asked.transpose()?.unwrap_or(HOUR),
        restriction: keys.restriction(hop.policy.as_ref(), hop.policy_file.as_ref(), &hop.policy_arns)?,
        external_id: keys.optional("externalId", hop.external_id.as_ref(), ExternalId::parse)?,
        tags,
        transitive_tag_keys,
        source_identity: keys.optional("sourceIdentity", hop.source_identity.as_ref(), SourceIdentity::parse)?,
    })
}

fn duration(given: &Given) -> Result<DurationSetting, Error> {
    if given.text == "longest" {
        return Ok(DurationSetting::Longest);
    }
    given.parse(|text| {
        SessionDuration::parse(text).map(DurationSetting::Fixed).map_err(|error| {
            let long = humantime::parse_duration(text).is_ok_and(|asked| (43_201..=129_600).contains(&asked.as_secs()));
            let past = if long { "; up to 36h were possible under STS's first limits and are no longer" } else { "" };
            format!("{error}, written as 1h, 90m or 3600s, or longest{past}")
        })
    })
}

/// A hop behind a role session: STS grants an hour at most (role chaining), so more is refused here.
fn chained_duration(given: &Given) -> Result<DurationSetting, Error> {
    match duration(given)? {
        DurationSetting::Fixed(asked) if u64::from(asked.seconds()) > ROLE_CHAINING_LIMIT.as_secs() => {
            Err(Error::value(&given.origin, &given.text, "15m to 1h: STS grants no more behind a role session"))
        }
        accepted => Ok(accepted),
    }
}
