//! What STS is asked and what it answers: one step per identity of a profile, with every parameter
//! parsed.
//!
//! Owns the parameters, with their limits, and what is read and shown of them: each operation has a
//! file below, whose struct is what the configuration file holds, what its description shows and
//! what `sts` sends. Nothing inside checks them again. It never sends anything and knows no rule
//! between parameters: those are `config`'s. A profile is its steps, source first. A further source
//! is a further variant of [`Hop`].

// First, for their macros.
#[macro_use]
mod parameter;
#[macro_use]
mod restriction;

mod access_key;
mod cognito;
mod duration;
mod federation_token;
mod file_path;
mod list;
mod mfa;
mod names;
mod response;
mod role;
mod saml;
mod session_token;
mod tags;
#[cfg(test)]
mod tests;
mod timeout;
mod web_identity;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

pub use access_key::{AccessKeyFile, SectionName};
pub use duration::{DurationSetting, ROLE_CHAINING_LIMIT, SessionDuration, UserDuration};
pub use file_path::{FilePath, TokenFile};
pub use list::{List, TooMany};
pub use mfa::{Mfa, MfaCode, SerialNumber};
pub use names::{ProfileName, SessionNameTemplate};
pub use parameter::{AtServer, Error, NotAccepted};
pub use response::{ResponseDetails, StsResponse};
pub use restriction::{Policy, PolicyArn, PolicyArns, Restriction};
pub use tags::{Tag, TagKey, TagKeys, TagValue, Tags};
pub use timeout::{AttemptTimeout, NotATimeout};

// Of the operations everything, so that a parameter more is in its operation's file alone.
pub use cognito::*;
pub use federation_token::*;
pub use role::*;
pub use saml::*;
pub use session_token::*;
pub use web_identity::*;

use crate::file_content::Form;
use crate::role::{RoleArn, Server};

/// One profile: a name, and the steps that lead to its credentials.
#[derive(Clone, Debug)]
pub struct Profile {
    /// In metrics labels, log lines and the configuration file.
    pub name: ProfileName,
    /// The source first, then each hop of the chain; never empty.
    pub steps: Vec<Arc<Hop>>,
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
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Hop {
    /// `AssumeRoleWithWebIdentity`: the pod's token against a role session. Always a first step.
    WebIdentity(WebIdentity),
    /// `AssumeRoleWithSAML`: an assertion against a role session. Always a first step.
    Saml(Saml),
    /// `GetSessionToken`, signed with long-term keys. Always a first step.
    SessionToken(SessionToken),
    /// `GetFederationToken`, signed with long-term keys. Always the only step.
    FederationToken(FederationToken),
    /// `GetCredentialsForIdentity` of Amazon Cognito, with the pod's token as login. Always a first
    /// step.
    Cognito(Cognito),
    /// `AssumeRole`, signed with the credentials of the step before, or as a first step with
    /// long-term keys.
    Role(Role),
}

/// What each operation says of itself. No method has a default, so that none is forgotten for a new
/// one.
pub trait Exchange {
    /// What it is, and what it is made with.
    fn outline(&self) -> Outline<'_>;

    /// Where the policy of a file goes, if the operation takes one.
    fn policy_mut(&mut self) -> Option<&mut Option<Policy>>;

    /// Whose long-term keys sign it, where it is signed with some.
    fn keys_of(&mut self) -> Option<&mut Server>;
}

/// What others ask of an exchange, whatever its operation. Every operation answers each of it.
#[derive(Debug)]
pub struct Outline<'a> {
    /// The operation, which is also a label of the duration metric.
    pub operation: &'static str,
    /// The service that has the operation.
    pub service: Service,
    /// The role asked for, when one is.
    pub role_arn: Option<&'a RoleArn>,
    /// The names whose form the server judges, with their keys; those of policies and contexts are
    /// below.
    pub names: Vec<(&'static str, &'a dyn AtServer)>,
    /// The name of its session, if it is asked for with one.
    pub session_name: Option<&'a SessionNameTemplate>,
    /// How long a session is asked for.
    pub duration: DurationSetting,
    /// The file that proves who asks, and how it is read; nothing where the step before does.
    pub source_file: Option<(&'a Path, Form)>,
    /// The device whose code goes with the call.
    pub mfa: Option<&'a Mfa>,
    /// The context assertions that go with the call.
    pub contexts: &'a [ProvidedContext],
    /// What narrows its session.
    pub restriction: Option<Restriction<'a>>,
    /// Whose session its credentials are.
    pub issues: Issues,
}

/// The service that has an operation, and with it an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The Security Token Service.
    Sts,
    /// Amazon Cognito's identity pools.
    Cognito,
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Sts => "STS",
            Self::Cognito => "Cognito",
        })
    }
}

/// Whose session an exchange issues credentials of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issues {
    /// A role's, behind which STS grants an hour at most (role chaining).
    RoleSession,
    /// An IAM user's.
    UserSession,
    /// A federated user's, with which no role can be assumed
    /// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html>).
    FederatedUserSession,
}

/// The parameters of a step, whatever its operation.
macro_rules! operation {
    ($step:expr) => {
        match $step {
            Hop::WebIdentity(step) => step,
            Hop::Saml(step) => step,
            Hop::SessionToken(step) => step,
            Hop::FederationToken(step) => step,
            Hop::Cognito(step) => step,
            Hop::Role(step) => step,
        }
    };
}

impl Hop {
    /// What it is, and what it is made with.
    #[must_use]
    pub fn outline(&self) -> Outline<'_> {
        let exchange: &dyn Exchange = operation!(self);
        exchange.outline()
    }

    /// The exchange, for what the configuration around it decides.
    pub fn exchange_mut(&mut self) -> &mut dyn Exchange {
        operation!(self)
    }

    /// The operation, which is also a label of the duration metric.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.outline().operation
    }

    /// The role asked for, when one is.
    #[must_use]
    pub fn role_arn(&self) -> Option<&RoleArn> {
        self.outline().role_arn
    }

    /// How long a session is asked for.
    #[must_use]
    pub fn duration(&self) -> DurationSetting {
        self.outline().duration
    }

    /// The name of its session, if it is asked for with one; assertion, key and pool name theirs
    /// themselves.
    #[must_use]
    pub fn session_name(&self) -> Option<&SessionNameTemplate> {
        self.outline().session_name
    }

    /// The file that proves who asks; nothing where the step before does.
    #[must_use]
    pub fn source_file(&self) -> Option<(&Path, Form)> {
        self.outline().source_file
    }

    /// Whether the request is signed, and so for a region.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.source_file().is_none_or(|(_, form)| form.signs())
    }

    /// The device whose code goes with the call.
    #[must_use]
    pub fn mfa(&self) -> Option<&Mfa> {
        self.outline().mfa
    }

    /// The files that go with the call besides its proof.
    #[must_use]
    pub fn extra_files(&self) -> Vec<(&Path, Form)> {
        let Outline { mfa, contexts, .. } = self.outline();
        let contexts = contexts
            .iter()
            .map(|context| (&*context.assertion_file, Form::Context));
        mfa.map(Mfa::file).into_iter().chain(contexts).collect()
    }

    /// What narrows its session.
    #[must_use]
    pub fn restriction(&self) -> Option<Restriction<'_>> {
        self.outline().restriction
    }
}
