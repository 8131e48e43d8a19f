//! What must hold in every run, as the sentences that a broken rule prints.
//!
//! `steps` checks them at each step, call, answer and request against what the run knows to be
//! true; `checks` does as time passes.

/// Credentials are vended from the moment they are stored until shortly before their end, and not a
/// moment less.
pub const VENDED_TO_THE_END: &str =
    "the newest credentials of the last hop are vended until 10 s before their end";
pub const NEVER_ENDED: &str =
    "credentials that have ended are not vended, nor used by a client with a right clock";
pub const OF_ONE_REPLY: &str = "what is vended is of the last hop and of one reply of STS";
pub const NO_EARLIER_END: &str = "newer credentials end later, unless sessions became shorter";
pub const SAVED_FIRST: &str = "credentials are saved for the next process before they are vended";

pub const ERRORS_REPLACE_NOTHING: &str = "an error never replaces credentials";
pub const WALL_CLOCK_IS_IGNORED: &str = "a step of the wall clock changes no answer";
pub const OUTAGES_ARE_BRIDGED: &str =
    "trouble that is shorter than what is left of the session makes no gap";
pub const FRESH_WHEN_WELL: &str = "soon after the last trouble every hop is fresh again";

pub const SIGNED_BY_PARENT: &str =
    "each hop is signed for with the credentials of the one before it";
pub const SIGNER_IS_ALIVE: &str = "no call is signed with credentials that have ended";
/// A restored process must not revive them either.
pub const FORMER_IDENTITY_IS_GONE: &str =
    "once the source names another identity, nothing that was issued to the former is newly used";
pub const OTHER_CONFIGURATION_IS_IGNORED: &str =
    "credentials that were saved under another configuration are not restored";

pub const ONE_CALL_AT_A_TIME: &str = "one call at a time";
pub const CALL_RATE: &str = "at most one call a second, after five at once";
pub const BACKOFF: &str = "a failing hop is called no more often than its backoff allows";
pub const NO_CALL_AFTER_GRACE: &str = "no call after the grace period of a shutdown";

pub const WAKES_IN_TIME: &str =
    "each step says when the next is due, in the future and not after the credentials' end";
pub const TRIES_WITHIN_A_MINUTE: &str =
    "without credentials the next attempt is at most a minute away";
pub const RETRIES_WHEN_ASKED: &str =
    "a retry that is asked for is made as soon as the call rate allows";
/// Clients give up on a 403, and wait for a 503.
pub const FORBIDDEN_IS_FINAL: &str = "403 is for what does not get better by itself";
