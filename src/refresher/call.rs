//! One exchange of a profile: what is sent for a hop, and the call while it is in flight.
//!
//! Owns the filling in of token, session name and signer. The token file is read again right before
//! each call, so that no call carries a token older than the newest readable one.

use std::sync::Arc;

use super::extras::CallError;
use super::source::{of_source, session_name};
use super::{Future, Refresher, content};
use crate::assume::StsResponse;
use crate::clock;
use crate::failure::{Failure, OwnCode};
use crate::file_content::FileContent;
use crate::identity::Identity;
use crate::role::SessionName;
use crate::session::{Call, CallId, Content};
use crate::sts::{Assume, Authentication, Request};
use crate::time::Boot;

/// A call that has not been answered yet.
pub(super) struct InFlight {
    started: Started,
    outcome: Future<Result<StsResponse, CallError>>,
}

/// What an answer belongs to.
#[derive(Clone, Copy)]
pub(super) struct Started {
    pub(super) call: CallId,
    pub(super) hop: usize,
    pub(super) at: Boot,
    /// The content of the source's file that the call was made with.
    pub(super) content: Content,
    /// Whether there was a request at all.
    pub(super) is_sent: bool,
}

/// An answer with what it belongs to.
pub(super) type Finished = (Started, Result<StsResponse, CallError>);

/// A request, or why there cannot be one, with the content of the source's file behind it.
pub(super) struct Prepared {
    pub(super) request: Result<Request, CallError>,
    content: Content,
}

impl Prepared {
    pub(super) fn launch<A: Assume + Send + Sync + 'static>(
        self,
        call: &Call,
        sts: &Arc<A>,
        now: Boot,
    ) -> InFlight {
        let sts = Arc::clone(sts);
        let Self { request, content } = self;
        let started = Started {
            call: call.id,
            hop: call.hop,
            at: now,
            content,
            is_sent: request.is_ok(),
        };
        InFlight {
            started,
            outcome: Box::pin(async move {
                match request {
                    Ok(request) => sts.assume(request).await.map_err(CallError::Failed),
                    Err(gap) => Err(gap),
                }
            }),
        }
    }
}

/// Waits for the call in flight, if there is one.
pub(super) async fn finished(in_flight: &mut Option<InFlight>) -> Finished {
    let Some(InFlight { started, outcome }) = in_flight else {
        return std::future::pending().await;
    };
    let finished = (*started, outcome.as_mut().await);
    *in_flight = None;
    finished
}

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    pub(super) fn prepare(&mut self, call: &Call) -> Prepared {
        let content = content(&self.parts.source.reload());
        let request = self
            .proof(call)
            .map_err(CallError::Failed)
            .and_then(|proof| {
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
        Prepared { request, content }
    }

    pub(super) fn proof(&self, call: &Call) -> Result<Authentication, Failure> {
        match (self.step_of(call.hop).source_file(), &call.parent) {
            (Some((_, form)), _) => {
                let at_sts = self.parts.sts.server_time();
                of_source(&self.parts.source.latest(), &form, at_sts)
            }
            (None, Some(parent)) => Ok(Authentication::Signer(parent.clone())),
            (None, None) => Err(Failure::local(
                OwnCode::SignerMissing,
                "the hop before this one holds no credentials".to_owned(),
            )),
        }
    }

    /// Constant for one identity: decided at a hop's first call, from the claims of the token then
    /// at hand.
    fn session_name(&mut self, hop: usize) -> SessionName {
        let Content { identity, .. } = content(&self.parts.source.latest());
        if self.named.changes_to(identity) {
            self.session_names.fill(None);
        }
        self.named = if identity == Identity::Unknown {
            self.named
        } else {
            identity
        };
        if let Some(name) = &self.session_names[hop] {
            return name.clone();
        }
        let name = self.fresh_name(hop);
        self.session_names[hop] = Some(name.clone());
        name
    }

    fn fresh_name(&self, hop: usize) -> SessionName {
        // Of the file itself: the driver may hear of a new content later than this call.
        let material = self.parts.source.latest().value;
        session_name(
            self.step_of(hop),
            material.as_deref().and_then(FileContent::claims),
            &self.parts.host_name,
        )
    }
}
