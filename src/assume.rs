//! What STS is asked and what it answers: one step per identity of a profile, with every parameter parsed.
//!
//! Owns the parameters' limits (those of the newest STS model); `config` builds these values and nothing
//! inside checks them again. It never sends anything: `sts` does. A profile is its steps, source first.
//! A further source is a further variant of [`Step`].

mod limits;
mod names;
mod reply;
mod role;
mod source;
mod timeout;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub use limits::{
    AccountId, Error, ExternalId, FederatedName, IdentityPoolId, Login, Policy, PolicyArn,
    ProviderArn, ProviderId, SamlProviderArn, SerialNumber, SessionDuration, SourceIdentity, Tag,
    TagKey,
};
pub use names::{ProfileName, SessionNameTemplate};
pub use reply::{Reply, ReplyDetails};
pub use role::{Mfa, MfaCode, ProvidedContext, Restriction, Role};
pub use source::{AccessKeyFile, Cognito, FederationToken, Saml, SessionToken, WebIdentity};
pub use timeout::{AttemptTimeout, NotATimeout};

use crate::material::Form;
use crate::role::RoleArn;

/// One profile: a name, and the steps that lead to its credentials.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Stands in metrics labels, log lines and the configuration file.
    pub name: ProfileName,
    /// The source first, then each hop of the chain; never empty.
    pub steps: Vec<Arc<Step>>,
}

impl Profile {
    /// The file that proves who the profile is, and what is in it.
    ///
    /// # Panics
    /// When the first step has none, which the configuration never lets happen.
    #[must_use]
    pub fn source_file(&self) -> (&Path, Form) {
        let source = self.steps.first().and_then(|step| step.source_file());
        source.expect("the configuration puts a step first that has a file of its own")
    }

    /// Every file that the profile reads while it runs.
    #[must_use]
    pub fn files(&self) -> Vec<(&Path, Form)> {
        self.steps
            .iter()
            .flat_map(|step| step.source_file().into_iter().chain(step.extra_files()))
            .collect()
    }
}

/// One exchange with STS.
#[derive(Clone, Debug)]
pub enum Step {
    /// `AssumeRoleWithWebIdentity`: the pod's token against a role session. Always a first step.
    WebIdentity(WebIdentity),
    /// `AssumeRoleWithSAML`: an assertion against a role session. Always a first step.
    Saml(Saml),
    /// `GetSessionToken`, signed with long-term keys. Always a first step.
    SessionToken(SessionToken),
    /// `GetFederationToken`, signed with long-term keys. Always the only step.
    FederationToken(FederationToken),
    /// `GetCredentialsForIdentity` of Amazon Cognito, with the pod's token as login. Always a first step.
    Cognito(Cognito),
    /// `AssumeRole`, signed with the credentials of the step before, or as a first step with long-term keys.
    Role(Role),
}

impl Step {
    /// The STS operation, which is also a label of the duration metric.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::WebIdentity(_) => "AssumeRoleWithWebIdentity",
            Self::Saml(_) => "AssumeRoleWithSAML",
            Self::SessionToken(_) => "GetSessionToken",
            Self::FederationToken(_) => "GetFederationToken",
            Self::Cognito(_) => "GetCredentialsForIdentity",
            Self::Role(_) => "AssumeRole",
        }
    }

    /// The role asked for, when one is.
    #[must_use]
    pub fn role_arn(&self) -> Option<&RoleArn> {
        match self {
            Self::WebIdentity(step) => step.role_arn.as_ref(),
            Self::Saml(step) => Some(&step.role_arn),
            Self::SessionToken(_) | Self::FederationToken(_) => None,
            Self::Cognito(step) => step.custom_role_arn.as_ref(),
            Self::Role(step) => Some(&step.role_arn),
        }
    }

    /// How long a session is asked for.
    #[must_use]
    pub fn duration(&self) -> DurationSetting {
        match self {
            Self::WebIdentity(step) => step.duration,
            Self::Saml(step) => step.duration,
            Self::SessionToken(step) => DurationSetting::Fixed(step.duration),
            Self::FederationToken(step) => DurationSetting::Fixed(step.duration),
            // Not asked for: an identity pool always gives an hour.
            Self::Cognito(_) => DurationSetting::HOUR,
            Self::Role(step) => step.duration,
        }
    }

    /// The name of its session, if it is asked for with one; assertion, key and pool name theirs themselves.
    #[must_use]
    pub fn session_name(&self) -> Option<&SessionNameTemplate> {
        match self {
            Self::WebIdentity(step) => Some(&step.session_name),
            Self::Role(step) => Some(&step.session_name),
            Self::Saml(_) | Self::SessionToken(_) | Self::FederationToken(_) | Self::Cognito(_) => {
                None
            }
        }
    }

    /// The file that proves who asks; nothing where the step before does.
    #[must_use]
    pub fn source_file(&self) -> Option<(&Path, Form)> {
        let keys = |keys: &AccessKeyFile| Form::AccessKey {
            profile: keys.profile.clone(),
            server: keys.server,
        };
        match self {
            Self::WebIdentity(WebIdentity {
                token_file,
                provider_id: Some(_),
                ..
            }) => Some((token_file, Form::OAuthToken)),
            Self::WebIdentity(step) => Some((&step.token_file, Form::Token)),
            Self::Saml(step) => Some((&step.assertion_file, Form::Assertion)),
            Self::SessionToken(SessionToken { keys: file, .. })
            | Self::FederationToken(FederationToken { keys: file, .. }) => {
                Some((&file.path, keys(file)))
            }
            Self::Cognito(step) => Some((&step.token_file, Form::Token)),
            Self::Role(step) => step.keys.as_ref().map(|file| (&*file.path, keys(file))),
        }
    }

    /// The device whose code goes with the call.
    #[must_use]
    pub fn mfa(&self) -> Option<&Mfa> {
        match self {
            Self::SessionToken(step) => step.mfa.as_ref(),
            Self::Role(step) => step.mfa.as_ref(),
            _ => None,
        }
    }

    /// The files that go with the call besides its proof.
    #[must_use]
    pub fn extra_files(&self) -> Vec<(&Path, Form)> {
        let device = self.mfa().map(|mfa| match &mfa.code {
            MfaCode::Secret(path) => (path.as_path(), Form::Totp),
            MfaCode::Code(path) => (path.as_path(), Form::Code),
        });
        let contexts = self
            .contexts()
            .iter()
            .map(|context| (context.assertion_file.as_path(), Form::Context));
        device.into_iter().chain(contexts).collect()
    }

    /// The context assertions that go with the call.
    #[must_use]
    pub fn contexts(&self) -> &[ProvidedContext] {
        if let Self::Role(step) = self {
            &step.provided_contexts
        } else {
            &[]
        }
    }

    /// What narrows its session.
    #[must_use]
    pub fn restriction(&self) -> Option<&Restriction> {
        match self {
            Self::WebIdentity(step) => Some(&step.restriction),
            Self::Saml(step) => Some(&step.restriction),
            Self::FederationToken(step) => Some(&step.restriction),
            Self::Role(step) => Some(&step.restriction),
            Self::SessionToken(_) | Self::Cognito(_) => None,
        }
    }

    /// Whether its credentials are a role session's, behind which STS grants an hour at most (role chaining).
    #[must_use]
    pub fn yields_role_session(&self) -> bool {
        !matches!(self, Self::SessionToken(_) | Self::FederationToken(_))
    }
}

/// The session duration as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationSetting {
    /// Always this long.
    Fixed(SessionDuration),
    /// 1 h at first, later whatever the role allows, up to 12 h.
    Longest,
}

impl DurationSetting {
    /// What every role allows.
    pub const HOUR: Self = Self::Fixed(SessionDuration::HOUR);
}

/// How long STS allows at most for a hop that is assumed with a role session's credentials.
pub const ROLE_CHAINING_LIMIT: Duration = Duration::from_hours(1);
