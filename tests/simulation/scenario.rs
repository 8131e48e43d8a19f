//! What a run is made of: the pod's sessions, the role's maximum, the token's life, and the faults
//! in their order.
//!
//! Written by hand for a case, or drawn from a seed for the swarm.

use std::time::Duration;

use fastrand::Rng;

use stsidecar::assume::{DurationSetting, SessionDuration};
use stsidecar::failure::Class;

use super::clocks::{DAY, HOUR, MINUTE};
use super::faults::{Fault, swarm};

#[derive(Clone, Debug)]
pub struct Scenario {
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

fn pick<T: Copy>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(0..from.len())]
}

pub fn fixed(minutes: u64) -> DurationSetting {
    let duration = SessionDuration::from_duration(Duration::from_mins(minutes));
    DurationSetting::Fixed(duration.expect("15 min to 12 h"))
}

impl Scenario {
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

    /// Everything drawn from the seed.
    pub fn drawn(seed: u64, until: u64) -> Self {
        let random = &mut Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
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
        let hops = pick(random, &[1, 1, 1, 2, 2, 3, 5]);
        durations.resize_with(hops, || {
            pick(random, &[fixed(15), fixed(60), fixed(60), fixed(60)])
        });
        let maximum = match durations[0] {
            DurationSetting::Fixed(_) => 43_200,
            DurationSetting::Longest => pick(random, &[3600, 4 * 3600, 43_200]),
        };
        let fraction = pick(random, &[0.2, 0.2, 0.2, 0.1, 0.33, 0.5]);
        let words = [
            Class::DurationTooLong,
            Class::Config,
            Class::Denied,
            Class::Token,
            Class::Source,
            Class::Transient,
        ];
        let refusal = pick(random, &words);
        let token_life = pick(random, &[10 * MINUTE, HOUR, DAY]);
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
