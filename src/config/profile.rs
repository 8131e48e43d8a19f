//! Profiles: from the document's text, or from the settings of one profile, to the steps STS is asked for.
//!
//! Owns the rules between the parameters of a profile; each parameter's own limit is in `assume`. Every error
//! names the full path of its key.

mod chain;
mod keys;
mod source;

use std::path::PathBuf;
use std::sync::Arc;

use super::environment::{Given, Origin, Sources};
use super::error::Error;
use super::file::{self, Document};
use super::reach::Servers;
use super::{parsed, setting};
use crate::assume::{
    DurationSetting, Profile, ProfileName, Restriction, SessionNameTemplate, Step, WebIdentity,
};
use crate::role::RoleArn;
use keys::{Keys, token_duration};

/// One call budget and one task for each profile: enough for every container of a pod, few enough to watch.
const MOST_PROFILES: usize = 16;

/// The profiles of a configuration, by name; never empty.
pub(super) fn all(
    sources: &Sources<'_>,
    document: &Document,
    servers: Servers,
    warnings: &mut Vec<String>,
) -> Result<Vec<Profile>, Error> {
    let Some(profiles) = &document.profiles else {
        return Ok(vec![from_settings(sources, document, servers)?]);
    };
    for setting in setting::OF_ONE_PROFILE {
        refuse_outer(sources, setting, "profiles", warnings)?;
    }
    if profiles.is_empty() || profiles.len() > MOST_PROFILES {
        let problem = format!(
            "1 to {MOST_PROFILES} profiles are possible, this lists {}",
            profiles.len()
        );
        return Err(Error::setting("profiles", problem));
    }
    profiles
        .iter()
        .map(|(name, profile)| from_document(sources, servers, name, profile, warnings))
        .collect()
}

/// Refuses a setting's flag, and ignores its variable with a warning, since the document's `key` decides.
pub(super) fn refuse_outer(
    sources: &Sources<'_>,
    setting: &setting::Setting,
    key: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    match sources.outer(setting)? {
        Some(Given {
            origin: origin @ Origin::Flag(_),
            ..
        }) => Err(Error::setting(
            origin,
            format!("the configuration lists {key}, which decide this: set it there"),
        )),
        Some(Given { origin, .. }) => {
            warnings.push(format!(
                "{origin} is ignored: the configuration lists {key}, which decide this"
            ));
            Ok(())
        }
        None => Ok(()),
    }
}

fn from_settings(
    sources: &Sources<'_>,
    document: &Document,
    servers: Servers,
) -> Result<Profile, Error> {
    let value = |setting| sources.value(setting, document);
    let step = WebIdentity {
        role_arn: parsed(value(&setting::ROLE_ARN)?.as_ref(), |given| {
            given.parse(|text| RoleArn::parse_at(servers.sts, text))
        })?,
        token_file: parsed(
            value(&setting::WEB_IDENTITY_TOKEN_FILE)?.as_ref(),
            Given::file,
        )?
        .unwrap_or_else(default_token_file),
        provider_id: None,
        session_name: parsed(value(&setting::ROLE_SESSION_NAME)?.as_ref(), |given| {
            given.parse(SessionNameTemplate::parse)
        })?
        .unwrap_or_default(),
        duration: parsed(value(&setting::SESSION_DURATION)?.as_ref(), token_duration)?
            .unwrap_or(DurationSetting::HOUR),
        restriction: Restriction::default(),
    };
    let name = ProfileName::parse("default").expect("a profile name");
    Ok(Profile {
        name,
        steps: vec![Arc::new(Step::WebIdentity(step))],
    })
}

fn default_token_file() -> PathBuf {
    PathBuf::from(
        setting::WEB_IDENTITY_TOKEN_FILE
            .default
            .expect("the table has a default"),
    )
}

fn from_document(
    sources: &Sources<'_>,
    servers: Servers,
    name: &str,
    profile: &file::Profile,
    warnings: &mut Vec<String>,
) -> Result<Profile, Error> {
    let path = format!("profiles.{name}");
    let name = Given {
        origin: Origin::Key(path.clone()),
        text: name.to_owned(),
    }
    .parse(ProfileName::parse)?;
    check_one_source(&path, profile)?;
    let at = |key: &str| Keys {
        sources,
        servers,
        path: format!("{path}.{key}"),
    };
    let source = match profile {
        file::Profile {
            web_identity: Some(given),
            ..
        } => Some(Step::WebIdentity(source::web_identity(
            &at("webIdentity"),
            given,
        )?)),
        file::Profile {
            saml: Some(given), ..
        } => Some(Step::Saml(source::saml(&at("saml"), given)?)),
        file::Profile {
            session_token: Some(given),
            ..
        } => Some(Step::SessionToken(source::session_token(
            &at("sessionToken"),
            given,
        )?)),
        file::Profile {
            federation_token: Some(given),
            ..
        } => {
            let step = source::federation_token(&at("federationToken"), given, warnings)?;
            Some(Step::FederationToken(step))
        }
        file::Profile {
            cognito: Some(given),
            ..
        } => Some(Step::Cognito(source::cognito(&at("cognito"), given)?)),
        _ => None,
    };
    let access_key = profile.access_key.as_ref();
    let signer = access_key
        .map(|given| at("accessKey").access_key(&given.credentials_file, given.profile.as_ref()));
    let (mut signer, mut steps) = (signer.transpose()?, source.into_iter().collect::<Vec<_>>());
    for (number, given) in profile.chain.iter().enumerate() {
        let chained = steps.last().is_some_and(Step::yields_role_session);
        if chained && given.mfa.is_some() {
            warnings.push(format!(
                "{path}.chain[{number}].mfa is behind a role's session: STS asks for the device of an IAM user, which \
                 only accessKey and sessionToken are"
            ));
        }
        steps.push(Step::Role(source::hop(
            &at(&format!("chain[{number}]")),
            given,
            signer.take(),
            chained,
        )?));
    }
    chain::check(&format!("{path}.chain"), &steps)?;
    Ok(Profile {
        name,
        steps: steps.into_iter().map(Arc::new).collect(),
    })
}

/// Exactly one source, with as many hops behind it as it can have.
fn check_one_source(path: &str, profile: &file::Profile) -> Result<(), Error> {
    let file::Profile {
        web_identity,
        saml,
        session_token,
        federation_token,
        access_key,
        cognito,
        chain,
    } = profile;
    let named = [
        ("webIdentity", web_identity.is_some()),
        ("saml", saml.is_some()),
        ("sessionToken", session_token.is_some()),
        ("federationToken", federation_token.is_some()),
        ("accessKey", access_key.is_some()),
        ("cognito", cognito.is_some()),
    ];
    let given: Vec<&str> = named
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(key, _)| *key)
        .collect();
    let problem = match given[..] {
        [] => {
            let all = named.map(|(key, _)| key).join(", ");
            format!("it names no source; add one of {all} (webIdentity: {{}} is enough)")
        }
        ["accessKey"] if chain.is_empty() => {
            "accessKey needs at least one hop in chain: long-term keys themselves are never vended".to_owned()
        }
        ["federationToken"] if !chain.is_empty() => {
            "federationToken cannot have a chain: STS lets a federated user's session assume no role".to_owned()
        }
        [_] => return Ok(()),
        _ => format!("it names {} sources ({}); leave one of them", given.len(), given.join(", ")),
    };
    Err(Error::setting(path, problem))
}
