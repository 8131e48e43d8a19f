//! The decisions of one profile: when to call STS, for which hop, what to publish, what to keep.
//!
//! A pure state machine: [`Session::step`] takes an event and the time and returns actions. It owns every
//! hop's credentials, due times and failure streaks, and the call budget. It never reads a clock, a file or
//! a socket and draws nothing at random. `refresher` drives it in production, the simulator in tests.
//!
//! Everything behind the event is level-triggered: a step that comes late (a suspend) or often decides the
//! same as one that came in time. An error never replaces a credential.

mod ask;
mod event;
mod hop;
pub mod schedule;
pub mod snapshot;
#[cfg(test)]
mod tests;
mod vend;

use std::time::Duration;

use crate::assume::{DurationSetting, Reply, SessionDuration};
use crate::failure::{Class, Failure};
use crate::time::{Boot, Now};

pub use event::{Action, Call, CallId, Event, Report};
pub use hop::{Held, Hop, Streak};
use schedule::{Bucket, CALL, RefreshAt};
use snapshot::{Digest, Snapshot};

/// Credentials are vended until this long before their true expiry (agent decision A11).
pub const MIN_SERVE: Duration = Duration::from_secs(10);

/// A parent must live this long to sign a call, or a tenth of its life when that is shorter.
const PARENT_MARGIN: Duration = Duration::from_mins(1);

#[derive(Clone, Copy, Debug)]
struct InFlight {
    call: CallId,
    hop: usize,
    sent: Boot,
    asked: SessionDuration,
}

/// What requests are being answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    Nothing,
    Served,
    Refused,
}

/// The state of one profile.
#[derive(Clone, Debug)]
pub struct Session {
    hops: Vec<Hop>,
    refresh_at: RefreshAt,
    digest: Digest,
    token_generation: u64,
    /// The first token content with the identity that is asked for now.
    identity_since: u64,
    bucket: Bucket,
    in_flight: Option<InFlight>,
    stopping: Option<Boot>,
    calls: u64,
    shown: Shown,
}

impl Session {
    /// A session that holds nothing, with every hop due.
    ///
    /// `durations` are the hops', source first; `digest` names the configuration a snapshot must match.
    #[must_use]
    pub fn new(durations: &[DurationSetting], refresh_at: RefreshAt, digest: Digest) -> Self {
        Self {
            hops: durations.iter().map(|setting| Hop::new(*setting)).collect(),
            refresh_at,
            digest,
            token_generation: 0,
            identity_since: 0,
            bucket: Bucket::full(),
            in_flight: None,
            stopping: None,
            calls: 0,
            shown: Shown::Nothing,
        }
    }

    /// The hops, source first, for showing.
    #[must_use]
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// The newest failure among the hops that have not succeeded since theirs.
    #[must_use]
    pub fn newest_failure(&self) -> Option<(usize, &Failure)> {
        let failing = self.hops.iter().enumerate().filter_map(|(at, hop)| Some((hop.streak?.newest, at, hop)));
        let (_, at, hop) = failing.max_by_key(|(newest, at, _)| (*newest, *at))?;
        Some((at, hop.failure.as_ref()?))
    }

    /// Decides what follows from `event` at `now`.
    pub fn step(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Restored(snapshot) => self.restore(snapshot, now, &mut actions),
            Event::Token { generation, identity_changed } => {
                self.token_generation = generation;
                self.identity_since = if identity_changed { generation } else { self.identity_since };
                if identity_changed || self.hops[0].streak.is_some() {
                    self.hops[0].due = now.boot;
                }
            }
            Event::Answered { call, token_generation, outcome } => {
                self.answered(call, token_generation, outcome, now, &mut actions);
            }
            Event::Postponed { call, wait } => self.postponed(call, wait, now),
            Event::Tick => {}
            Event::WallStepped => self.hops.iter_mut().for_each(|hop| hop.due = hop.due.min(now.boot)),
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
        for (hop, saved) in self.hops.iter_mut().zip(snapshot.hops) {
            if let Some(saved) = saved.filter(|saved| saved.held.alive(now.boot, MIN_SERVE)) {
                hop.restore(saved);
            }
        }
        self.serve(actions);
    }

    fn answered(
        &mut self,
        call: CallId,
        token_generation: u64,
        outcome: Result<Reply, Failure>,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let Some(flight) = self.in_flight.take_if(|flight| flight.call == call) else { return };
        match outcome.and_then(|reply| Held::from_reply(reply, flight.sent, now)) {
            Ok(held) => {
                self.succeeded(&flight, held, now, actions);
                if flight.hop == 0 && token_generation < self.identity_since {
                    self.hops[0].due = now.boot;
                }
            }
            Err(failure) => {
                if !failure.sent {
                    self.bucket.put_back();
                }
                self.failed(&flight, token_generation, failure, now, actions);
            }
        }
    }

    /// Only the hop waits: whoever else is due is called meanwhile.
    fn postponed(&mut self, call: CallId, wait: Duration, now: Now) {
        if let Some(flight) = self.in_flight.take_if(|flight| flight.call == call) {
            self.bucket.put_back();
            self.hops[flight.hop].due = now.boot.plus(wait);
        }
    }

    fn succeeded(&mut self, flight: &InFlight, held: Held, now: Now, actions: &mut Vec<Action>) {
        let last = flight.hop + 1 == self.hops.len();
        let hop = &mut self.hops[flight.hop];
        let blamed = hop.generation;
        let shortened = hop.held.as_ref().is_some_and(|old| held.deadline < old.deadline);
        hop.renew(held, flight.asked, self.refresh_at, now);
        if let Some(child) = self.hops.get_mut(flight.hop + 1)
            && child.blamed_parent == Some(blamed)
        {
            child.due = now.boot;
        }
        actions.push(Action::Report(Report::Refreshed { hop: flight.hop, shortened }));
        // Kept before it is vended: a crash between the two must not lose what a client was given.
        actions.push(Action::Save(Snapshot::of(self.digest, &self.hops)));
        if last {
            self.serve(actions);
        }
    }

    fn failed(
        &mut self,
        flight: &InFlight,
        token_generation: u64,
        mut failure: Failure,
        now: Now,
        actions: &mut Vec<Action>,
    ) {
        let rotated = failure.sent && flight.hop == 0 && self.token_generation > token_generation;
        if matches!(failure.class, Class::Token | Class::Source) && rotated {
            // Rotated while the call was in flight: the refused token or key is already history.
            self.hops[0].due = now.boot;
            return;
        }
        let (at, asked) = (flight.hop, flight.asked);
        let ask = &mut self.hops[at].ask;
        if ask.refused(asked, &failure, now.boot) {
            self.hops[at].due = now.boot;
            actions.push(Action::Report(Report::DurationRefused { hop: at, asked, failure }));
            return;
        }
        ask.failed(asked);
        if failure.class == Class::DurationTooLong {
            failure.class = Class::Config;
        }
        let remaining = self.remaining(at, now);
        let class_changed = self.hops[at].fail(failure.clone(), remaining, now);
        if failure.class == Class::Source {
            self.blame_parent(flight.hop, now);
        }
        actions.push(Action::Report(Report::Failed { hop: flight.hop, failure, class_changed }));
        if !self.vended_alive(now) {
            self.refuse(now, actions);
        }
    }

    /// How long it is until a try of hop `at` must begin for the chain behind it to be renewed in time.
    fn remaining(&self, at: usize, now: Now) -> Option<Duration> {
        let left = self.vended().map(|held| held.deadline.since(now.boot)).filter(|left| *left > MIN_SERVE)?;
        let calls = u32::try_from(self.hops.len() - at).unwrap_or(u32::MAX);
        Some(left.saturating_sub(MIN_SERVE + CALL.saturating_mul(calls)))
    }

    /// A signer that STS refuses is due at once, but once for each of its generations (agent decision A9); when a
    /// new one is refused too, it waits as long as its child does, or the two would call each second for good.
    fn blame_parent(&mut self, child: usize, now: Now) {
        let (parents, children) = self.hops.split_at_mut(child);
        let (Some(parent), [child, ..]) = (parents.last_mut(), children) else { return };
        if child.blamed_parent != Some(parent.generation) {
            let again = child.blamed_parent.replace(parent.generation).is_some();
            parent.due = if again { parent.due.min(child.due) } else { now.boot };
        }
    }

    /// Starts at most one call: the first due hop from the source on, when the budget allows.
    fn call_next(&mut self, now: Now, actions: &mut Vec<Action>) {
        if self.in_flight.is_some() || self.stopping.is_some_and(|end| now.boot >= end) {
            return;
        }
        let Some(at) = (0..self.hops.len()).find(|at| self.hops[*at].due <= now.boot && self.has_parent(*at, now))
        else {
            return;
        };
        if !self.bucket.take(now.boot) {
            return;
        }
        let parent = at.checked_sub(1).and_then(|parent| self.hops[parent].held.as_ref());
        let parent = parent.map(|held| held.credentials.clone());
        let duration = self.hops[at].next_duration(now.boot);
        self.calls += 1;
        let call = CallId(self.calls);
        self.in_flight = Some(InFlight { call, hop: at, sent: now.boot, asked: duration });
        actions.push(Action::Call(Call { id: call, hop: at, duration, parent }));
    }

    /// Whether the step before can sign a call of hop `at`; the source needs nobody.
    fn has_parent(&self, at: usize, now: Now) -> bool {
        let Some(parent) = at.checked_sub(1) else { return true };
        self.hops[parent].held.as_ref().is_some_and(|held| held.alive(now.boot, PARENT_MARGIN.min(held.lifetime / 10)))
    }

    fn next_wake(&self, now: Now) -> Option<Boot> {
        let expiry = self.vended().filter(|_| self.shown == Shown::Served).map(|held| held.deadline.minus(MIN_SERVE));
        if self.in_flight.is_some() || self.stopping.is_some_and(|end| now.boot >= end) {
            return expiry;
        }
        let callable = (0..self.hops.len()).filter(|at| self.has_parent(*at, now)).map(|at| self.hops[at].due);
        let call = callable.min().map(|due| due.max(self.bucket.next(now.boot)));
        [expiry, call].into_iter().flatten().min()
    }
}
