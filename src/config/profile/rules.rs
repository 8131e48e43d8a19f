//! What the settings around an exchange decide about it, and the rules between its parameters.
//!
//! Owns everything that a parameter's own text cannot say: which server judges its names, what a
//! policy file holds, what is possible behind the step before. Each parameter's own limit is in
//! `assume`. It opens policy files through the sources it is given, and no other. Called by
//! `profile`, once for each step; every error names its whole key.

use super::super::environment::Sources;
use super::super::error::Error;
use super::super::reach::Servers;
use crate::assume::{
    AtServer, DurationSetting, Hop, Issues, NotAccepted, Outline, Policy, ROLE_CHAINING_LIMIT,
    Restriction, Role, Service,
};
use crate::role::Server;
use crate::text;

/// One mapping of the document with the settings around it.
pub(super) struct Place<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) servers: Servers,
    /// Of the mapping, such as `profiles.default.webIdentity`.
    pub(super) path: String,
}

impl Place<'_> {
    fn path(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// Judges a name as the server would.
    fn judge(&self, key: &str, name: &dyn AtServer, server: Server) -> Result<(), Error> {
        name.check(server)
            .map_err(|error| Error::not_accepted(self.path(key), error))
    }
}

/// What holds for every exchange.
pub(super) fn apply(
    place: &Place<'_>,
    step: &mut Hop,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let service = step.outline().service;
    if service == Service::Cognito && !cfg!(feature = "cognito") {
        let problem =
            "this build of stsidecar does not have it: build it with the cargo feature cognito";
        return Err(Error::setting(&place.path, problem));
    }
    let server = place.servers.of(service);
    if let Some(keys_of) = step.exchange_mut().keys_of() {
        *keys_of = server;
    }
    let file = policy_file(place, &step.outline())?;
    if let Some((policy, read)) = step.exchange_mut().policy_mut().zip(file) {
        *policy = Some(read);
    }
    let outline = step.outline();
    for (key, name) in &outline.names {
        place.judge(key, *name, server)?;
    }
    for (at, context) in outline.contexts.iter().enumerate() {
        let key = format!("providedContexts[{at}].providerArn");
        place.judge(&key, &context.provider_arn, server)?;
    }
    if let Some(own) = &outline.restriction {
        restriction(place, own, server)?;
    }
    let is_restricted = outline.restriction.is_some_and(|own| !own.is_empty());
    if outline.issues == Issues::FederatedUserSession && !is_restricted {
        warnings.push(format!(
            "{} has neither policy nor policyArns: its session may do nothing but what a resource's own policy allows \
             the federated user",
            place.path
        ));
    }
    Ok(())
}

/// Not more than STS takes, of names that the server may have.
fn restriction(place: &Place<'_>, own: &Restriction<'_>, server: Server) -> Result<(), Error> {
    for (at, arn) in own.policy_arns.iter().enumerate() {
        place.judge(&format!("policyArns[{at}]"), arn, server)?;
    }
    let (together, most) = (own.characters(), Restriction::MOST_CHARACTERS);
    if together > most {
        let problem =
            format!("with the policy this has {together} characters, and STS takes {most}");
        return Err(Error::setting(place.path("policyArns"), problem));
    }
    Ok(())
}

/// The policy in a file, where there is one instead of a policy.
fn policy_file(place: &Place<'_>, outline: &Outline<'_>) -> Result<Option<Policy>, Error> {
    let Some(restriction) = &outline.restriction else {
        return Ok(None);
    };
    let Some(path) = restriction.policy_file else {
        return Ok(None);
    };
    let origin = place.path("policyFile");
    if restriction.policy.is_some() {
        let problem = "policy is there as well; leave one of them";
        return Err(Error::setting(origin, problem));
    }
    let content = (place.sources.read)(path).map_err(|source| Error::Unreadable {
        origin: origin.clone(),
        path: path.to_path_buf(),
        source,
    })?;
    let text = text::utf8(&content)
        .map_err(|error| Error::setting(&origin, format!("{}: {error}", path.display())))?;
    let origin = format!("{origin} ({})", path.display());
    let policy = Policy::parse(text).map_err(|error| Error::setting(origin, error))?;
    Ok(Some(policy))
}

/// What holds for a hop besides, behind a step that issues such a session, or behind none.
pub(super) fn hop(
    place: &Place<'_>,
    mut hop: Role,
    behind: Option<Issues>,
    warnings: &mut Vec<String>,
) -> Result<Hop, Error> {
    let is_chained = match behind {
        Some(Issues::RoleSession) => true,
        Some(Issues::UserSession | Issues::FederatedUserSession) | None => false,
    };
    if is_chained {
        hop.duration = chained(place, hop.duration)?;
        if hop.mfa.is_some() {
            warnings.push(format!(
                "{} is behind a role's session: STS asks for the device of an IAM user, which only accessKey and \
                 sessionToken are",
                place.path("mfa")
            ));
        }
    }
    transitive_tag_keys(place, &hop)?;
    let mut step = Hop::Role(hop);
    apply(place, &mut step, warnings)?;
    Ok(step)
}

/// Behind a role session STS grants an hour at most, so more is refused here, and `longest` is an
/// hour.
fn chained(place: &Place<'_>, duration: DurationSetting) -> Result<DurationSetting, Error> {
    match duration {
        DurationSetting::Fixed(asked)
            if u64::from(asked.seconds()) > ROLE_CHAINING_LIMIT.as_secs() =>
        {
            let allowed = "15m to 1h: STS grants no more behind a role session";
            let path = place.path("sessionDuration");
            Err(Error::value(path, &asked.to_string(), allowed))
        }
        DurationSetting::Fixed(_) => Ok(duration),
        DurationSetting::Longest => Ok(DurationSetting::HOUR),
    }
}

/// Keys of the hop's tags, each once.
fn transitive_tag_keys(place: &Place<'_>, hop: &Role) -> Result<(), Error> {
    for (at, key) in hop.transitive_tag_keys.iter().enumerate() {
        let path = place.path("transitiveTagKeys");
        if !hop.tags.iter().any(|tag| tag.key.same_as(key)) {
            let allowed = "the key of one of the tags of this hop";
            let error = NotAccepted::value(key.as_str(), allowed);
            return Err(Error::not_accepted(format!("{path}[{at}]"), error));
        }
        let before = &hop.transitive_tag_keys[..at];
        if before.iter().any(|other| other.same_as(key)) {
            return Err(Error::value(path, key.as_str(), "each key once"));
        }
    }
    Ok(())
}
