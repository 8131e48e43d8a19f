//! Long-term keys against a session of their user: `GetSessionToken`.
//!
//! Owns the parameters of this source. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{
    AtServer, DurationSetting, Exchange, FilePath, Issues, Mfa, Outline, RestrictionKeys,
    SectionName, Service, UserDuration, access_key,
};
use crate::role::Server;

/// `GetSessionToken`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionToken {
    /// An AWS shared-credentials file with long-term keys.
    pub credentials_file: FilePath,
    /// The section of it; without it: default.
    #[serde(default)]
    pub profile: SectionName,
    /// 15m to 36h; without it 12h.
    #[serde(default, rename = "sessionDuration")]
    pub duration: UserDuration,
    /// A one-time code; without it, nothing that demands a second factor can be done with the session.
    pub mfa: Option<Mfa>,
    /// Whose keys they are.
    #[serde(skip)]
    pub server: Server,
}

impl SessionToken {
    /// The session of these keys' user for 12 hours, with nothing else asked for.
    #[must_use]
    pub fn new(credentials_file: impl Into<PathBuf>) -> Self {
        Self {
            credentials_file: credentials_file.into().into(),
            profile: SectionName::default(),
            duration: UserDuration::default(),
            mfa: None,
            server: Server::default(),
        }
    }
}

impl Exchange for SessionToken {
    fn outline(&self) -> Outline<'_> {
        let file = access_key::source_file(&self.credentials_file, &self.profile, self.server);
        Outline {
            operation: "GetSessionToken",
            service: Service::Sts,
            role_arn: None,
            session_name: None,
            duration: DurationSetting::Fixed(self.duration.get()),
            source_file: Some(file),
            mfa: self.mfa.as_ref(),
            contexts: &[],
            restriction: None,
            issues: Issues::UserSession,
        }
    }

    fn names(&self) -> Vec<(&'static str, &dyn AtServer)> {
        Vec::new()
    }

    fn restriction_keys(&mut self) -> Option<RestrictionKeys<'_>> {
        None
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        Some(&mut self.server)
    }
}
