//! One exchange of a profile: what is sent for a hop, and the call while it is in flight.
//!
//! Owns the filling in of token, session name and signer. The token file is read again right before each
//! call, so that no call carries a token older than the newest readable one (invariant I13).

use std::sync::Arc;

use super::{Future, Refresher};
use crate::assume::{Reply, Step};
use crate::failure::{Class, Failure};
use crate::role::SessionName;
use crate::rotated_file;
use crate::session::{Call, CallId};
use crate::sts::{Assume, Proof, Request};
use crate::time::Boot;
use crate::token::{Claims, WebIdentityToken};

/// A call that has not been answered yet.
pub(super) struct InFlight {
    call: CallId,
    hop: usize,
    started: Boot,
    token_generation: u64,
    sent: bool,
    outcome: Future<Result<Reply, Failure>>,
}

/// An answer with what it belongs to.
pub(super) struct Answered {
    pub(super) call: CallId,
    pub(super) hop: usize,
    pub(super) started: Boot,
    pub(super) token_generation: u64,
    /// Whether there was a request at all.
    pub(super) sent: bool,
    pub(super) outcome: Result<Reply, Failure>,
}

/// A request, or why there cannot be one, with the token generation it carries.
pub(super) struct Prepared {
    request: Result<Request, Failure>,
    token_generation: u64,
}

impl Prepared {
    pub(super) fn launch<A: Assume + Send + Sync + 'static>(self, call: &Call, sts: &Arc<A>, now: Boot) -> InFlight {
        let sts = Arc::clone(sts);
        let sent = self.request.is_ok();
        let request = self.request;
        InFlight {
            call: call.id,
            hop: call.hop,
            started: now,
            token_generation: self.token_generation,
            sent,
            outcome: Box::pin(async move {
                match request {
                    Ok(request) => sts.assume(request).await,
                    Err(failure) => Err(failure),
                }
            }),
        }
    }
}

/// Waits for the call in flight, if there is one.
pub(super) async fn answer(in_flight: &mut Option<InFlight>) -> Answered {
    let Some(flight) = in_flight else { return std::future::pending().await };
    let outcome = flight.outcome.as_mut().await;
    let InFlight { call, hop, started, token_generation, sent, .. } = *flight;
    *in_flight = None;
    Answered { call, hop, started, token_generation, sent, outcome }
}

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    pub(super) fn prepare(&mut self, call: &Call) -> Prepared {
        let token_generation = self.parts.token.reload().generation;
        let request = self.proof(call).map(|proof| Request {
            step: Arc::clone(&self.parts.profile.steps[call.hop]),
            session_name: self.session_name(call.hop),
            duration: call.duration,
            proof,
        });
        Prepared { request, token_generation }
    }

    pub(super) fn proof(&self, call: &Call) -> Result<Proof, Failure> {
        match (self.step_of(call.hop), &call.parent) {
            (Step::WebIdentity(_), _) => {
                let current = self.parts.token.latest();
                match (&current.value, &current.error) {
                    (Some(token), _) => Ok(Proof::Token((**token).clone())),
                    (None, Some(error)) => Err(unreadable(error)),
                    (None, None) => Err(Failure::local(
                        Class::Token,
                        "TokenFileMissing",
                        "the web identity token file has not been read yet".to_owned(),
                    )),
                }
            }
            (Step::Role(_), Some(parent)) => Ok(Proof::Signer(parent.clone())),
            (Step::Role(_), None) => Err(Failure::local(
                Class::Source,
                "SignerMissing",
                "the hop before this one holds no credentials".to_owned(),
            )),
        }
    }

    /// Constant for the process: decided at a hop's first call, from the claims of the token then at hand.
    fn session_name(&mut self, hop: usize) -> SessionName {
        if let Some(name) = &self.session_names[hop] {
            return name.clone();
        }
        let name = self.fresh_name(hop);
        self.session_names[hop] = Some(name.clone());
        name
    }

    fn fresh_name(&self, hop: usize) -> SessionName {
        // Of the file, not what the driver was told of: that may come later than this call.
        let token = self.parts.token.latest().value;
        session_name(self.step_of(hop), token.as_deref().map(WebIdentityToken::claims), &self.parts.host_name)
    }
}

/// The name a step's session gets: its template, filled from the token's claims, or the host's name where the
/// claims name no pod.
#[must_use]
pub fn session_name(step: &Step, claims: Option<&Claims>, host_name: &str) -> SessionName {
    let template = step.session_name().cloned().unwrap_or_default();
    match claims.map(|claims| (claims.namespace.as_deref(), claims.pod.as_deref())) {
        Some((Some(namespace), Some(pod))) => template.fill(namespace, pod),
        _ if template.needs_claims() => SessionName::sanitised(host_name),
        _ => template.fill("", ""),
    }
}

/// What a token file that cannot be used means for the exchange that needs it.
#[must_use]
pub fn unreadable(error: &rotated_file::Error) -> Failure {
    let code = match error {
        rotated_file::Error::Missing { .. } => "TokenFileMissing",
        rotated_file::Error::Rejected { .. } => "TokenFileInvalid",
        _ => "TokenFileUnreadable",
    };
    Failure::local(Class::Token, code, error.to_string())
}
