//! The pod's token against an identity of an Amazon Cognito identity pool: `GetId` and
//! `GetCredentialsForIdentity`.
//!
//! Owns the parameters of this source.
//! <https://docs.aws.amazon.com/cognitoidentity/latest/APIReference/API_GetCredentialsForIdentity.html>

use serde::{Deserialize, Serialize};

use super::parameter::is_word;
use super::{AtServer, DurationSetting, Exchange, Issues, Outline, Policy, Service, TokenFile};
use crate::file_content::Form;
use crate::role::{RoleArn, Server};

text! {
    /// `IdentityPoolId` of Amazon Cognito: region, colon, UUID.
    IdentityPoolId,
    text => text.len() <= 55 && text.split_once(':').is_some_and(|(region, id)| {
        is_word(region, 1..=55, "-")
            && !id.is_empty()
            && id.bytes().all(|b| b"0123456789abcdef-".contains(&b))
    }),
    "an identity pool's id looks like eu-central-1:12345678-1234-1234-1234-123456789012"
}

text! {
    /// An account of AWS.
    AccountId, text => text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()),
    "an account's id has twelve digits"
}

text! {
    /// The key of an entry in Cognito's `Logins`: an issuer without its scheme.
    Login,
    text => (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains("://"),
    "the token's issuer as the identity pool lists it, without https:// (1 to 128 characters)"
}

impl IdentityPoolId {
    /// The region that the pool is in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.as_str().split(':').next().unwrap_or_default()
    }
}

/// An identity of an Amazon Cognito identity pool.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cognito {
    /// Such as eu-central-1:12345678-1234-1234-1234-123456789012.
    pub identity_pool_id: IdentityPoolId,
    /// The account that owns the pool.
    #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
    pub account_id: Option<AccountId>,
    /// The token's issuer as the pool lists it; without it the token's own, less https://.
    #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
    pub login: Option<Login>,
    /// The projected service account token.
    #[serde(default)]
    pub token_file: TokenFile,
    /// One of the roles that the pool's rules allow, instead of the one they choose.
    #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
    pub custom_role_arn: Option<RoleArn>,
}

impl Exchange for Cognito {
    fn outline(&self) -> Outline<'_> {
        let role_arn = self.custom_role_arn.as_ref();
        let names = role_arn.map(|role| ("customRoleArn", role as &dyn AtServer));
        Outline {
            operation: "GetCredentialsForIdentity",
            service: Service::Cognito,
            role_arn,
            names: Vec::from_iter(names),
            session_name: None,
            // Not asked for: an identity pool always gives an hour.
            duration: DurationSetting::HOUR,
            source_file: Some((&self.token_file, Form::Token)),
            mfa: None,
            contexts: &[],
            restriction: None,
            issues: Issues::RoleSession,
        }
    }

    fn policy_mut(&mut self) -> Option<&mut Option<Policy>> {
        None
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        None
    }
}
