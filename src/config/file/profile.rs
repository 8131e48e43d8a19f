//! Profiles as the document writes them: one source each, and the hops behind it.
//!
//! Owns the key of each source. The parameters behind it are the types of `assume`; the rules
//! between them are `config::profile`'s, which calls it.

use serde::Deserialize;

use crate::assume::{
    AccessKeyFile, Cognito, FederationToken, Hop, Role, Saml, SessionToken, WebIdentity,
};

/// One identity: exactly one source, and the hops behind it.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// The pod's token against a role session.
    pub web_identity: Option<WebIdentity>,
    /// A SAML assertion against a role session.
    pub saml: Option<Saml>,
    /// Long-term keys against a session of their user.
    pub session_token: Option<SessionToken>,
    /// Long-term keys against a session of a federated user, behind which no hop is possible.
    pub federation_token: Option<FederationToken>,
    /// Long-term keys that sign the first hop; at least one is needed.
    pub access_key: Option<AccessKeyFile>,
    /// The pod's token against an identity of an Amazon Cognito identity pool.
    pub cognito: Option<Cognito>,
    /// `AssumeRole` hops, each signed with the credentials of the one before.
    #[serde(default)]
    pub chain: Vec<Role>,
}

/// What a profile begins with.
#[derive(Clone, Debug)]
pub enum Source {
    /// An exchange of its own.
    Hop(Box<Hop>),
    /// Keys that sign the first hop.
    Signer(AccessKeyFile),
}

impl Profile {
    /// The key of every source there is, each with what this profile has under it.
    #[must_use]
    pub fn sources(self) -> [(&'static str, Option<Source>); 6] {
        let step = |step: Option<Hop>| step.map(Box::new).map(Source::Hop);
        [
            ("webIdentity", step(self.web_identity.map(Hop::WebIdentity))),
            ("saml", step(self.saml.map(Hop::Saml))),
            (
                "sessionToken",
                step(self.session_token.map(Hop::SessionToken)),
            ),
            (
                "federationToken",
                step(self.federation_token.map(Hop::FederationToken)),
            ),
            ("accessKey", self.access_key.map(Source::Signer)),
            ("cognito", step(self.cognito.map(Hop::Cognito))),
        ]
    }
}
