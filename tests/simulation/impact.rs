//! What a fault does to the node at the moment it begins. Faults of STS and the kubelet act by
//! being active.

use stsidecar::failure::Class;
use stsidecar::session::Event;

use super::clocks::MINUTE;
use super::faults::{Fault, Kind};
use super::run::{Run, Scheduled};
use super::sts::failure;

impl Run {
    pub fn begin(&mut self, fault: Fault) {
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
                self.schedule(corrected, Scheduled::WallSet(0));
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
        for event in self.answers.iter_mut().rev().take(2) {
            if let Some(Event::Answered { outcome, .. }) = event
                && self.random.bool()
            {
                *outcome = Err(failure(Class::Transient));
            }
        }
    }

    /// A user asks for a retry, and again after a while until `until`.
    pub fn retry(&mut self, until: u64) {
        if !self.agent.is_down {
            self.step("retry", Event::Retry);
        }
        let next =
            self.clocks.t + 20 * 3000u64.pow(self.random.u32(0..2)) + self.random.u64(0..30_000);
        if next < until {
            self.schedule(next, Scheduled::Retry { until });
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
            self.schedule(self.clocks.t + again * 150, Scheduled::WallSet(error));
        }
    }

    pub fn set_wall(&mut self, error: i64) {
        self.clocks.wall_error = error;
        self.checks.wall_set(self.clocks.t, error);
        if !self.agent.is_down {
            self.step("wall stepped", Event::WallStepped);
        }
    }
}
