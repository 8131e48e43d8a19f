//! A run: one node with one agent, its faults in order, and nothing but the seed to decide.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;

use stsidecar::assume::{DurationSetting, SessionDuration};
use stsidecar::failure::Class;
use stsidecar::session::Event;

use super::agent::{Agent, Answered, digest};
use super::checks::{Checks, Tally};
use super::clients::{Client, Sdk};
use super::clocks::{Clocks, DAY, HOUR, MINUTE};
use super::faults::{Fault, Kind, swarm};
use super::kubelet::Kubelet;
use super::sts::{Sts, failure};
use super::trace::Trace;

#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    pub until: u64,
    pub durations: Vec<DurationSetting>,
    /// Of the life, when a refresh is due.
    pub fraction: f64,
    /// The role's maximum session duration in seconds.
    pub maximum: u32,
    /// How STS refuses what is above it.
    pub refusal: Class,
    pub token_life: u64,
    pub faults: Vec<Fault>,
}

pub fn fixed(minutes: u64) -> DurationSetting {
    let duration = SessionDuration::from_duration(Duration::from_mins(minutes));
    DurationSetting::Fixed(duration.expect("15 min to 12 h"))
}

impl Settings {
    /// A pod without faults.
    pub fn calm(seed: u64, until: u64, durations: Vec<DurationSetting>) -> Self {
        Self {
            seed,
            until,
            durations,
            fraction: 0.2,
            maximum: 43_200,
            refusal: Class::DurationTooLong,
            token_life: DAY,
            faults: Vec::new(),
        }
    }

    /// Whatever the seed says.
    pub fn drawn(seed: u64, until: u64) -> Self {
        let random = &mut Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let pick = |random: &mut Rng, from: &[DurationSetting]| from[random.usize(0..from.len())];
        let longest = DurationSetting::Longest;
        let mut durations = vec![pick(
            random,
            &[
                fixed(15),
                fixed(60),
                fixed(60),
                fixed(360),
                fixed(720),
                longest,
            ],
        )];
        let hops = [1, 1, 1, 2, 2, 3, 5][random.usize(0..7)];
        durations.resize_with(hops, || {
            pick(random, &[fixed(15), fixed(60), fixed(60), fixed(60)])
        });
        let maximum = match durations[0] {
            DurationSetting::Fixed(_) => 43_200,
            DurationSetting::Longest => [3600, 4 * 3600, 43_200][random.usize(0..3)],
        };
        let fraction = [0.2, 0.2, 0.2, 0.1, 0.33, 0.5][random.usize(0..6)];
        let words = [
            Class::DurationTooLong,
            Class::Config,
            Class::Denied,
            Class::Token,
            Class::Source,
            Class::Transient,
        ];
        let refusal = words[random.usize(0..words.len())];
        let token_life = [10 * MINUTE, HOUR, DAY][random.usize(0..3)];
        Self {
            seed,
            until,
            durations,
            fraction,
            maximum,
            refusal,
            token_life,
            faults: swarm(random, until),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
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
pub struct World {
    pub settings: Settings,
    pub clocks: Clocks,
    pub random: Rng,
    pub sts: Sts,
    pub kubelet: Kubelet,
    pub agent: Agent,
    pub active: Vec<Fault>,
    pub checks: Checks,
    pub tally: Tally,
    pub trace: Trace,
    pub mail: Vec<Option<Event>>,
    clients: Vec<Client>,
    queue: BinaryHeap<Reverse<(u64, u64, Item)>>,
    scheduled: u64,
}

impl World {
    pub fn new(settings: Settings) -> Self {
        let mut random = Rng::with_seed(settings.seed);
        let skewed = settings
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
        let kubelet = Kubelet::new(settings.token_life);
        let mut world = Self {
            clocks,
            sts: Sts::new(settings.maximum, settings.refusal),
            agent: Agent::new(&settings, digest(false), kubelet.content(1)),
            kubelet,
            active: Vec::new(),
            checks: Checks::default(),
            tally: Tally::default(),
            trace: Trace::new(),
            mail: Vec::new(),
            clients: [Sdk::Fresh, Sdk::Boto, Sdk::Rust].map(Client::new).into(),
            queue: BinaryHeap::new(),
            scheduled: 0,
            random,
            settings,
        };
        for at in 0..world.settings.faults.len() {
            let Fault { from, until, .. } = world.settings.faults[at];
            world.schedule(from, Item::Begin(at));
            world.schedule(until, Item::End(at));
        }
        world.schedule(world.kubelet.next(), Item::Rotation);
        (0..3).for_each(|client| world.schedule(MINUTE, Item::Client(client)));
        world.schedule(0, Item::TokenSeen { generation: 1 });
        world
    }

    /// A run from its first to its last moment, ended by SIGTERM.
    pub fn finished(settings: Settings) -> Self {
        let until = settings.until;
        let mut world = Self::new(settings);
        world.run(until);
        if !world.agent.is_down {
            world.step(
                "stopping",
                Event::Stopping {
                    grace: Duration::from_secs(25),
                },
            );
        }
        world.run(until + HOUR);
        world
    }

    pub fn schedule(&mut self, at: u64, item: Item) {
        self.scheduled += 1;
        self.queue.push(Reverse((at, self.scheduled, item)));
    }

    pub fn is_active(&self, kind: Kind) -> bool {
        self.active.iter().any(|fault| fault.kind == kind)
    }

    pub fn note(&mut self, what: &'static str, first: u64, second: u64) {
        self.trace.note(self.clocks.t, what, first, second);
    }

    pub fn run(&mut self, until: u64) {
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

    fn dispatch(&mut self, item: Item) {
        match item {
            Item::Answer { process, number } => {
                let event = self.mail[number as usize].take();
                if let Some(event) =
                    event.filter(|_| process == self.agent.process && !self.agent.is_down)
                {
                    self.step("answered", event);
                }
            }
            Item::TokenSeen { generation } => {
                if !self.agent.is_down {
                    self.agent.identity = self
                        .agent
                        .identity
                        .max(self.kubelet.identity_of(generation));
                    self.step("token", Event::Token(self.kubelet.content(generation)));
                }
            }
            Item::Rotation => self.rotation(),
            Item::Client(client) => self.client(client),
            Item::Begin(fault) => self.begin(self.settings.faults[fault]),
            Item::End(fault) => {
                let Fault { kind, from, .. } = self.settings.faults[fault];
                self.note("over", kind as u64, 0);
                self.active
                    .retain(|active| (active.kind, active.from) != (kind, from));
                if kind == Kind::WallStep {
                    self.set_wall(0);
                }
            }
            Item::WallSet(error) => self.set_wall(error),
            Item::Retry { until } => self.retry(until),
            Item::Restart(kind) => self.restart(kind),
        }
    }

    fn rotation(&mut self) {
        if self.clocks.t < self.kubelet.next() {
            self.schedule(self.kubelet.next(), Item::Rotation);
        } else if self.is_active(Kind::KubeletStall) {
            self.schedule(self.clocks.t + MINUTE, Item::Rotation);
        } else {
            self.rotate(false);
            self.schedule(self.kubelet.next(), Item::Rotation);
        }
    }

    fn rotate(&mut self, identity_changed: bool) {
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
            Item::TokenSeen {
                generation: self.kubelet.generation,
            },
        );
    }

    fn client(&mut self, at: usize) {
        let next = self.clocks.t + self.random.u64(MINUTE..8 * MINUTE);
        self.schedule(next, Item::Client(at));
        if self.clocks.t > self.settings.until {
            return;
        }
        self.check_read();
        let boot = self.clocks.boot();
        let ask = || match self.agent.answer(boot) {
            Answered::Vended(published) => Answered::Vended(published.credentials.clone()),
            Answered::Refused => Answered::Refused,
            Answered::Down => Answered::Down,
        };
        let used = self.clients[at].act(&self.clocks, &self.sts, ask);
        let sdk = self.clients[at].sdk;
        self.check_use(sdk, used);
    }

    fn begin(&mut self, fault: Fault) {
        self.note("fault", fault.kind as u64, fault.until);
        self.active.push(fault);
        let lasts = fault.until - fault.from;
        match fault.kind {
            Kind::ServerSkew => {}
            Kind::SignerRevoked => self.sts.revoked = self.sts.issued.len(),
            Kind::IdentityChange => self.rotate(true),
            Kind::Suspend => self.sleep(lasts),
            Kind::Pause => {
                self.sleep(lasts);
                self.clocks.paused += lasts;
                self.clocks.wall_error = self.clocks.wall_error.saturating_sub(lasts.cast_signed());
                self.checks.paused(self.clocks.t);
                let corrected = self.clocks.t + (fault.amount * 10.0 * MINUTE as f64) as u64;
                self.schedule(corrected, Item::WallSet(0));
            }
            Kind::WallStep => self.step_wall(fault.amount),
            Kind::Retries => self.retry(fault.until),
            Kind::Crash | Kind::CrashEmpty | Kind::CrashForeign if !self.agent.is_down => {
                self.crash(fault.kind);
            }
            _ => return,
        }
        self.sts.hit(fault.kind);
    }

    /// True time passes while nothing of the node runs; half of the calls under way fail of it.
    fn sleep(&mut self, lasts: u64) {
        self.clocks.t += lasts;
        for event in self.mail.iter_mut().rev().take(2) {
            if let Some(Event::Answered { outcome, .. }) = event
                && self.random.bool()
            {
                *outcome = Err(failure(Class::Transient));
            }
        }
    }

    /// Somebody asks for a retry, and again after a while until they give up.
    fn retry(&mut self, until: u64) {
        if !self.agent.is_down {
            self.step("retry", Event::Retry);
        }
        let next =
            self.clocks.t + 20 * 3000u64.pow(self.random.u32(0..2)) + self.random.u64(0..30_000);
        if next < until {
            self.schedule(next, Item::Retry { until });
        }
    }

    fn step_wall(&mut self, amount: f64) {
        let errors = [
            -1000,
            1000,
            -30_000,
            3_600_000,
            -3_600_000,
            315_360_000_000,
            -315_360_000_000,
            i64::MIN,
            i64::MAX,
        ];
        let error = errors[(amount * 9.0) as usize % 9];
        self.set_wall(error);
        for again in 1..self.random.u64(1..20) {
            let error = if again % 2 == 0 { error } else { 0 };
            self.schedule(self.clocks.t + again * 150, Item::WallSet(error));
        }
    }

    fn set_wall(&mut self, error: i64) {
        self.clocks.wall_error = error;
        self.checks.wall_set(self.clocks.t, error);
        if !self.agent.is_down {
            self.step("wall stepped", Event::WallStepped);
        }
    }
}
