//! The decisions of one profile: when to call STS, for which hop, what to publish, what to keep.
//!
//! A pure state machine: [`Session::step`] takes an event and the time and returns actions. It owns
//! every hop's credentials, due times and failure streaks, and the call budget. It never reads a
//! clock, a file or a socket and draws nothing at random. `refresher` drives it in production, the
//! simulator in tests.
//!
//! Everything behind the event is level-triggered: a step that comes late (a suspend) or often
//! decides the same as one that came in time. An error never replaces a credential.

mod answered;
mod budget;
mod event;
mod hop;
mod identity;
mod requested_duration;
mod retry;
pub mod schedule;
pub mod snapshot;
mod streak;
#[cfg(test)]
mod tests;
mod vend;

use std::time::Duration;

use crate::assume::{DurationSetting, SessionDuration};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::time::{Boot, Now};

use budget::Bucket;
pub use event::{Action, Call, CallId, Content, Event, Notice};
pub use hop::{HopState, Lease};
use schedule::RefreshAt;
use snapshot::{Digest, SavedHop, Snapshot};
pub use streak::Streak;

/// Credentials are vended until this long before their true expiry: they must outlive the request
/// they sign.
pub const MIN_SERVE: Duration = Duration::from_secs(10);

/// A parent must live this long to sign a call, or a tenth of its life when that is shorter.
const PARENT_MARGIN: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug)]
struct InFlight {
    call: CallId,
    hop: usize,
    sent: Boot,
    asked: SessionDuration,
    /// The signer's; unknown for the source, whose content comes with the answer.
    identity: Identity,
    /// Whether a retry was asked for meanwhile.
    again: bool,
}

/// What requests are being answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Published {
    Nothing,
    Served,
    Refused,
}

/// The state of one profile.
#[derive(Clone, Debug)]
pub struct Session {
    hops: Vec<HopState>,
    refresh_at: RefreshAt,
    digest: Digest,
    /// The newest content of the source's file, which names the identity that is asked for now.
    content: Content,
    bucket: Bucket,
    in_flight: Option<InFlight>,
    stopping: Option<Boot>,
    calls: u64,
    published: Published,
}

impl Session {
    /// A session that holds nothing, with every hop due.
    ///
    /// `durations` are the hops', source first; `digest` names the configuration a snapshot must
    /// match, and `content` what the source's file holds.
    #[must_use]
    pub fn new(
        durations: &[DurationSetting],
        refresh_at: RefreshAt,
        digest: Digest,
        content: Content,
    ) -> Self {
        Self {
            hops: durations
                .iter()
                .map(|setting| HopState::new(*setting))
                .collect(),
            refresh_at,
            digest,
            content,
            bucket: Bucket::full(),
            in_flight: None,
            stopping: None,
            calls: 0,
            published: Published::Nothing,
        }
    }

    /// The hops, source first, for showing.
    #[must_use]
    pub fn hops(&self) -> &[HopState] {
        &self.hops
    }

    /// The newest failure among the hops that have not succeeded since theirs.
    #[must_use]
    pub fn newest_failure(&self) -> Option<(usize, &Failure)> {
        let failing = self
            .hops
            .iter()
            .enumerate()
            .filter_map(|(at, hop)| Some((hop.streak?.newest, at, hop)));
        let (_, at, hop) = failing.max_by_key(|(newest, at, _)| (*newest, *at))?;
        Some((at, hop.failure.as_ref()?))
    }

    /// Decides what follows from `event` at `now`.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Restored(snapshot) => self.restore(snapshot, now, &mut actions),
            Event::Token(content) => self.noticed(content, now, &mut actions),
            Event::Answered {
                call,
                sent,
                outcome,
            } => self.answered(call, sent, outcome, now, &mut actions),
            Event::Postponed { call, wait } => self.postponed(call, wait, now),
            Event::Tick => {}
            Event::Retry => self.retry(now, &mut actions),
            Event::WallStepped => self
                .hops
                .iter_mut()
                .for_each(|hop| hop.due = hop.due.min(now.boot)),
            Event::Stopping { grace } => self.stopping = Some(now.boot.plus(grace)),
        }
        self.withdraw_expired(now, &mut actions);
        self.call_next(now, &mut actions);
        actions.push(Action::WakeAt(self.next_wake(now)));
        actions
    }

    fn restore(&mut self, snapshot: Snapshot, now: Now, actions: &mut Vec<Action>) {
        if snapshot.digest != self.digest || snapshot.hops.len() != self.hops.len() {
            return;
        }
        let identity = self.content.identity;
        let is_usable =
            |saved: &SavedHop| saved.is_of(identity) && saved.lease.alive(now.boot, MIN_SERVE);
        for (hop, saved) in self.hops.iter_mut().zip(snapshot.hops) {
            if let Some(saved) = saved.filter(is_usable) {
                hop.restore(saved);
            }
        }
        self.serve(actions);
    }

    /// Starts at most one call: the first due hop from the source on, when the budget allows.
    fn call_next(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.in_flight.is_some() || self.is_over(now.boot) {
            return;
        }
        let Some(at) = self.next_due(now.boot) else {
            return;
        };
        if !self.bucket.take(now.boot) {
            return;
        }
        let parent = at
            .checked_sub(1)
            .and_then(|parent| self.hops[parent].lease.as_ref());
        let identity = parent.map_or(Identity::Unknown, |lease| lease.identity);
        let parent = parent.map(|lease| lease.credentials.clone());
        let duration = self.hops[at].next_duration(now.boot);
        self.calls += 1;
        let call = CallId(self.calls);
        self.in_flight = Some(InFlight {
            call,
            hop: at,
            sent: now.boot,
            asked: duration,
            identity,
            again: false,
        });
        actions.push(Action::Call(Call {
            id: call,
            hop: at,
            duration,
            parent,
        }));
    }

    /// Whether the grace has passed, after which no call is made.
    fn is_over(&self, now: Boot) -> bool {
        self.stopping.is_some_and(|end| now >= end)
    }

    /// The first hop from the source on that is due and can be called.
    fn next_due(&self, now: Boot) -> Option<usize> {
        (0..self.hops.len()).find(|at| self.hops[*at].due <= now && self.has_parent(*at, now))
    }

    /// Whether the step before can sign a call of hop `at`; the source needs none. What was issued
    /// to a former identity signs nothing more: it would go on where the new one may be refused.
    fn has_parent(&self, at: usize, now: Boot) -> bool {
        let Some(parent) = at.checked_sub(1) else {
            return true;
        };
        let Some(lease) = &self.hops[parent].lease else {
            return false;
        };
        !self.is_former(lease.identity) && lease.alive(now, PARENT_MARGIN.min(lease.lifetime / 10))
    }

    fn next_wake(&self, now: Now) -> Option<Boot> {
        let expiry = self
            .vended()
            .filter(|_| self.published == Published::Served)
            .map(|lease| lease.deadline.minus(MIN_SERVE));
        if self.in_flight.is_some() || self.is_over(now.boot) {
            return expiry;
        }
        let callable = (0..self.hops.len())
            .filter(|at| self.has_parent(*at, now.boot))
            .map(|at| self.hops[at].due);
        let call = callable
            .min()
            .map(|due| due.max(self.bucket.next(now.boot)));
        [expiry, call].into_iter().flatten().min()
    }
}
