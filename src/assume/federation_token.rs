//! Long-term keys against a session of a federated user: `GetFederationToken`.
//!
//! Owns the parameters of this source. <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>

use super::parameter::is_word;
use super::{
    AtServer, DurationSetting, Exchange, FilePath, Issues, Outline, RestrictionKeys, SectionName,
    Service, Tags, UserDuration, access_key,
};
use crate::role::Server;

text! {
    /// `Name` of `GetFederationToken`: half of what a role session's name may have.
    FederatedName, text => is_word(text, 2..=32, "_+=,.@-"),
    "a federated user's name has 2 to 32 letters, digits and _+=,.@- only (role session names had 32 once and may have 64 now, these may not)"
}

restricted! {
    /// `GetFederationToken`.
    pub struct FederationToken {
        /// An AWS shared-credentials file with long-term keys.
        pub credentials_file: FilePath,
        /// The section of it; without it: default.
        #[serde(default)]
        pub profile: SectionName,
        /// The federated user's name, 2 to 32 characters.
        pub name: FederatedName,
        /// 15m to 36h; without it 12h.
        #[serde(default, rename = "sessionDuration")]
        pub duration: UserDuration,
        /// Session tags, at most 50.
        #[serde(default)]
        pub tags: Tags,
        /// Whose keys they are.
        #[serde(skip)]
        pub server: Server,
    }
}

impl Exchange for FederationToken {
    fn outline(&self) -> Outline<'_> {
        let file = access_key::source_file(&self.credentials_file, &self.profile, self.server);
        Outline {
            operation: "GetFederationToken",
            service: Service::Sts,
            role_arn: None,
            session_name: None,
            duration: DurationSetting::Fixed(self.duration.get()),
            source_file: Some(file),
            mfa: None,
            contexts: &[],
            restriction: Some(self.restriction()),
            issues: Issues::FederatedUserSession,
        }
    }

    fn names(&self) -> Vec<(&'static str, &dyn AtServer)> {
        Vec::new()
    }

    fn restriction_keys(&mut self) -> Option<RestrictionKeys<'_>> {
        Some(self.keys_of_restriction())
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        Some(&mut self.server)
    }
}
