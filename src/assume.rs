//! What STS is asked and what it answers: one step per identity of a profile, with every parameter parsed.
//!
//! Owns the parameters' limits (those of the newest STS model); `config` builds these values and nothing
//! inside checks them again. It never sends anything: `sts` does. A profile is its steps, source first.
//! A further source is a further variant of [`Step`].

mod limits;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use limits::{Error, ExternalId, Policy, PolicyArn, SessionDuration, SourceIdentity, Tag, TagKey};

use crate::credentials::Credentials;
use crate::role::{RoleArn, SessionName};
use crate::time::Wall;

/// One profile: a name, and the steps that lead to its credentials.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Stands in metrics labels, log lines and the configuration file.
    pub name: ProfileName,
    /// The source first, then each hop of the chain; never empty.
    pub steps: Vec<Arc<Step>>,
}

/// A profile's name: 1 to 63 lower-case letters, digits and dashes, so that a container's name is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(String);

impl ProfileName {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is not a DNS label (the grammar of Kubernetes container names).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let sound = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::ProfileName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ProfileName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One exchange with STS.
#[derive(Clone, Debug)]
pub enum Step {
    /// `AssumeRoleWithWebIdentity`: the pod's token against a role session. Always a first step.
    WebIdentity(WebIdentity),
    /// `AssumeRole`, signed with the credentials of the step before.
    Role(Role),
}

impl Step {
    /// The STS operation, which is also a label of the duration metric.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::WebIdentity(_) => "AssumeRoleWithWebIdentity",
            Self::Role(_) => "AssumeRole",
        }
    }

    /// The role asked for, when one is.
    #[must_use]
    pub fn role_arn(&self) -> Option<&RoleArn> {
        match self {
            Self::WebIdentity(step) => step.role_arn.as_ref(),
            Self::Role(step) => Some(&step.role_arn),
        }
    }

    /// How long a session is asked for.
    #[must_use]
    pub fn duration(&self) -> DurationSetting {
        match self {
            Self::WebIdentity(step) => step.duration,
            Self::Role(step) => step.duration,
        }
    }

    /// The session name written in the configuration, before the default.
    #[must_use]
    pub fn session_name(&self) -> Option<&SessionNameTemplate> {
        match self {
            Self::WebIdentity(step) => step.session_name.as_ref(),
            Self::Role(step) => step.session_name.as_ref(),
        }
    }
}

/// Parameters of `AssumeRoleWithWebIdentity`.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// Optional: some STS servers derive the role from the token.
    pub role_arn: Option<RoleArn>,
    /// The projected token the kubelet rotates.
    pub token_file: PathBuf,
    /// `{namespace}.{pod}` when absent.
    pub session_name: Option<SessionNameTemplate>,
    /// How long a session is asked for.
    pub duration: DurationSetting,
    /// What the session may do at most.
    pub restriction: Restriction,
}

/// Parameters of `AssumeRole`.
#[derive(Clone, Debug)]
pub struct Role {
    /// The role to assume.
    pub role_arn: RoleArn,
    /// `{namespace}.{pod}` when absent.
    pub session_name: Option<SessionNameTemplate>,
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
}

/// A session policy and managed policies that narrow what the session may do.
#[derive(Clone, Debug, Default)]
pub struct Restriction {
    /// An inline policy document.
    pub policy: Option<Policy>,
    /// At most ten managed policies.
    pub policy_arns: Vec<PolicyArn>,
}

/// The session duration as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationSetting {
    /// Always this long.
    Fixed(SessionDuration),
    /// 1 h at first, later whatever the role allows, up to 12 h (agent decision A8).
    Longest,
}

/// A session name with `{namespace}` and `{pod}` to be filled from the token's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionNameTemplate(String);

impl SessionNameTemplate {
    /// What a profile without a name uses.
    pub const DEFAULT: &'static str = "{namespace}.{pod}";

    /// Takes a template.
    ///
    /// # Errors
    /// When it holds an unknown placeholder, or would not be a session name with its placeholders filled.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let filled = text.replace("{namespace}", "n").replace("{pod}", "p");
        let minimum = if filled == text { filled } else { format!("{filled}-") };
        SessionName::parse(&minimum).map_err(|_| Error::SessionName)?;
        Ok(Self(text.to_owned()))
    }

    /// Whether the claims of a token are needed.
    #[must_use]
    pub fn needs_claims(&self) -> bool {
        self.0.contains('{')
    }

    /// The template as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name for one pod, made fit for STS.
    #[must_use]
    pub fn fill(&self, namespace: &str, pod: &str) -> SessionName {
        SessionName::sanitised(&self.0.replace("{namespace}", namespace).replace("{pod}", pod))
    }
}

impl Default for SessionNameTemplate {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

/// A good answer of STS, with every field checked by `sts`.
#[derive(Clone, Debug)]
pub struct Reply {
    /// What was issued.
    pub credentials: Credentials,
    /// The server's own clock when it answered, from the `Date` header.
    pub date: Option<Wall>,
    /// Details worth showing; none of them secret.
    pub details: ReplyDetails,
}

/// What a reply says besides the credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplyDetails {
    /// `AssumedRoleUser.Arn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed_role_arn: Option<String>,
    /// `x-amzn-RequestId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How long STS allows at most for a hop that is assumed with a role session's credentials.
pub const ROLE_CHAINING_LIMIT: Duration = Duration::from_hours(1);
