//! Single faults by name, each with the behaviour it must have.

mod node;
mod sessions;
mod sts;

use stsidecar::assume::DurationSetting;

use super::agent::EndpointAnswer;
use super::clocks::HOUR;
use super::faults::Fault;
use super::run::Run;
use super::scenario::Scenario;

/// A pod that has run until `until` with these faults.
fn pod(seed: u64, durations: &[DurationSetting], faults: Vec<Fault>, until: u64) -> Run {
    let mut run = Run::new(Scenario {
        faults,
        ..Scenario::calm(seed, until, durations.to_vec())
    });
    run.advance(until);
    run
}

fn is_vending(run: &Run) -> bool {
    matches!(
        run.agent.answer(run.clocks.boot()),
        EndpointAnswer::Vended(_)
    )
}

/// No call of the application to AWS failed, and credentials were never withdrawn.
fn assert_invisible(run: &Run, what: &str) {
    let seen = (run.tally.failed_uses, run.tally.withdrawals);
    assert_eq!(seen, (0, 0), "{what}: failed calls, withdrawals");
}

fn calls(run: &Run) -> u64 {
    run.tally.calls.iter().sum()
}

/// When the last hop was refreshed first after `t`, found by running on, in seconds after it.
fn recovery(run: &mut Run, t: u64) -> f64 {
    let last = run.scenario.durations.len() - 1;
    while run.tally.refreshed[last] <= t {
        assert!(run.clocks.t < t + HOUR, "not recovered after an hour");
        let next = run.clocks.t + 10;
        run.advance(next);
    }
    (run.tally.refreshed[last] - t) as f64 / 1000.0
}
