//! The exchanges of one profile, made once and by ourselves: for `check` and `credential-process --direct`.
//!
//! Owns the order source, then hop after hop, each signed with the credentials of the one before. It never
//! retries and keeps nothing; each call ends within the time-outs of the STS client.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::assume::{DurationSetting, Profile, Reply, SessionDuration, Step};
use crate::failure::Failure;
use crate::refresher::{session_name, unreadable};
use crate::rotated_file::{Latest, RotatedFile};
use crate::sts::{Assume, Proof, Request};
use crate::token::{self, WebIdentityToken};

/// What each step came to, source first; the first failure is the last of them.
pub(super) type Outcomes = Vec<Result<Reply, Failure>>;

/// The token file of a profile, read once as the agent reads it.
pub(super) fn token(profile: &Profile) -> Latest<WebIdentityToken> {
    let Step::WebIdentity(source) = &*profile.steps[0] else { unreachable!("the configuration puts a source first") };
    RotatedFile::new(&source.token_file, 2 * token::LONGEST, WebIdentityToken::parse, None).reload()
}

/// Makes the calls of a profile with what its token file held.
pub(super) async fn all<A: Assume>(
    sts: Arc<A>,
    profile: Profile,
    token: Latest<WebIdentityToken>,
    host_name: String,
) -> Outcomes {
    let mut outcomes: Outcomes = Vec::with_capacity(profile.steps.len());
    let token = match (&token.value, &token.error) {
        (Some(token), None) => Arc::clone(token),
        (_, Some(error)) => return vec![Err(unreadable(error))],
        (None, None) => unreachable!("a read leaves a content or an error"),
    };
    for step in &profile.steps {
        let proof = match outcomes.last() {
            None => Proof::Token((*token).clone()),
            Some(Ok(reply)) => Proof::Signer(reply.credentials.clone()),
            Some(Err(_)) => break,
        };
        let duration = match step.duration() {
            DurationSetting::Fixed(duration) => duration,
            DurationSetting::Longest => SessionDuration::HOUR,
        };
        let session_name = session_name(step, Some(token.claims()), &host_name);
        outcomes.push(sts.assume(Request { step: Arc::clone(step), session_name, duration, proof }).await);
    }
    outcomes
}

/// Runs something to its end on a runtime of its own.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(future);
    // A plain drop would wait for a name look-up that is under way.
    runtime.shutdown_background();
    Ok(done)
}
