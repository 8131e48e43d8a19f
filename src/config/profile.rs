//! Profiles: from the document, or from the settings of one profile, to the steps STS is asked for.
//!
//! Owns which steps a profile has. Each parameter's own limit is in `assume`, the rules between
//! parameters are in `rules`, those between hops in `chain`. Every error names the full path of its
//! key.

mod chain;
mod rules;

use std::sync::Arc;

use super::environment::{Origin, RawValue, Sources};
use super::error::Error;
use super::file::{self, Document, Source};
use super::reach::Servers;
use super::{parsed, setting};
use crate::assume::{
    DurationSetting, Hop, Issues, Profile, ProfileName, SessionNameTemplate, TokenFile, WebIdentity,
};
use crate::role::RoleArn;
use rules::Place;

/// One call budget and one task for each profile: enough for every container of a pod, few enough
/// to watch.
const MOST_PROFILES: usize = 16;

/// The profiles of a configuration, by name; never empty.
pub(super) fn all(
    sources: &Sources<'_>,
    document: &Document,
    servers: Servers,
    warnings: &mut Vec<String>,
) -> Result<Vec<Profile>, Error> {
    let Some(profiles) = document.profiles()? else {
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

/// Refuses a setting's flag, and ignores its variable with a warning, since the document's `key`
/// decides.
pub(super) fn refuse_outer(
    sources: &Sources<'_>,
    setting: &setting::Setting,
    key: &str,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    match sources.outer(setting)? {
        Some(RawValue {
            origin: origin @ Origin::Flag(_),
            ..
        }) => Err(Error::setting(
            origin,
            format!("the configuration lists {key}, which decide this: set it there"),
        )),
        Some(RawValue { origin, .. }) => {
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
            |given| given.parse(TokenFile::parse),
        )?
        .unwrap_or_default(),
        session_name: parsed(value(&setting::ROLE_SESSION_NAME)?.as_ref(), |given| {
            given.parse(SessionNameTemplate::parse)
        })?
        .unwrap_or_default(),
        duration: parsed(value(&setting::SESSION_DURATION)?.as_ref(), |given| {
            given.parse(DurationSetting::parse)
        })?
        .unwrap_or_default(),
        ..WebIdentity::default()
    };
    let name = ProfileName::parse("default").expect("a profile name");
    Ok(Profile {
        name,
        steps: vec![Arc::new(Hop::WebIdentity(step))],
    })
}

fn from_document(
    sources: &Sources<'_>,
    servers: Servers,
    name: &ProfileName,
    profile: &file::Profile,
    warnings: &mut Vec<String>,
) -> Result<Profile, Error> {
    let path = format!("profiles.{name}");
    let (key, source) = the_source(&path, profile)?;
    let at = |key: &str| Place {
        sources,
        servers,
        path: format!("{path}.{key}"),
    };
    let (mut steps, mut chain) = (Vec::new(), profile.chain.clone());
    match (source, chain.first_mut()) {
        (Source::Hop(mut step), _) => {
            rules::apply(&at(key), &mut step, warnings)?;
            steps.push(*step);
        }
        (Source::Signer(keys), Some(first)) => first.keys = Some(keys),
        (Source::Signer(_), None) => {
            let problem = format!(
                "{key} needs at least one hop in chain: long-term keys themselves are never vended"
            );
            return Err(Error::setting(path, problem));
        }
    }
    for (number, hop) in chain.into_iter().enumerate() {
        let behind = steps.last().map(|step: &Hop| step.outline().issues);
        if behind == Some(Issues::FederatedUserSession) {
            let problem = format!(
                "{key} cannot have a chain: STS lets a federated user's session assume no role"
            );
            return Err(Error::setting(path, problem));
        }
        let place = at(&format!("chain[{number}]"));
        steps.push(rules::hop(&place, hop, behind, warnings)?);
    }
    chain::check(&format!("{path}.chain"), &steps)?;
    Ok(Profile {
        name: name.clone(),
        steps: steps.into_iter().map(Arc::new).collect(),
    })
}

/// The one source of a profile, with its key.
fn the_source(path: &str, profile: &file::Profile) -> Result<(&'static str, Source), Error> {
    let sources = profile.clone().sources();
    let all = sources.each_ref().map(|(key, _)| *key).join(", ");
    let mut given: Vec<_> = sources
        .into_iter()
        .filter_map(|(key, source)| Some((key, source?)))
        .collect();
    let keys: Vec<&str> = given.iter().map(|(key, _)| *key).collect();
    let problem = match keys[..] {
        [] => format!("it names no source; add one of {all} (webIdentity: {{}} is enough)"),
        [_] => return Ok(given.remove(0)),
        _ => format!(
            "it names {} sources ({}); leave one of them",
            keys.len(),
            keys.join(", ")
        ),
    };
    Err(Error::setting(path, problem))
}
