//! The pod's token against a role session: `AssumeRoleWithWebIdentity`.
//!
//! Owns the parameters of this source.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>

use std::path::PathBuf;

use super::{
    AtServer, DurationSetting, Exchange, Issues, Outline, Policy, Service, SessionNameTemplate,
    TokenFile,
};
use crate::file_content::Form;
use crate::role::{RoleArn, Server};

text! {
    /// `ProviderId`: the host of an OAuth 2.0 provider.
    ProviderId,
    text => (4..=2048).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
        && !text.contains("://"),
    "an OAuth 2.0 provider's host, such as www.amazon.com or graph.facebook.com (4 to 2048 characters), and never for a JWT"
}

restricted! {
    /// `AssumeRoleWithWebIdentity`.
    #[derive(Default)]
    pub struct WebIdentity {
        /// The role to assume; some STS servers derive it from the token.
        #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
        pub role_arn: Option<RoleArn>,
        /// The projected service account token.
        #[serde(default)]
        pub token_file: TokenFile,
        /// The provider of an OAuth 2.0 access token in the token file; never for a JWT.
        #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
        pub provider_id: Option<ProviderId>,
        /// May hold {namespace} and {pod}.
        #[serde(default)]
        pub session_name: SessionNameTemplate,
        /// 15m to 12h, or longest.
        #[serde(default, rename = "sessionDuration")]
        pub duration: DurationSetting,
    }
}

impl WebIdentity {
    /// This token for an hour, with nothing else asked for.
    #[must_use]
    pub fn new(token_file: impl Into<PathBuf>) -> Self {
        Self {
            token_file: TokenFile::from(token_file.into()),
            ..Self::default()
        }
    }
}

impl Exchange for WebIdentity {
    fn outline(&self) -> Outline<'_> {
        let role_arn = self.role_arn.as_ref();
        let names = role_arn.map(|role| ("roleArn", role as &dyn AtServer));
        let form = match self.provider_id {
            Some(_) => Form::OAuthToken,
            None => Form::Token,
        };
        Outline {
            operation: "AssumeRoleWithWebIdentity",
            service: Service::Sts,
            role_arn,
            names: Vec::from_iter(names),
            session_name: Some(&self.session_name),
            duration: self.duration,
            source_file: Some((&self.token_file, form)),
            mfa: None,
            contexts: &[],
            restriction: Some(self.restriction()),
            issues: Issues::RoleSession,
        }
    }

    fn policy_mut(&mut self) -> Option<&mut Option<Policy>> {
        Some(&mut self.policy)
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        None
    }
}
