//! The exchange with STS: one request in, credentials or a classified failure out.
//!
//! Owns the wire: the SDK client, TLS, time-outs, and the checks of what comes back. It never
//! retries and never decides when to call; `refresher` calls it with what `session` asked for. Only
//! `client.rs` and `client/` name the SDK's STS crate.

mod client;
mod connector;
mod error_document;
pub mod reply;
mod settings;

use std::sync::Arc;

pub use client::{Client, Error, REGION_OF_CUSTOM_ENDPOINTS};
pub use connector::{Bundle, CaBundle, Error as ConnectorError, NotABundle};
pub use settings::{ClientSettings, Endpoint, Proxy};

use crate::assume::{Hop, SessionDuration, StsResponse};
use crate::credentials::{Credentials, Secret};
use crate::failure::Failure;
use crate::role::SessionName;
use crate::saml::Assertion;
use crate::shared_credentials::AccessKey;
use crate::time::Wall;
use crate::token::WebIdentityToken;

/// One exchange, complete.
#[derive(Clone, Debug)]
pub struct Request {
    /// The parameters that do not change.
    pub step: Arc<Hop>,
    /// The name of the session in CloudTrail.
    pub session_name: SessionName,
    /// `DurationSeconds`.
    pub duration: SessionDuration,
    /// What proves who asks.
    pub proof: Authentication,
    /// What goes with it.
    pub extras: MfaAndContexts,
}

/// What proves who asks.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// The pod's token; the request itself is not signed.
    Token(WebIdentityToken),
    /// A SAML response; the request itself is not signed.
    Assertion(Assertion),
    /// Long-term keys; they sign the request.
    AccessKey(AccessKey),
    /// The credentials of the step before; they sign the request.
    Signer(Credentials),
}

/// What goes with a request besides its proof.
#[derive(Clone, Debug, Default)]
pub struct MfaAndContexts {
    /// `TokenCode`.
    pub code: Option<Secret>,
    /// `ContextAssertion` for each of the step's provided contexts.
    pub contexts: Vec<Secret>,
}

/// Makes exchanges: the SDK client, or a scripted fake in tests.
pub trait Assume {
    /// Makes one attempt, which ends within the time of an attempt.
    fn assume(&self, request: Request)
    -> impl Future<Output = Result<StsResponse, Failure>> + Send;

    /// The time at STS by its last answer that had a `Date`; nothing before the first.
    fn server_time(&self) -> Option<Wall> {
        None
    }
}
