//! The steps of a profile: each source, and a hop.
//!
//! Owns which keys make which parameters. The rules between the steps are `profile`'s and `chain`'s.

use super::super::error::Error;
use super::super::file;
use super::keys::Keys;
use crate::assume::{
    AccessKeyFile, AccountId, Cognito, ExternalId, FederatedName, FederationToken, IdentityPoolId,
    Login, ProviderId, Role, Saml, SamlProviderArn, SessionNameTemplate, SessionToken,
    SourceIdentity, WebIdentity,
};
use crate::role::RoleArn;

pub(super) fn web_identity(
    keys: &Keys<'_>,
    source: &file::WebIdentity,
) -> Result<WebIdentity, Error> {
    let file::WebIdentity {
        role_arn,
        token_file,
        provider_id,
        session_name,
        session_duration,
        ..
    } = source;
    let file::WebIdentity {
        policy,
        policy_file,
        policy_arns,
        ..
    } = source;
    Ok(WebIdentity {
        role_arn: keys.optional("roleArn", role_arn.as_ref(), |text| {
            RoleArn::parse_at(keys.servers.sts, text)
        })?,
        token_file: token_file_of(keys, token_file.as_ref())?,
        provider_id: keys.optional("providerId", provider_id.as_ref(), ProviderId::parse)?,
        session_name: session_name_of(keys, session_name.as_ref())?,
        duration: keys.token_duration(session_duration.as_ref())?,
        restriction: keys.restriction(policy.as_ref(), policy_file.as_ref(), policy_arns)?,
    })
}

pub(super) fn saml(keys: &Keys<'_>, source: &file::Saml) -> Result<Saml, Error> {
    let file::Saml {
        role_arn,
        principal_arn,
        assertion_file,
        session_duration,
        policy,
        policy_file,
        policy_arns,
    } = source;
    Ok(Saml {
        role_arn: keys
            .given("roleArn", role_arn)
            .parse(|text| RoleArn::parse_at(keys.servers.sts, text))?,
        principal_arn: keys
            .given("principalArn", principal_arn)
            .parse(|text| SamlProviderArn::parse_at(keys.servers.sts, text))?,
        assertion_file: keys.given("assertionFile", assertion_file).file()?,
        duration: keys.duration(session_duration.as_ref())?,
        restriction: keys.restriction(policy.as_ref(), policy_file.as_ref(), policy_arns)?,
    })
}

pub(super) fn session_token(
    keys: &Keys<'_>,
    source: &file::SessionToken,
) -> Result<SessionToken, Error> {
    let file::SessionToken {
        credentials_file,
        profile,
        session_duration,
        mfa,
    } = source;
    Ok(SessionToken {
        keys: keys.access_key(credentials_file, profile.as_ref())?,
        duration: keys.user_duration(session_duration.as_ref())?,
        mfa: keys.mfa(mfa.as_ref())?,
    })
}

pub(super) fn federation_token(
    keys: &Keys<'_>,
    source: &file::FederationToken,
    warnings: &mut Vec<String>,
) -> Result<FederationToken, Error> {
    let file::FederationToken {
        credentials_file,
        profile,
        name,
        session_duration,
        tags,
        ..
    } = source;
    let file::FederationToken {
        policy,
        policy_file,
        policy_arns,
        ..
    } = source;
    let restriction = keys.restriction(policy.as_ref(), policy_file.as_ref(), policy_arns)?;
    if restriction.policy.is_none() && restriction.policy_arns.is_empty() {
        warnings.push(format!(
            "{} has neither policy nor policyArns: its session may do nothing but what a resource's own policy allows \
             the federated user",
            keys.path
        ));
    }
    Ok(FederationToken {
        keys: keys.access_key(credentials_file, profile.as_ref())?,
        name: keys.given("name", name).parse(FederatedName::parse)?,
        duration: keys.user_duration(session_duration.as_ref())?,
        restriction,
        tags: keys.tags(tags)?,
    })
}

pub(super) fn cognito(keys: &Keys<'_>, source: &file::Cognito) -> Result<Cognito, Error> {
    if !cfg!(feature = "cognito") {
        let problem =
            "this build of stsidecar does not have it: build it with the cargo feature cognito";
        return Err(Error::setting(&keys.path, problem));
    }
    let file::Cognito {
        identity_pool_id,
        account_id,
        login,
        token_file,
        custom_role_arn,
    } = source;
    Ok(Cognito {
        identity_pool_id: keys
            .given("identityPoolId", identity_pool_id)
            .parse(IdentityPoolId::parse)?,
        account_id: keys.optional("accountId", account_id.as_ref(), AccountId::parse)?,
        login: keys.optional("login", login.as_ref(), Login::parse)?,
        token_file: token_file_of(keys, token_file.as_ref())?,
        custom_role_arn: keys.optional("customRoleArn", custom_role_arn.as_ref(), |text| {
            RoleArn::parse_at(keys.servers.cognito, text)
        })?,
    })
}

/// A hop, signed with `signer` or with the step before; `chained` is whether that one is a role session.
pub(super) fn hop(
    keys: &Keys<'_>,
    hop: &file::Hop,
    signer: Option<AccessKeyFile>,
    chained: bool,
) -> Result<Role, Error> {
    let tags = keys.tags(&hop.tags)?;
    Ok(Role {
        role_arn: keys
            .given("roleArn", &hop.role_arn)
            .parse(|text| RoleArn::parse_at(keys.servers.sts, text))?,
        keys: signer,
        session_name: session_name_of(keys, hop.session_name.as_ref())?,
        duration: keys.hop_duration(hop.session_duration.as_ref(), chained)?,
        restriction: keys.restriction(
            hop.policy.as_ref(),
            hop.policy_file.as_ref(),
            &hop.policy_arns,
        )?,
        external_id: keys.optional("externalId", hop.external_id.as_ref(), ExternalId::parse)?,
        transitive_tag_keys: keys.transitive_tag_keys(&hop.transitive_tag_keys, &tags)?,
        tags,
        source_identity: keys.optional(
            "sourceIdentity",
            hop.source_identity.as_ref(),
            SourceIdentity::parse,
        )?,
        mfa: keys.mfa(hop.mfa.as_ref())?,
        provided_contexts: keys.contexts(&hop.provided_contexts)?,
    })
}

fn session_name_of(keys: &Keys<'_>, text: Option<&String>) -> Result<SessionNameTemplate, Error> {
    Ok(keys
        .optional("sessionName", text, SessionNameTemplate::parse)?
        .unwrap_or_default())
}

fn token_file_of(keys: &Keys<'_>, text: Option<&String>) -> Result<std::path::PathBuf, Error> {
    let given = text
        .map(|file| keys.given("tokenFile", file).file())
        .transpose()?;
    Ok(given.unwrap_or_else(super::default_token_file))
}
