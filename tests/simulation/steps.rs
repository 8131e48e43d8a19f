//! Checks the rules at every step, call, answer and request, against what the run knows to be true.

use std::time::Duration;

use stsidecar::failure::{Class, Failure};
use stsidecar::session::{Call, Event};
use stsidecar::time::Boot;

use super::agent::{EndpointAnswer, Published};
use super::rules;
use super::run::Run;
use super::sts::serial;

/// How soon something is tried again while there are no credentials.
const WITHIN: Duration = Duration::from_secs(61);

/// What must not change in a step of a certain kind.
pub struct Before {
    hops: Option<Vec<Option<(u64, Boot)>>>,
    vended: Option<usize>,
    is_wall: bool,
    /// A retry was asked for while the source failed, which needs no call.
    is_retry: bool,
}

impl Run {
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
        Before {
            hops: error.then(|| self.hops()),
            vended: self.vended(),
            is_wall,
            is_retry,
        }
    }

    /// Which credentials each hop has, by the source's content that they are from and their end.
    fn hops(&self) -> Vec<Option<(u64, Boot)>> {
        let hops = self.agent.session.hops().iter();
        hops.map(|hop| {
            hop.lease
                .as_ref()
                .map(|held| (hop.generation, held.deadline))
        })
        .collect()
    }

    fn vended(&self) -> Option<usize> {
        match self.agent.answer(self.clocks.boot()) {
            EndpointAnswer::Vended(published) => Some(published.serial),
            _ => None,
        }
    }

    pub fn check_step(&mut self, before: Before) {
        if before.hops.is_some_and(|hops| hops != self.hops()) {
            self.violated(rules::ERRORS_REPLACE_NOTHING, "they changed");
        }
        if before.is_wall && before.vended != self.vended() {
            self.violated(rules::WALL_CLOCK_IS_IGNORED, "it changed");
        }
        let boot = self.clocks.boot();
        let held = self
            .agent
            .session
            .hops()
            .last()
            .and_then(|hop| hop.lease.as_ref());
        let alive = held.filter(|held| held.deadline.since(boot) > Duration::from_secs(10));
        let vended = match self.agent.answer(boot) {
            EndpointAnswer::Vended(published) => Some((&published.credentials, published.deadline)),
            _ => None,
        };
        if alive.map(|held| (&held.credentials, held.deadline)) != vended {
            self.violated(rules::VENDED_TO_THE_END, "the session has others");
        }
        if self.agent.published.is_some() != vended.is_some() {
            self.violated(rules::NEVER_ENDED, "not withdrawn at the end");
        }
        let is_waiting = self.agent.in_flight.is_none() && self.agent.stop_at.is_none();
        let latest = boot.plus(WITHIN);
        if vended.is_none() && is_waiting && self.agent.wake.is_none_or(|wake| wake > latest) {
            self.violated(rules::TRIES_WITHIN_A_MINUTE, "none is planned");
        }
        let soon = boot.plus(Duration::from_secs(1));
        if before.is_retry && is_waiting && self.agent.wake.is_none_or(|wake| wake > soon) {
            self.violated(rules::RETRIES_WHEN_ASKED, "the next step is later");
        }
        let end = vended.map(|(_, deadline)| deadline.minus(Duration::from_secs(10)));
        if end.is_some_and(|end| self.agent.wake.is_none_or(|wake| wake > end)) {
            self.violated(rules::WAKES_IN_TIME, "the next step is after the end");
        }
    }

    /// Whether the agent cannot know that `serial` has ended: it was issued before a pause of the
    /// machine, which the boot clock does not show either, and the wall clock has not been
    /// corrected since.
    pub fn is_excused(&self, serial: usize) -> bool {
        self.sts.issued[serial].at < self.checks.paused_at && !self.is_steady()
    }

    pub fn check_call(&mut self, call: &Call) {
        let boot = self.clocks.boot();
        if self.agent.in_flight.is_some() {
            self.violated(rules::ONE_CALL_AT_A_TIME, "two are in flight");
        }
        if self.agent.stop_at.is_some_and(|end| boot >= end) {
            self.violated(rules::NO_CALL_AFTER_GRACE, "one was made");
        }
        let (level, since) = self.checks.budget;
        let level = (level + boot.since(since).as_secs_f64()).min(5.0) - 1.0;
        self.checks.budget = (level, boot);
        if level < -0.01 {
            self.violated(rules::CALL_RATE, "there were more");
        }
        self.checks.patience[call.hop] -= 1.0;
        if self.checks.patience[call.hop] < 0.0 {
            self.violated(rules::BACKOFF, &format!("hop {} is", call.hop));
        }
        match (&call.parent, call.hop) {
            (None, 0) => {}
            (Some(parent), hop @ 1..) => {
                let number = serial(&parent.access_key_id);
                if self.sts.issued[number].identity < self.agent.identity {
                    self.violated(rules::FORMER_IDENTITY_IS_GONE, "it signed");
                }
                if self.sts.issued[number].hop + 1 != hop {
                    self.violated(rules::SIGNED_BY_PARENT, "by another hop");
                }
                if !self.sts.is_alive(number, &self.clocks) && !self.is_excused(number) {
                    self.violated(rules::SIGNER_IS_ALIVE, "one is");
                }
            }
            _ => self.violated(rules::SIGNED_BY_PARENT, "a source is, or a hop is not"),
        }
    }

    pub fn check_saved(&self, new: &Published) {
        let last = self
            .agent
            .saved
            .as_ref()
            .and_then(|saved| saved.hops.last().cloned().flatten());
        if last.is_none_or(|kept| kept.lease.credentials != new.credentials) {
            self.violated(rules::SAVED_FIRST, "they were not");
        }
    }

    pub fn check_served(&self, new: &Published) {
        let issued = self.sts.issued[new.serial];
        if issued.identity < self.agent.identity {
            self.violated(
                rules::FORMER_IDENTITY_IS_GONE,
                "it is vended, and was not before",
            );
        }
        let whole = new.credentials.secret_access_key.expose() == format!("secret{}", new.serial)
            && new.credentials.session_token.expose() == format!("session{}", new.serial)
            && new.credentials.expiration.unix_seconds() == issued.expiration;
        if issued.hop + 1 != self.scenario.durations.len() || !whole {
            self.violated(rules::OF_ONE_REPLY, "another hop's, or mixed");
        }
        if let EndpointAnswer::Vended(old) = self.agent.answer(self.clocks.boot())
            && new.deadline < old.deadline
            && new.lifetime >= old.lifetime
        {
            self.violated(rules::NO_EARLIER_END, "the end went backwards");
        }
    }

    pub fn check_refused(&mut self, failure: Option<&Failure>, permanent: bool) {
        if permanent
            && !failure.is_some_and(|failure| {
                matches!(failure.class, Class::Config | Class::Role | Class::Denied)
            })
        {
            self.violated(rules::FORBIDDEN_IS_FINAL, "answered for another failure");
        }
        let boot = self.clocks.boot();
        let Some(old) = &self.agent.published else {
            return;
        };
        if old.deadline.since(boot) > Duration::from_secs(10) {
            self.violated(rules::VENDED_TO_THE_END, "withdrawn before");
        }
        let trouble = Duration::from_millis(self.clocks.t - self.checks.steady_until);
        if trouble < self.least_left(old.lifetime) {
            self.violated(
                rules::OUTAGES_ARE_BRIDGED,
                &format!("{trouble:?} were too much for {:?}", old.lifetime),
            );
        }
        self.tally.withdrawals += 1;
    }

    pub fn check_read(&self) {
        if let EndpointAnswer::Vended(published) = self.agent.answer(self.clocks.boot())
            && !self.sts.is_alive(published.serial, &self.clocks)
            && !self.is_excused(published.serial)
        {
            self.violated(rules::NEVER_ENDED, "vended");
        }
    }
}
