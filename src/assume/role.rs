//! A hop: `AssumeRole`, signed with the credentials of the step before, or with long-term keys.
//!
//! Owns the parameters of this operation.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use serde::{Deserialize, Serialize};

use super::list::List;
use super::parameter::is_word;
use super::{
    AccessKeyFile, DurationSetting, Exchange, FilePath, Issues, Mfa, Outline, Policy, Service,
    SessionNameTemplate, TagKeys, Tags,
};
use crate::role::{RoleArn, Server};

text! {
    /// `ExternalId`.
    ExternalId, text => is_word(text, 2..=1224, "_+=,.@:/-"),
    "an external id has 2 to 1224 letters, digits and _+=,.@:/- only"
}

text! {
    /// `SourceIdentity`.
    SourceIdentity, text => is_word(text, 2..=64, "_+=,.@-") && !text.starts_with("aws:"),
    "a source identity has 2 to 64 letters, digits and _+=,.@- only, and does not begin with aws:"
}

arn! {
    /// `ProviderArn` of a provided context.
    ProviderArn, "contextProvider/",
    "the ARN of a context provider, such as arn:aws:iam::aws:contextProvider/IdentityCenter (20 to 2048 characters)"
}

restricted! {
    /// `AssumeRole`.
    pub struct Role {
        /// The role to assume.
        pub role_arn: RoleArn,
        /// Signs the call where there is no step before.
        #[serde(rename = "accessKey", skip_deserializing)]
        #[cfg_attr(test, schemars(skip))]
        pub keys: Option<AccessKeyFile>,
        /// May hold {namespace} and {pod}.
        #[serde(default)]
        pub session_name: SessionNameTemplate,
        /// 15m to 1h behind a role session; behind keys or a user's session to 12h, or longest.
        #[serde(default, rename = "sessionDuration")]
        pub duration: DurationSetting,
        /// What the role's trust policy demands of third parties.
        #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
        pub external_id: Option<ExternalId>,
        /// Session tags, at most 50.
        #[serde(default)]
        pub tags: Tags,
        /// Those of the tags that later hops inherit.
        #[serde(default)]
        pub transitive_tag_keys: TagKeys,
        /// Fixed for the whole chain behind this hop.
        #[serde(default, deserialize_with = "crate::assume::parameter::optional")]
        pub source_identity: Option<SourceIdentity>,
        /// A one-time code.
        pub mfa: Option<Mfa>,
        /// Context assertions of trusted identity propagation, at most five.
        #[serde(default)]
        pub provided_contexts: List<ProvidedContext, 5>,
    }
}

/// One context assertion.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProvidedContext {
    /// Who vouches for it.
    pub provider_arn: ProviderArn,
    /// A file with the assertion, read before each call.
    #[serde(rename = "contextAssertionFile")]
    pub assertion_file: FilePath,
}

impl Role {
    /// The role for an hour, with nothing else asked for.
    #[must_use]
    pub fn new(role_arn: RoleArn) -> Self {
        Self {
            role_arn,
            keys: None,
            session_name: SessionNameTemplate::default(),
            duration: DurationSetting::HOUR,
            external_id: None,
            tags: Tags::default(),
            transitive_tag_keys: TagKeys::default(),
            source_identity: None,
            mfa: None,
            provided_contexts: List::default(),
            policy: None,
            policy_file: None,
            policy_arns: List::default(),
        }
    }
}

impl Exchange for Role {
    fn outline(&self) -> Outline<'_> {
        Outline {
            operation: "AssumeRole",
            service: Service::Sts,
            role_arn: Some(&self.role_arn),
            names: vec![("roleArn", &self.role_arn)],
            session_name: Some(&self.session_name),
            duration: self.duration,
            source_file: self.keys.as_ref().map(AccessKeyFile::source_file),
            mfa: self.mfa.as_ref(),
            contexts: &self.provided_contexts,
            restriction: Some(self.restriction()),
            issues: Issues::RoleSession,
        }
    }

    fn policy_mut(&mut self) -> Option<&mut Option<Policy>> {
        Some(&mut self.policy)
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        self.keys.as_mut().map(|keys| &mut keys.server)
    }
}
