//! What must hold at every step, call, answer and request, against what the world knows to be true.

use std::time::Duration;

use stsidecar::failure::{Class, Failure};
use stsidecar::session::{Call, Event};
use stsidecar::time::Boot;

use super::agent::{Answered, Published};
use super::sts::serial;
use super::world::World;

/// How soon something is tried again while nothing is held.
const WITHIN: Duration = Duration::from_secs(61);

/// What must not change in a step of a certain kind.
pub struct Before {
    held: Option<Vec<Option<(u64, Boot)>>>,
    vended: Option<usize>,
    is_wall: bool,
    /// A retry was asked for while the source failed, which needs no call.
    is_retry: bool,
}

impl World {
    pub fn before(&mut self, event: &Event) -> Before {
        match event {
            Event::Answered { call, sent, .. } if self.agent.in_flight == Some(*call) => {
                self.agent.in_flight = None;
                self.agent.identity = self
                    .agent
                    .identity
                    .max(self.kubelet.identity_of(sent.generation));
            }
            Event::Token { .. } => self.checks.patience[0] += 1.0,
            Event::Retry => {
                let hops = self
                    .agent
                    .session
                    .hops()
                    .iter()
                    .zip(&mut self.checks.patience);
                hops.filter(|(hop, _)| hop.streak.is_some())
                    .for_each(|(_, patience)| *patience += 1.0);
            }
            _ => {}
        }
        let error = matches!(
            event,
            Event::Answered {
                outcome: Err(_),
                ..
            }
        );
        let is_wall = matches!(event, Event::WallStepped);
        let is_retry =
            matches!(event, Event::Retry) && self.agent.session.hops()[0].streak.is_some();
        let held = || {
            self.agent.session.hops().iter().map(|hop| {
                hop.held
                    .as_ref()
                    .map(|held| (hop.generation, held.deadline))
            })
        };
        Before {
            held: error.then(|| held().collect()),
            vended: self.vended(),
            is_wall,
            is_retry,
        }
    }

    fn vended(&self) -> Option<usize> {
        match self.agent.answer(self.clocks.boot()) {
            Answered::Vended(published) => Some(published.serial),
            _ => None,
        }
    }

    pub fn check_step(&mut self, before: Before) {
        if let Some(held) = before.held {
            let hops = self.agent.session.hops().iter();
            let same = hops.zip(held).all(|(hop, held)| {
                hop.held.as_ref().map(|now| (hop.generation, now.deadline)) == held
            });
            if !same {
                self.violated("I9", "an error replaced credentials");
            }
        }
        if before.is_wall && before.vended != self.vended() {
            self.violated("I11", "a step of the wall clock changed the answer");
        }
        let boot = self.clocks.boot();
        let held = self
            .agent
            .session
            .hops()
            .last()
            .and_then(|hop| hop.held.as_ref());
        let alive = held.filter(|held| held.deadline.since(boot) > Duration::from_secs(10));
        let vended = match self.agent.answer(boot) {
            Answered::Vended(published) => Some((&published.credentials, published.deadline)),
            _ => None,
        };
        if alive.map(|held| (&held.credentials, held.deadline)) != vended {
            self.violated("I5", "what is vended is not what is held");
        }
        if self.agent.published.is_some() != vended.is_some() {
            self.violated("I2", "not withdrawn at the end");
        }
        let is_waiting = self.agent.in_flight.is_none() && self.agent.stop_at.is_none();
        let latest = boot.plus(WITHIN);
        if vended.is_none() && is_waiting && self.agent.wake.is_none_or(|wake| wake > latest) {
            self.violated("A12", "holds nothing, and tries nothing within a minute");
        }
        let soon = boot.plus(Duration::from_secs(1));
        if before.is_retry && is_waiting && self.agent.wake.is_none_or(|wake| wake > soon) {
            self.violated(
                "retry",
                "asked for, and not made as soon as the budget allows",
            );
        }
        let end = vended.map(|(_, deadline)| deadline.minus(Duration::from_secs(10)));
        if end.is_some_and(|end| self.agent.wake.is_none_or(|wake| wake > end)) {
            self.violated("wake", "would not be woken at the end");
        }
    }

    /// Whether `serial` may have ended without our knowing: issued before a pause that was not put right yet (A6).
    pub fn is_excused(&self, serial: usize) -> bool {
        self.sts.issued[serial].at < self.checks.paused_at && !self.is_steady()
    }

    pub fn check_call(&mut self, call: &Call) {
        let boot = self.clocks.boot();
        if self.agent.in_flight.is_some() {
            self.violated("I7", "two calls in flight");
        }
        if self.agent.stop_at.is_some_and(|end| boot >= end) {
            self.violated("M27", "a call after the grace period");
        }
        let (level, since) = self.checks.budget;
        let level = (level + boot.since(since).as_secs_f64()).min(5.0) - 1.0;
        self.checks.budget = (level, boot);
        if level < -0.01 {
            self.violated("I7", "more than a call a second and five at once");
        }
        self.checks.patience[call.hop] -= 1.0;
        if self.checks.patience[call.hop] < 0.0 {
            self.violated(
                "I7",
                &format!(
                    "hop {} is called more often than its backoff allows",
                    call.hop
                ),
            );
        }
        match (&call.parent, call.hop) {
            (None, 0) => {}
            (Some(parent), hop @ 1..) => {
                let number = serial(&parent.access_key_id);
                if self.sts.issued[number].identity < self.agent.identity {
                    self.violated("identity", "signed for a former identity");
                }
                if self.sts.issued[number].hop + 1 != hop {
                    self.violated("I1", "signed by another hop than the one before");
                }
                if !self.sts.is_alive(number, &self.clocks) && !self.is_excused(number) {
                    self.violated("A9", "signed with credentials that have ended");
                }
            }
            _ => self.violated("A9", "a source with a signer, or a hop without"),
        }
    }

    /// Credentials are kept for the process after this one before a client is given them.
    pub fn check_kept(&self, new: &Published) {
        let last = self
            .agent
            .saved
            .as_ref()
            .and_then(|saved| saved.hops.last().cloned().flatten());
        if last.is_none_or(|kept| kept.held.credentials != new.credentials) {
            self.violated("kept", "published before they are kept");
        }
    }

    pub fn check_served(&self, new: &Published) {
        let issued = self.sts.issued[new.serial];
        if issued.identity < self.agent.identity {
            self.violated(
                "identity",
                "vends what was issued to a former identity, and was not vended before",
            );
        }
        let whole = new.credentials.secret_access_key.expose() == format!("secret{}", new.serial)
            && new.credentials.session_token.expose() == format!("session{}", new.serial)
            && new.credentials.expiration.unix_seconds() == issued.expiration;
        if issued.hop + 1 != self.settings.durations.len() || !whole {
            self.violated(
                "I1/I3",
                "not the last hop's credentials, or not of one reply",
            );
        }
        if let Answered::Vended(old) = self.agent.answer(self.clocks.boot())
            && new.deadline < old.deadline
            && new.lifetime >= old.lifetime
        {
            self.violated("I4", "the end went backwards without a shorter session");
        }
    }

    pub fn check_refused(&mut self, failure: Option<&Failure>, permanent: bool) {
        if permanent
            && !failure.is_some_and(|failure| {
                matches!(failure.class, Class::Config | Class::Role | Class::Denied)
            })
        {
            self.violated("A12", "403 for what may get better by itself");
        }
        let boot = self.clocks.boot();
        let Some(old) = &self.agent.published else {
            return;
        };
        if old.deadline.since(boot) > Duration::from_secs(10) {
            self.violated("I5", "withdrawn before the end");
        }
        let trouble = Duration::from_millis(self.clocks.t - self.checks.steady_until);
        if trouble < self.least_left(old.lifetime) {
            self.violated(
                "I10",
                &format!(
                    "{trouble:?} of trouble were too much for {:?}",
                    old.lifetime
                ),
            );
        }
        self.tally.withdrawals += 1;
    }

    pub fn check_read(&self) {
        if let Answered::Vended(published) = self.agent.answer(self.clocks.boot())
            && !self.sts.is_alive(published.serial, &self.clocks)
            && !self.is_excused(published.serial)
        {
            self.violated("I2", "vends credentials that have ended");
        }
    }
}
