//! What STS answers: credentials, its own clock, and every other element of a response.
//!
//! Plain values. `sts` checks and fills them, `session` keeps them, `/status` and the log show the
//! details.

use crate::credentials::Credentials;
use crate::time::Wall;

/// A good answer of STS, with every field checked by `sts`.
#[derive(Clone, Debug)]
pub struct StsResponse {
    /// What was issued.
    pub credentials: Credentials,
    /// The server's own clock when it answered, from the `Date` header.
    pub date: Option<Wall>,
    /// Details worth showing; none of them secret.
    pub details: ResponseDetails,
}

/// What a reply says besides the credentials: STS's response elements, under their own names; none
/// is secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseDetails {
    /// `AssumedRoleUser.Arn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_role_arn: Option<String>,
    /// `AssumedRoleUser.AssumedRoleId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_role_id: Option<String>,
    /// `FederatedUser.Arn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_user_arn: Option<String>,
    /// `FederatedUser.FederatedUserId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_user_id: Option<String>,
    /// Percent of what policies and tags may take; deprecated by STS in 2026 for the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packed_policy_size: Option<i32>,
    /// Percent of what a session token may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token_utilization: Option<i32>,
    /// The session token's bytes, as STS counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token_size: Option<i32>,
    /// Fixed for the chain behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// The token's `sub`, as STS understood it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_from_web_identity_token: Option<String>,
    /// The token's `aud`, or the recipient of the assertion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The token's issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The assertion's `NameID`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The format of that name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<String>,
    /// The assertion's issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Names issuer, account and provider of an assertion, hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_qualifier: Option<String>,
    /// Cognito's name for the identity of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_id: Option<String>,
    /// `x-amzn-RequestId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ResponseDetails {
    /// Percent of the room for policies and tags that is used, by STS's newer element if it is
    /// there.
    #[must_use]
    pub fn utilization(&self) -> Option<i32> {
        self.session_token_utilization.or(self.packed_policy_size)
    }
}
