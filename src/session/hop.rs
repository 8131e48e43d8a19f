//! One refreshable: the credentials of one step, when they are due, and how it has been failing.
//!
//! Owns the bookkeeping of a single hop. It knows nothing of the other hops; `session` decides
//! between them.

use std::time::Duration;

use super::MIN_SERVE;
use super::requested_duration::RequestedDuration;
use super::schedule::RefreshAt;
use super::streak::Streak;
use crate::assume::{DurationSetting, ResponseDetails, SessionDuration, StsResponse};
use crate::credentials::Credentials;
use crate::failure::{Failure, OwnCode};
use crate::identity::Identity;
use crate::time::{Boot, Now, Wall};

/// The longest life STS gives, with room for clocks: 36 h for federation and session tokens
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>).
const LONGEST_LIFE: Duration = Duration::from_mins(36 * 60 + 5);

/// Credentials with an end on the boot clock.
#[derive(Clone, Debug)]
pub struct Lease {
    /// What STS issued.
    pub credentials: Credentials,
    /// Their true end.
    pub deadline: Boot,
    /// From issue to end, as STS returned it, not as it was asked.
    pub lifetime: Duration,
    /// When the reply came, for people.
    pub received: Wall,
    /// What else the reply said.
    pub details: ResponseDetails,
    /// The identity that they were issued for: that of the source's content with which the chain
    /// began.
    pub identity: Identity,
}

impl Lease {
    /// Turns a reply into credentials of `identity` with an end on the boot clock; `sent` is when
    /// the call was made.
    ///
    /// The life is the server's expiration minus the server's own date, so that our wall clock is
    /// not in it.
    ///
    /// # Errors
    /// When the life makes no sense, or is already over.
    pub(super) fn from_reply(
        reply: StsResponse,
        identity: Identity,
        sent: Boot,
        now: Now,
    ) -> Result<Self, Failure> {
        let issued = reply
            .date
            .unwrap_or_else(|| now.wall.minus(now.boot.since(sent)));
        let lifetime = reply.credentials.expiration.since(issued);
        let deadline = sent.plus(lifetime);
        let fault = if lifetime <= MIN_SERVE || lifetime > LONGEST_LIFE {
            Some((
                OwnCode::ImplausibleExpiration,
                "between 10 s and 36 h make sense",
            ))
        } else if deadline.since(now.boot) <= MIN_SERVE {
            // A suspend during the call. They must not replace credentials that still live.
            Some((
                OwnCode::ExpiredOnArrival,
                "they had ended when the reply was read",
            ))
        } else {
            None
        };
        if let Some((code, reason)) = fault {
            let end = reply.credentials.expiration.rfc3339();
            let message = format!(
                "the credentials end at {end}, {} s after the reply's date; {reason}",
                lifetime.as_secs()
            );
            return Err(Failure {
                request_id: reply.details.request_id,
                sent: true,
                ..Failure::local(code, message)
            });
        }
        let StsResponse {
            credentials,
            details,
            ..
        } = reply;
        Ok(Self {
            deadline,
            credentials,
            lifetime,
            received: now.wall,
            details,
            identity,
        })
    }

    /// Whether more than `margin` is left.
    #[must_use]
    pub fn alive(&self, now: Boot, margin: Duration) -> bool {
        self.deadline.since(now) > margin
    }
}

/// One hop with its credentials.
#[derive(Clone, Debug)]
pub struct SavedHop {
    /// The credentials with their end.
    pub lease: Lease,
    /// When the next call is due.
    pub due: Boot,
    /// Replies so far.
    pub generation: u64,
    /// The duration that `longest` settled on.
    pub worked: Option<SessionDuration>,
}

impl SavedHop {
    /// Whether a source that names `identity` may go on with it.
    #[must_use]
    pub fn is_of(&self, identity: Identity) -> bool {
        self.lease.identity.may_be_restored_for(identity)
    }
}

/// The state of one hop.
#[derive(Clone, Debug)]
pub struct HopState {
    /// What it holds, alive or not.
    pub lease: Option<Lease>,
    /// Counts replies, across restarts with a state directory.
    pub generation: u64,
    /// When the next call is due.
    pub due: Boot,
    /// How it has been failing since its last success.
    pub streak: Option<Streak>,
    /// The newest failure of the streak.
    pub failure: Option<Failure>,
    /// The generation of the parent that STS refused last as a signer since the newest success.
    pub(super) blamed_parent: Option<u64>,
    pub(super) requested: RequestedDuration,
}

impl HopState {
    pub(super) fn new(setting: DurationSetting) -> Self {
        Self {
            lease: None,
            generation: 0,
            due: Boot::default(),
            streak: None,
            failure: None,
            blamed_parent: None,
            requested: RequestedDuration::new(setting),
        }
    }

    pub(super) fn next_duration(&mut self, now: Boot) -> SessionDuration {
        let left = self
            .lease
            .as_ref()
            .map_or(Duration::ZERO, |lease| lease.deadline.since(now));
        self.requested
            .next(self.generation, self.streak.map(|_| left), now)
    }

    /// Takes new credentials over and schedules their refresh, counted from when they were asked
    /// for.
    pub(super) fn renew(
        &mut self,
        lease: Lease,
        asked: SessionDuration,
        refresh_at: RefreshAt,
        now: Now,
    ) {
        let issued = lease.deadline.minus(lease.lifetime);
        self.due = issued.plus(refresh_at.age(lease.lifetime, self.generation == 0, now.jitter));
        self.generation += 1;
        self.requested
            .granted(asked, lease.lifetime, self.streak.is_some());
        self.streak = None;
        self.failure = None;
        self.blamed_parent = None;
        self.lease = Some(lease);
    }

    /// Lengthens the streak and schedules the next attempt; answers whether the class is another
    /// than before.
    ///
    /// `remaining` is for how long credentials will still be vended, when any are, less the time
    /// that the calls take which must come before the end.
    pub(super) fn fail(&mut self, failure: Failure, remaining: Option<Duration>, now: Now) -> bool {
        let class = failure.class;
        let class_changed = self.streak.is_none_or(|streak| streak.class != class);
        let streak = Streak::grown(self.streak, class, now);
        self.failure = Some(failure);
        self.due = now.boot.plus(streak.delay(remaining, now));
        self.streak = Some(streak);
        class_changed
    }

    /// Nothing is vended any more: what was to wait longer comes due by the schedule for that.
    pub(super) fn hurry(&mut self, now: Now) {
        let alive = self
            .lease
            .as_ref()
            .is_some_and(|lease| lease.alive(now.boot, MIN_SERVE));
        match &self.streak {
            Some(streak) => self.due = self.due.min(now.boot.plus(streak.delay(None, now))),
            None if !alive => self.due = self.due.min(now.boot),
            None => {}
        }
    }

    /// The identity that its credentials were issued for.
    pub(super) fn identity(&self) -> Identity {
        self.lease
            .as_ref()
            .map_or(Identity::Unknown, |lease| lease.identity)
    }

    /// What a process that comes after a crash needs of it.
    pub(super) fn saved(&self) -> Option<SavedHop> {
        let lease = self.lease.clone()?;
        Some(SavedHop {
            lease,
            due: self.due,
            generation: self.generation,
            worked: self.requested.remembered(),
        })
    }

    /// Goes on where an earlier process ended; the due time is kept, so that a crash loop is no
    /// call loop.
    pub(super) fn restore(&mut self, saved: SavedHop) {
        self.generation = saved.generation;
        self.due = saved.due;
        self.requested.remember(saved.worked);
        self.lease = Some(saved.lease);
    }
}
