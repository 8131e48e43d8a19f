//! Checks the rules as time passes, and keeps what all checks count; `steps`
//! has those of a single step.

use std::time::Duration;

use stsidecar::failure::{Class, Failure};
use stsidecar::time::Boot;

use super::clients::{AwsCall, Sdk};
use super::clocks::SECOND;
use super::faults::Kind;
use super::rules;
use super::run::Run;
use super::sts::{EXCHANGES, serial};

/// Attempts that a failing hop may make at once: ten of the backoff, five looks
/// at the token, and a few.
const PATIENCE: f64 = 20.0;

/// What a run came to.
#[derive(Debug, Default)]
pub struct Tally {
    pub steps: u64,
    pub calls: [u64; EXCHANGES],
    /// Requests of the application's SDKs, and those that failed for them.
    pub uses: u64,
    pub failed_uses: u64,
    /// How often credentials ended while nothing could replace them.
    pub withdrawals: u64,
    /// How often everything was well and every hop was checked to be fresh.
    pub steady: u64,
    /// What was left at the worst moment, in milliseconds; nothing before the first credentials.
    pub worst_left: Option<u64>,
    pub refreshed: [u64; EXCHANGES],
}

#[derive(Debug)]
pub struct Checks {
    seen: u64,
    /// The call budget, counted in another way than the session does.
    pub budget: (f64, Boot),
    pub patience: [f64; EXCHANGES],
    trouble_end: u64,
    was_slow: bool,
    pub steady_until: u64,
    pub paused_at: u64,
    is_uncorrected: bool,
    clock_touched: u64,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            seen: 0,
            budget: (5.0, Boot::default()),
            patience: [PATIENCE; EXCHANGES],
            trouble_end: 0,
            was_slow: false,
            steady_until: 0,
            paused_at: 0,
            is_uncorrected: false,
            clock_touched: 0,
        }
    }
}

impl Checks {
    pub fn paused(&mut self, t: u64) {
        (self.paused_at, self.is_uncorrected, self.clock_touched) = (t, true, t);
    }

    pub fn wall_set(&mut self, t: u64, error: i64) {
        self.clock_touched = t;
        self.is_uncorrected &= error != 0;
        self.patience
            .iter_mut()
            .for_each(|patience| *patience += 1.0);
    }
}

impl Run {
    /// Whether everything has been well for so long that the session has noticed.
    pub fn is_steady(&self) -> bool {
        let hops = self.scenario.durations.len() as u64;
        let notice = if self.checks.was_slow { 310 } else { 125 };
        self.clocks.t >= self.checks.trouble_end + (notice + 8 * hops) * SECOND
            && self.clocks.t <= self.scenario.until
    }

    /// What is left of a life at least while STS is well: the refresh point, the latest draw, and
    /// the calls.
    pub fn least_left(&self, lifetime: Duration) -> Duration {
        let hops = self.scenario.durations.len() as u64;
        let fraction = 1.0 - 1.1 * self.scenario.fraction;
        lifetime
            .mul_f64(fraction)
            .saturating_sub(Duration::from_secs(15 + 8 * hops))
    }

    /// Time has passed: what it did to the node and to the credentials.
    pub fn check_time(&mut self) {
        let elapsed = (self.clocks.t - self.checks.seen) as f64 / 1000.0;
        let late_token = self.kubelet.begins_after(self.checks.seen);
        self.checks.seen = self.clocks.t;
        let boot = self.clocks.boot();
        let left = self
            .agent
            .published
            .as_ref()
            .map(|published| published.deadline.since(boot).as_secs_f64());
        let cap = left
            .filter(|left| *left > 10.0)
            .map(|left| (left / 10.0).clamp(30.0, 120.0));
        let rate = cap.map_or(1.0 / 6.0, |cap| (2.0 / cap).max(1.0 / 27.0));
        for patience in &mut self.checks.patience {
            *patience = (*patience + elapsed * rate).min(2.0 * PATIENCE);
        }
        if let Some(left) = left {
            let left = (left * 1000.0) as u64;
            self.tally.worst_left =
                Some(self.tally.worst_left.map_or(left, |worst| worst.min(left)));
        }
        let troubles = self.active.iter().any(|fault| fault.kind.troubles());
        let no_token = late_token || !self.kubelet.is_accepted(&self.clocks);
        if troubles || no_token || self.agent.is_down || self.checks.is_uncorrected {
            self.checks.trouble_end = self.clocks.t;
            self.checks.was_slow |= self.active.iter().any(|fault| fault.kind.is_slow());
        } else if self.is_steady() {
            (self.checks.steady_until, self.checks.was_slow) = (self.clocks.t, false);
            self.tally.steady += 1;
            self.check_steady(boot);
        }
    }

    fn check_steady(&self, boot: Boot) {
        for (at, hop) in self.agent.session.hops().iter().enumerate() {
            let Some(held) = &hop.lease else {
                self.violated(rules::FRESH_WHEN_WELL, &format!("hop {at} has none"))
            };
            if held.deadline.since(boot) < self.least_left(held.lifetime) {
                self.violated(
                    rules::FRESH_WHEN_WELL,
                    &format!(
                        "hop {at} has {:?} of {:?} left",
                        held.deadline.since(boot),
                        held.lifetime
                    ),
                );
            }
            if self.sts.issued[serial(&held.credentials.access_key_id)].identity
                != self.kubelet.identity
            {
                self.violated(
                    rules::FORMER_IDENTITY_IS_GONE,
                    &format!("hop {at} acts for the former subject of the token"),
                );
            }
        }
    }

    pub fn check_aws_call(&mut self, sdk: Sdk, call: AwsCall) {
        self.tally.uses += 1;
        self.tally.failed_uses += u64::from(call != AwsCall::Worked);
        let AwsCall::Expired { serial, fetched } = call else {
            return;
        };
        let sane = self.clocks.disagreement() < 4000 && fetched > self.checks.clock_touched;
        if sane && sdk != Sdk::Fresh && !self.is_excused(serial) {
            self.violated(rules::NEVER_ENDED, "used by a client with a right clock");
        }
    }

    pub fn refreshed(&mut self, hop: usize) {
        self.note("refreshed", hop as u64, 0);
        self.tally.refreshed[hop] = self.clocks.t;
        self.checks.patience[hop] = self.checks.patience[hop].max(PATIENCE);
        if let Some(child) = self.checks.patience.get_mut(hop + 1) {
            *child += 1.0;
        }
    }

    pub fn failed(&mut self, hop: usize, failure: &Failure) {
        self.note(failure.class.reason(), hop as u64, u64::from(failure.sent));
        if !failure.sent {
            self.checks.budget.0 += 1.0;
        }
        if failure.class == Class::Source && hop > 0 {
            self.checks.patience[hop - 1] += 1.0;
        }
    }

    /// Another process: what it may call is counted anew.
    pub fn forget(&mut self) {
        self.checks.budget = (5.0, self.clocks.boot());
        self.checks.patience = [PATIENCE; EXCHANGES];
        if self.is_active(Kind::CrashEmpty) {
            self.checks.steady_until = self.clocks.t;
        }
    }

    /// Ends the test with everything that is needed to see it again.
    pub fn violated(&self, rule: &str, what: &str) -> ! {
        let (scenario, t) = (&self.scenario, self.clocks.t);
        let mut faults: Vec<_> = scenario
            .faults
            .iter()
            .filter(|fault| fault.from <= t)
            .collect();
        faults.sort_by_key(|fault| fault.until);
        let faults = faults
            .iter()
            .rev()
            .take(8)
            .fold(String::new(), |text, fault| format!("{text}\n  {fault:?}"));
        panic!(
            "broken: {rule}\n{what}, at {t} ms\nseed {}, {:?}, refresh at {}\nactive: {:?}\n\
             newest faults:{faults}\n{}\n\
             replay: SIM_SEED={} cargo test --test simulation -- every_invariant",
            scenario.seed,
            scenario.durations,
            scenario.fraction,
            self.active,
            self.trace,
            scenario.seed
        );
    }
}
