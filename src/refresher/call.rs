//! One exchange of a profile: what is sent for a hop, and the call while it is in flight.
//!
//! Owns the filling in of token, session name and signer. The token file is read again right before each
//! call, so that no call carries a token older than the newest readable one (invariant I13).

use std::sync::Arc;
use std::time::Duration;

use super::extras::Gap;
use super::{Future, Refresher};
use crate::assume::{Reply, Step};
use crate::clock;
use crate::failure::{Class, Failure};
use crate::material::{Form, Material};
use crate::role::SessionName;
use crate::rotated_file;
use crate::session::{Call, CallId};
use crate::sts::{Assume, Proof, Request};
use crate::time::{Boot, Wall};
use crate::token::Claims;

/// A call that has not been answered yet.
pub(super) struct InFlight {
    call: CallId,
    hop: usize,
    started: Boot,
    token_generation: u64,
    sent: bool,
    outcome: Future<Result<Reply, Gap>>,
}

/// An answer with what it belongs to.
pub(super) struct Answered {
    pub(super) call: CallId,
    pub(super) hop: usize,
    pub(super) started: Boot,
    pub(super) token_generation: u64,
    /// Whether there was a request at all.
    pub(super) sent: bool,
    pub(super) outcome: Result<Reply, Gap>,
}

/// A request, or why there cannot be one, with the token generation it carries.
pub(super) struct Prepared {
    pub(super) request: Result<Request, Gap>,
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
                    Ok(request) => sts.assume(request).await.map_err(Gap::Failed),
                    Err(gap) => Err(gap),
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
        let token_generation = self.parts.source.reload().generation;
        let request = self.proof(call).map_err(Gap::Failed).and_then(|proof| {
            // Last, because a code that is handed out counts as sent.
            let at_sts = self.parts.sts.server_time().unwrap_or_else(clock::wall);
            let extras = self.parts.extras[call.hop].gather(at_sts)?;
            Ok(Request {
                step: Arc::clone(&self.parts.profile.steps[call.hop]),
                session_name: self.session_name(call.hop),
                duration: call.duration,
                proof,
                extras,
            })
        });
        Prepared { request, token_generation }
    }

    pub(super) fn proof(&self, call: &Call) -> Result<Proof, Failure> {
        match (self.step_of(call.hop).source_file(), &call.parent) {
            (Some((_, form)), _) => {
                let latest = self.parts.source.latest();
                of_source(latest.value.as_deref(), latest.error.as_deref(), &form, self.parts.sts.server_time())
            }
            (None, Some(parent)) => Ok(Proof::Signer(parent.clone())),
            (None, None) => Err(Failure::local(
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
        let material = self.parts.source.latest().value;
        session_name(self.step_of(hop), material.as_deref().and_then(Material::claims), &self.parts.host_name)
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

/// What a source's file proves with at the time `at_sts`; an old content is good until another one is. Before
/// STS has told its time, nothing is too old: our own clock may be hours away.
///
/// # Errors
/// When it never held anything usable, or holds an assertion that ended long ago.
pub fn of_source(
    material: Option<&Material>,
    error: Option<&rotated_file::Error>,
    form: &Form,
    at_sts: Option<Wall>,
) -> Result<Proof, Failure> {
    let proof = match (material, error) {
        (Some(Material::Token(token)), _) => Proof::Token(token.clone()),
        (Some(Material::Assertion(assertion)), _) => Proof::Assertion(assertion.clone()),
        (Some(Material::AccessKey(key)), _) => Proof::AccessKey(key.clone()),
        (_, Some(error)) => return Err(unreadable(error, form)),
        _ => {
            let message = format!("the file of the {form} has not been read yet");
            return Err(Failure::local(Class::Token, &format!("{}Missing", form.noun()), message));
        }
    };
    let ended =
        material.and_then(Material::expires_at).filter(|end| at_sts.is_some_and(|now| end.plus(OUTLIVED) <= now));
    match ended {
        Some(end) if *form == Form::Assertion => {
            let message = format!("the SAML assertion ended at {}, and no new one has come", end.rfc3339());
            Err(Failure::local(Class::Token, "AssertionExpired", message))
        }
        _ => Ok(proof),
    }
}

/// An assertion that ended this long ago is not sent any more: most live for minutes only, and a session may
/// wait for hours for the next. Until then STS judges.
const OUTLIVED: Duration = Duration::from_mins(5);

/// What a file that cannot be used means for the exchange that needs it.
#[must_use]
pub fn unreadable(error: &rotated_file::Error, form: &Form) -> Failure {
    let fault = match error {
        rotated_file::Error::Missing { .. } => "Missing",
        rotated_file::Error::Rejected { .. } => "Invalid",
        _ => "Unreadable",
    };
    Failure::local(Class::Token, &format!("{}{fault}", form.noun()), error.to_string())
}
