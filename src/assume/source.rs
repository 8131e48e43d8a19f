//! Parameters of the operations a profile can begin with.
//!
//! Plain values that `config` makes and `sts` sends; nothing here decides.

use std::path::PathBuf;

use super::{
    AccountId, DurationSetting, FederatedName, IdentityPoolId, Login, Mfa, ProviderId, Restriction,
    SamlProviderArn, SessionDuration, SessionNameTemplate, Tag,
};
use crate::role::{RoleArn, Server};

/// Parameters of `AssumeRoleWithWebIdentity`.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// Optional: some STS servers derive the role from the token.
    pub role_arn: Option<RoleArn>,
    /// The projected token the kubelet rotates.
    pub token_file: PathBuf,
    /// Of an OAuth 2.0 access token; with it the file holds one, and no JWT.
    pub provider_id: Option<ProviderId>,
    /// `{namespace}.{pod}` when the configuration gives none.
    pub session_name: SessionNameTemplate,
    /// How long a session is asked for.
    pub duration: DurationSetting,
    /// What the session may do at most.
    pub restriction: Restriction,
}

impl WebIdentity {
    /// This token for an hour, with nothing else asked for.
    #[must_use]
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            role_arn: None,
            token_file: token_file.into(),
            provider_id: None,
            session_name: SessionNameTemplate::default(),
            duration: DurationSetting::HOUR,
            restriction: Restriction::default(),
        }
    }
}

/// Parameters of `AssumeRoleWithSAML`.
#[derive(Clone, Debug)]
pub struct Saml {
    /// The role to assume.
    pub role_arn: RoleArn,
    /// The provider in IAM that trusts the assertion's issuer.
    pub principal_arn: SamlProviderArn,
    /// The assertion, which somebody else renews.
    pub assertion_file: PathBuf,
    /// How long a session is asked for; the assertion may allow less.
    pub duration: DurationSetting,
    /// What the session may do at most.
    pub restriction: Restriction,
}

/// Long-term keys in an AWS shared-credentials file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyFile {
    /// The file; a mounted Secret works.
    pub path: PathBuf,
    /// The section of it.
    pub profile: String,
    /// Whose keys they are.
    pub server: Server,
}

/// Parameters of `GetSessionToken`.
#[derive(Clone, Debug)]
pub struct SessionToken {
    /// Signs the call.
    pub keys: AccessKeyFile,
    /// 15 min to 36 h.
    pub duration: SessionDuration,
    /// Without it, nothing that demands a second factor can be done with the session.
    pub mfa: Option<Mfa>,
}

/// Parameters of `GetFederationToken`.
#[derive(Clone, Debug)]
pub struct FederationToken {
    /// Signs the call.
    pub keys: AccessKeyFile,
    /// Of the federated user.
    pub name: FederatedName,
    /// 15 min to 36 h.
    pub duration: SessionDuration,
    /// Without it the session has no permissions of its own.
    pub restriction: Restriction,
    /// Session tags.
    pub tags: Vec<Tag>,
}

/// Parameters of `GetId` and `GetCredentialsForIdentity`.
#[derive(Clone, Debug)]
pub struct Cognito {
    /// The identity pool, with its region in front.
    pub identity_pool_id: IdentityPoolId,
    /// The account that owns the pool.
    pub account_id: Option<AccountId>,
    /// The token's issuer, as the pool lists it; the `iss` claim without `https://` when absent.
    pub login: Option<Login>,
    /// The projected token the kubelet rotates.
    pub token_file: PathBuf,
    /// Among the roles that the pool's rules allow.
    pub custom_role_arn: Option<RoleArn>,
}
