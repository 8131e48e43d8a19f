//! A run: one node with one agent, its faults in order, and nothing but the seed to decide.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;

use stsidecar::session::Event;

use super::agent::{Agent, digest};
use super::checks::{Checks, Tally};
use super::clients::{Client, Sdk};
use super::clocks::{Clocks, HOUR, MINUTE};
use super::faults::{Fault, Kind};
use super::kubelet::Kubelet;
use super::scenario::Scenario;
use super::sts::Sts;
use super::trace::Trace;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheduled {
    Answer { process: u64, number: u64 },
    TokenSeen { generation: u64 },
    Rotation,
    Client(usize),
    Begin(usize),
    End(usize),
    WallSet(i64),
    Retry { until: u64 },
    Restart(Kind),
}

#[derive(Debug)]
pub struct Run {
    pub scenario: Scenario,
    pub clocks: Clocks,
    pub random: Rng,
    pub sts: Sts,
    pub kubelet: Kubelet,
    pub agent: Agent,
    pub active: Vec<Fault>,
    pub checks: Checks,
    pub tally: Tally,
    pub trace: Trace,
    /// Of STS, each taken when it arrives.
    pub answers: Vec<Option<Event>>,
    clients: Vec<Client>,
    queue: BinaryHeap<Reverse<(u64, u64, Scheduled)>>,
    scheduled: u64,
}

impl Run {
    pub fn new(scenario: Scenario) -> Self {
        let mut random = Rng::with_seed(scenario.seed);
        let skewed = scenario
            .faults
            .iter()
            .find(|fault| fault.kind == Kind::ServerSkew);
        let skew = skewed.map_or(0, |fault| ((fault.amount - 0.5) * 1_200_000.0) as i64);
        let clocks = Clocks {
            t: 0,
            paused: 0,
            wall_error: random.i64(-500..500),
            skew,
        };
        let kubelet = Kubelet::new(scenario.token_life);
        let mut run = Self {
            clocks,
            sts: Sts::new(scenario.maximum, scenario.refusal),
            agent: Agent::new(&scenario, digest(false), kubelet.content(1)),
            kubelet,
            active: Vec::new(),
            checks: Checks::default(),
            tally: Tally::default(),
            trace: Trace::new(),
            answers: Vec::new(),
            clients: [Sdk::Fresh, Sdk::Boto, Sdk::Rust].map(Client::new).into(),
            queue: BinaryHeap::new(),
            scheduled: 0,
            random,
            scenario,
        };
        for at in 0..run.scenario.faults.len() {
            let Fault { from, until, .. } = run.scenario.faults[at];
            run.schedule(from, Scheduled::Begin(at));
            run.schedule(until, Scheduled::End(at));
        }
        run.schedule(run.kubelet.next(), Scheduled::Rotation);
        (0..3).for_each(|client| run.schedule(MINUTE, Scheduled::Client(client)));
        run.schedule(0, Scheduled::TokenSeen { generation: 1 });
        run
    }

    /// A run from its first to its last moment, ended by SIGTERM.
    pub fn finished(scenario: Scenario) -> Self {
        let until = scenario.until;
        let mut run = Self::new(scenario);
        run.advance(until);
        if !run.agent.is_down {
            run.step(
                "stopping",
                Event::Stopping {
                    grace: Duration::from_secs(25),
                },
            );
        }
        run.advance(until + HOUR);
        run
    }

    pub fn schedule(&mut self, at: u64, item: Scheduled) {
        self.scheduled += 1;
        self.queue.push(Reverse((at, self.scheduled, item)));
    }

    pub fn is_active(&self, kind: Kind) -> bool {
        self.active.iter().any(|fault| fault.kind == kind)
    }

    pub fn note(&mut self, what: &'static str, first: u64, second: u64) {
        self.trace.note(self.clocks.t, what, first, second);
    }

    /// Lets everything happen that is due until then.
    pub fn advance(&mut self, until: u64) {
        loop {
            let item = self.queue.peek().map_or(u64::MAX, |Reverse((at, ..))| *at);
            let wake = self.agent.wake.map_or(u64::MAX, |wake| {
                self.clocks.true_time(wake).saturating_add(self.agent.late)
            });
            if item.min(wake) > until {
                break;
            }
            self.clocks.t = self.clocks.t.max(item.min(wake));
            self.check_time();
            if wake < item {
                self.step("tick", Event::Tick);
            } else if let Some(Reverse((_, _, item))) = self.queue.pop() {
                self.dispatch(item);
            }
        }
        self.clocks.t = self.clocks.t.max(until);
        self.check_time();
    }

    fn dispatch(&mut self, item: Scheduled) {
        match item {
            Scheduled::Answer { process, number } => {
                let event = self.answers[number as usize].take();
                if let Some(event) =
                    event.filter(|_| process == self.agent.process && !self.agent.is_down)
                {
                    self.step("answered", event);
                }
            }
            Scheduled::TokenSeen { generation } => {
                if !self.agent.is_down {
                    self.agent.identity = self
                        .agent
                        .identity
                        .max(self.kubelet.identity_of(generation));
                    self.step("token", Event::Token(self.kubelet.content(generation)));
                }
            }
            Scheduled::Rotation => self.rotation(),
            Scheduled::Client(client) => self.client(client),
            Scheduled::Begin(fault) => self.begin(self.scenario.faults[fault]),
            Scheduled::End(fault) => {
                let Fault { kind, from, .. } = self.scenario.faults[fault];
                self.note("over", kind as u64, 0);
                self.active
                    .retain(|active| (active.kind, active.from) != (kind, from));
                if kind == Kind::WallStep {
                    self.set_wall(0);
                }
            }
            Scheduled::WallSet(error) => self.set_wall(error),
            Scheduled::Retry { until } => self.retry(until),
            Scheduled::Restart(kind) => self.restart(kind),
        }
    }

    fn rotation(&mut self) {
        if self.clocks.t < self.kubelet.next() {
            self.schedule(self.kubelet.next(), Scheduled::Rotation);
        } else if self.is_active(Kind::KubeletStall) {
            self.schedule(self.clocks.t + MINUTE, Scheduled::Rotation);
        } else {
            self.rotate(false);
            self.schedule(self.kubelet.next(), Scheduled::Rotation);
        }
    }

    pub fn rotate(&mut self, identity_changed: bool) {
        let ahead = if self.is_active(Kind::TokenFromFuture) {
            self.random.u64(0..10 * MINUTE)
        } else {
            0
        };
        self.kubelet.rotate(self.clocks.t, ahead, identity_changed);
        let lost = self.is_active(Kind::WatcherLost);
        if lost {
            self.sts.hit(Kind::WatcherLost);
        }
        let seen = self.clocks.t + self.random.u64(1..if lost { 30_000 } else { 300 });
        self.schedule(
            seen,
            Scheduled::TokenSeen {
                generation: self.kubelet.generation,
            },
        );
    }

    fn client(&mut self, at: usize) {
        let next = self.clocks.t + self.random.u64(MINUTE..8 * MINUTE);
        self.schedule(next, Scheduled::Client(at));
        if self.clocks.t > self.scenario.until {
            return;
        }
        self.check_read();
        let call = self.clients[at].act(&self.clocks, &self.sts, &self.agent);
        let sdk = self.clients[at].sdk;
        self.check_aws_call(sdk, call);
    }
}
