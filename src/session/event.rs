//! What goes into a step of the session and what comes out of it: plain values.
//!
//! Owns the vocabulary between `session` and its driver, the refresher or the simulator. It
//! decides nothing.

use std::time::Duration;

use super::snapshot::Snapshot;
use crate::assume::{SessionDuration, StsResponse};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::time::Boot;

/// Distinguishes a call's answer from a late answer of an abandoned one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallId(pub(super) u64);

/// The content of the source's file, as far as it matters here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Counts contents since the start; 0 before there is any.
    pub generation: u64,
    /// The identity that it names.
    pub identity: Identity,
}

/// What happened.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one at a time, on the stack"
)]
pub enum Event {
    /// A snapshot of an earlier process was read; its times are on this boot's clock.
    Restored(Snapshot),
    /// The source's file has new content.
    Token(Content),
    /// A call ended.
    Answered {
        /// The call, as handed out.
        call: CallId,
        /// The file's content when the call was made; for the source, what was sent.
        sent: Content,
        /// What came back.
        outcome: Result<StsResponse, Failure>,
    },
    /// A call was not made, since what it needs is not there yet and will be; that is no failure.
    Postponed {
        /// The call, as handed out.
        call: CallId,
        /// When to try again, from now.
        wait: Duration,
    },
    /// Time passed, or may have passed.
    Tick,
    /// The wall clock was set.
    WallStepped,
    /// An operator has mended something, and asks for what fails to be tried now.
    Retry,
    /// The process ends when this has passed; until then everything goes on.
    Stopping {
        /// From now.
        grace: Duration,
    },
}

/// What to do about it.
#[derive(Clone, Debug)]
pub enum Action {
    /// Make this exchange and answer with [`Event::Answered`].
    Call(Call),
    /// Vend these credentials from now on.
    Serve {
        /// The last hop's.
        credentials: Credentials,
        /// Their true end on the boot clock.
        deadline: Boot,
    },
    /// What is vended was kept for another identity than the source turns out to name: stop vending
    /// it.
    Withdraw,
    /// There are no credentials: answer requests with this failure.
    Refuse {
        /// The newest failure, unless there was none yet.
        failure: Option<Failure>,
        /// Whether trying again is pointless until something is changed: 403, which SDKs do not
        /// retry, instead of 503, which they do.
        permanent: bool,
    },
    /// Keep this for a process that comes after a crash.
    Save(Snapshot),
    /// Something worth a log line and a metric.
    Report(Notice),
    /// Step again at this time at the latest; with nothing, at the next event.
    WakeAt(Option<Boot>),
}

/// One exchange to make.
#[derive(Clone, Debug)]
pub struct Call {
    /// Comes back with the answer.
    pub id: CallId,
    /// The step of the profile, 0 = source.
    pub hop: usize,
    /// How long a session to ask for.
    pub duration: SessionDuration,
    /// Signs the request; nothing for the source.
    pub parent: Option<Credentials>,
}

/// Something worth a log line and a metric.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A hop has new credentials.
    Refreshed {
        /// Which hop.
        hop: usize,
        /// Whether they end before the ones they replace did (a role's maximum was lowered).
        shortened: bool,
    },
    /// An attempt failed.
    Failed {
        /// Which hop.
        hop: usize,
        /// How.
        failure: Failure,
        /// Whether the attempt before failed in another way, or not at all.
        class_changed: bool,
    },
    /// A session this long was refused; a shorter one is asked for at once, so that this is no
    /// failure.
    DurationRefused {
        /// Which hop.
        hop: usize,
        /// What was refused.
        asked: SessionDuration,
        /// In which words.
        failure: Failure,
    },
    /// The source's content names another identity than the one before: every hop is made anew.
    IdentityChanged,
    /// A retry was asked for.
    RetryAsked {
        /// How many hops were failing, and are due now.
        failing: usize,
        /// How long it is until the call budget has a call for the first of them.
        wait: Duration,
    },
}
