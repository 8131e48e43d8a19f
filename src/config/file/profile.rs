//! Profiles as the document writes them: one source each, and the hops behind it.
//!
//! Owns types only; every value is still text.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One identity: exactly one source, and the hops behind it.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// The pod's token against a role session.
    pub web_identity: Option<WebIdentity>,
    /// A SAML assertion against a role session.
    pub saml: Option<Saml>,
    /// Long-term keys against a session of their user.
    pub session_token: Option<SessionToken>,
    /// Long-term keys against a session of a federated user, behind which no hop is possible.
    pub federation_token: Option<FederationToken>,
    /// Long-term keys that sign the first hop; at least one is needed.
    pub access_key: Option<AccessKey>,
    /// The pod's token against an identity of an Amazon Cognito identity pool.
    pub cognito: Option<Cognito>,
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
    /// The provider of an OAuth 2.0 access token in the token file; never for a JWT.
    pub provider_id: Option<String>,
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

/// `AssumeRoleWithSAML`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Saml {
    /// The role to assume.
    pub role_arn: String,
    /// The SAML provider in IAM.
    pub principal_arn: String,
    /// The response of the identity provider, XML or base 64; whoever renews it replaces the file.
    pub assertion_file: String,
    /// 15m to 12h, or longest; the assertion may allow less.
    pub session_duration: Option<String>,
    /// A session policy: an object, or its JSON text.
    pub policy: Option<Value>,
    /// A file with the session policy's JSON.
    pub policy_file: Option<String>,
    /// At most ten managed policies.
    #[serde(default)]
    pub policy_arns: Vec<String>,
}

/// `GetSessionToken`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionToken {
    /// An AWS shared-credentials file with long-term keys.
    pub credentials_file: String,
    /// The section of it; without it: default.
    pub profile: Option<String>,
    /// 15m to 36h; without it 12h.
    pub session_duration: Option<String>,
    /// A one-time code.
    pub mfa: Option<Mfa>,
}

/// `GetFederationToken`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederationToken {
    /// An AWS shared-credentials file with long-term keys.
    pub credentials_file: String,
    /// The section of it; without it: default.
    pub profile: Option<String>,
    /// The federated user's name, 2 to 32 characters.
    pub name: String,
    /// 15m to 36h; without it 12h.
    pub session_duration: Option<String>,
    /// A session policy: an object, or its JSON text.
    pub policy: Option<Value>,
    /// A file with the session policy's JSON.
    pub policy_file: Option<String>,
    /// At most ten managed policies.
    #[serde(default)]
    pub policy_arns: Vec<String>,
    /// Session tags, at most 50.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Long-term keys.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKey {
    /// An AWS shared-credentials file with long-term keys.
    pub credentials_file: String,
    /// The section of it; without it: default.
    pub profile: Option<String>,
}

/// An identity of an Amazon Cognito identity pool.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cognito {
    /// Such as eu-central-1:12345678-1234-1234-1234-123456789012.
    pub identity_pool_id: String,
    /// The account that owns the pool.
    pub account_id: Option<String>,
    /// The token's issuer as the pool lists it; without it the token's own, less https://.
    pub login: Option<String>,
    /// The projected service account token.
    pub token_file: Option<String>,
    /// One of the roles that the pool's rules allow, instead of the one they choose.
    pub custom_role_arn: Option<String>,
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
    /// 15m to 1h behind a role session, to 12h behind long-term keys or their user's session; there also longest.
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
    /// A one-time code.
    pub mfa: Option<Mfa>,
    /// Context assertions of trusted identity propagation, at most five.
    #[serde(default)]
    pub provided_contexts: Vec<ProvidedContext>,
}

/// A device for multi-factor authentication, with exactly one of the two files.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mfa {
    /// Of a hardware device, or the ARN of a virtual one.
    pub serial_number: String,
    /// The virtual device's secret in base 32: codes are computed.
    pub totp_secret_file: Option<String>,
    /// A file into which somebody writes each code.
    pub token_code_file: Option<String>,
}

/// One context assertion.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvidedContext {
    /// Who vouches for it.
    pub provider_arn: String,
    /// A file with the assertion, read before each call.
    pub context_assertion_file: String,
}
