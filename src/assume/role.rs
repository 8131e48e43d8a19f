//! Parameters of `AssumeRole`, and those it shares with other operations.
//!
//! Plain values that `config` makes and `sts` sends; nothing here decides.

use std::path::PathBuf;

use super::{
    AccessKeyFile, DurationSetting, ExternalId, Policy, PolicyArn, ProviderArn, SerialNumber,
    SessionNameTemplate, SourceIdentity, Tag, TagKey,
};
use crate::role::RoleArn;

/// Parameters of `AssumeRole`.
#[derive(Clone, Debug)]
pub struct Role {
    /// The role to assume.
    pub role_arn: RoleArn,
    /// Signs the call where there is no step before.
    pub keys: Option<AccessKeyFile>,
    /// `{namespace}.{pod}` when the configuration gives none.
    pub session_name: SessionNameTemplate,
    /// How long a session is asked for; at most 1 h behind a role session (role chaining).
    pub duration: DurationSetting,
    /// What the session may do at most.
    pub restriction: Restriction,
    /// The value the role's trust policy demands of third parties.
    pub external_id: Option<ExternalId>,
    /// Session tags.
    pub tags: Vec<Tag>,
    /// Those of the tags that later hops inherit.
    pub transitive_tag_keys: Vec<TagKey>,
    /// Fixed for the whole chain behind this hop.
    pub source_identity: Option<SourceIdentity>,
    /// The device whose code the role's trust policy demands.
    pub mfa: Option<Mfa>,
    /// Trusted contexts, at most five.
    pub provided_contexts: Vec<ProvidedContext>,
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
            restriction: Restriction::default(),
            external_id: None,
            tags: Vec::new(),
            transitive_tag_keys: Vec::new(),
            source_identity: None,
            mfa: None,
            provided_contexts: Vec::new(),
        }
    }
}

/// A session policy and managed policies that narrow what the session may do.
#[derive(Clone, Debug, Default)]
pub struct Restriction {
    /// An inline policy document.
    pub policy: Option<Policy>,
    /// At most ten managed policies.
    pub policy_arns: Vec<PolicyArn>,
}

impl Restriction {
    /// As many as STS takes (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
    pub const MOST_POLICY_ARNS: usize = 10;
    /// Of inline and managed policies together.
    pub const MOST_CHARACTERS: usize = 2048;

    /// The characters that STS counts.
    #[must_use]
    pub fn characters(&self) -> usize {
        let inline = self
            .policy
            .as_ref()
            .map_or(0, |policy| policy.as_str().chars().count());
        inline
            + self
                .policy_arns
                .iter()
                .map(|arn| arn.as_str().len())
                .sum::<usize>()
    }
}

/// A device for multi-factor authentication.
#[derive(Clone, Debug)]
pub struct Mfa {
    /// `SerialNumber`: of a hardware device, or the ARN of a virtual one.
    pub serial_number: SerialNumber,
    /// Where its codes come from.
    pub code: MfaCode,
}

/// Where the codes of a device come from.
#[derive(Clone, Debug)]
pub enum MfaCode {
    /// The secret of a virtual device, in base 32: codes are computed (RFC 6238).
    Secret(PathBuf),
    /// A file into which somebody else writes each code.
    Code(PathBuf),
}

/// One of `ProvidedContexts`.
#[derive(Clone, Debug)]
pub struct ProvidedContext {
    /// Who vouches for the assertion.
    pub provider_arn: ProviderArn,
    /// Holds the assertion, and is read again before each call.
    pub assertion_file: PathBuf,
}
