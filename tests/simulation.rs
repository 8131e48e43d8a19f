//! Days of virtual time over the session: seeded swarms of faults, and single faults by name.
//!
//! `SIM_DAYS` sets how many days the swarm lasts, `SIM_SEED` replays one seed.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::enum_glob_use,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    unreachable_pub,
    missing_docs,
    reason = "a test program that nothing else calls, with small numbers"
)]

mod simulation {
    pub mod agent;
    mod chains;
    pub mod checks;
    pub mod clients;
    pub mod clocks;
    pub mod faults;
    mod fleet;
    mod impact;
    pub mod kubelet;
    pub mod rules;
    pub mod run;
    pub mod scenario;
    mod scenarios;
    mod steps;
    pub mod sts;
    pub mod trace;
}

use simulation::clocks::DAY;
use simulation::faults::{ALL, KINDS};
use simulation::run::Run;
use simulation::scenario::Scenario;

/// How long each seed runs.
const DAYS_A_SEED: u64 = 4;

#[allow(
    clippy::disallowed_methods,
    reason = "a test has no other scenario than its environment"
)]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .expect("SIM_DAYS and SIM_SEED are whole numbers")
    })
}

/// Runs the seeds of one worker, and returns days, steps, calls to AWS, those that failed,
/// withdrawals, moments that were checked to be well, and how often each fault made a difference.
fn swarm(seeds: impl Iterator<Item = u64>) -> ([u64; 6], [u64; KINDS]) {
    let (mut sums, mut hits) = ([0; 6], [0; KINDS]);
    for seed in seeds {
        let run = Run::finished(Scenario::drawn(seed, DAYS_A_SEED * DAY));
        let tally = &run.tally;
        let row = [
            DAYS_A_SEED,
            tally.steps,
            tally.uses,
            tally.failed_uses,
            tally.withdrawals,
            tally.steady,
        ];
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += value);
        hits.iter_mut()
            .zip(run.sts.hits)
            .for_each(|(sum, value)| *sum += value);
    }
    (sums, hits)
}

#[test]
fn every_invariant_holds_over_thousands_of_days_of_faults() {
    if let Some(seed) = setting("SIM_SEED") {
        let run = Run::finished(Scenario::drawn(seed, DAYS_A_SEED * DAY));
        println!(
            "seed {seed}: trace {:016x}, {:?}\n{}",
            run.trace.hash(),
            run.tally,
            run.trace
        );
        return;
    }
    let seeds = setting("SIM_DAYS").unwrap_or(2000).div_ceil(DAYS_A_SEED);
    let workers = 2;
    let (mut sums, mut hits) = ([0; 6], [0; KINDS]);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || swarm((worker..seeds).step_by(workers as usize))))
            .collect();
        for thread in threads {
            let (part, hit) = thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            sums.iter_mut()
                .zip(part)
                .for_each(|(sum, value)| *sum += value);
            hits.iter_mut()
                .zip(hit)
                .for_each(|(sum, value)| *sum += value);
        }
    });
    let [days, steps, uses, failed, withdrawals, steady] = sums;
    println!(
        "{seeds} seeds, {days} days, {steps} steps, {uses} calls to AWS, \
         {failed} of them failed in {withdrawals} justified gaps, {steady} times well and fresh"
    );
    assert!(
        withdrawals > 0 && steady > steps / 10,
        "too few or too many faults to prove anything"
    );
    for (kind, hits) in ALL.iter().zip(hits) {
        println!("{kind:?}: {hits}");
        assert!(hits > 0 || days < 2000, "{kind:?} was never exercised");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..8 {
        assert_eq!(day(seed), day(seed), "seed {seed}");
        assert_ne!(day(seed), day(seed + 1), "seed {seed}");
    }
}

/// The hash of all that happened on a day.
fn day(seed: u64) -> u64 {
    Run::finished(Scenario::drawn(seed, DAY)).trace.hash()
}
