//! Faults of the node: tokens late or early, clocks that are set, suspends, pauses, crashes.

use stsidecar::time::Boot;

use super::{assert_invisible, calls, is_vending, pod, recovery};
use crate::simulation::clocks::{DAY, HOUR, MINUTE, SECOND};
use crate::simulation::faults::{Fault, Kind};
use crate::simulation::run::Run;
use crate::simulation::scenario::{Scenario, fixed};

#[test]
fn a_token_that_comes_late_is_taken_within_5_seconds() {
    for seed in 0..20 {
        let stall = Fault::new(Kind::KubeletStall, 0, 3 * HOUR);
        let scenario = Scenario {
            token_life: HOUR,
            faults: vec![stall],
            ..Scenario::calm(seed, 6 * HOUR, vec![fixed(360)])
        };
        let mut run = Run::new(scenario);
        run.advance(stall.until - 1);
        let old = run.kubelet.generation;
        while run.kubelet.generation == old {
            let next = run.clocks.t + 100;
            run.advance(next);
        }
        let rotated = run.clocks.t - 100;
        let after = recovery(&mut run, rotated);
        assert!(after <= 5.0, "seed {seed}: {after}\n{}", run.trace);
        assert_eq!(run.tally.failed_uses, 0);
    }
}

#[test]
fn a_token_from_the_future_is_left_to_sts_and_taken_when_its_time_comes() {
    for seed in 0..20 {
        let future = Fault::new(Kind::TokenFromFuture, 0, 90 * MINUTE);
        let scenario = Scenario {
            token_life: HOUR,
            faults: vec![future],
            ..Scenario::calm(seed, DAY, vec![fixed(60)])
        };
        let mut run = Run::new(scenario);
        run.advance(DAY);
        assert_invisible(&run, &format!("seed {seed}"));
    }
}

#[test]
fn any_steps_of_the_wall_clock_cost_a_few_calls_and_no_answer() {
    for (seed, amount) in (0..9).map(|step| (step, step as f64 / 9.0 + 0.01)) {
        let from = 2 * HOUR + 30 * SECOND;
        let step = Fault {
            amount,
            ..Fault::new(Kind::WallStep, from, 30 * MINUTE)
        };
        let mut run = pod(seed, &[fixed(60), fixed(60)], vec![step], from - SECOND);
        let before = calls(&run);
        run.advance(from + MINUTE);
        assert!(is_vending(&run));
        assert!(
            (2..=10).contains(&(calls(&run) - before)),
            "{amount}: {}",
            calls(&run) - before
        );
        run.advance(5 * HOUR);
        assert_eq!(run.tally.withdrawals, 0);
    }
}

#[test]
fn a_suspend_shorter_than_what_is_left_is_invisible_and_a_longer_one_ends_in_fresh_credentials() {
    for seed in 0..30 {
        for (lasts, is_short) in [
            (SECOND, true),
            (40 * MINUTE, true),
            (2 * HOUR, false),
            (30 * DAY, false),
        ] {
            let suspend = Fault::new(Kind::Suspend, 2 * HOUR + seed * 24 * SECOND, lasts);
            let mut run = Run::new(Scenario {
                faults: vec![suspend],
                ..Scenario::calm(seed, 31 * DAY, vec![fixed(60)])
            });
            run.scenario.token_life = 60 * DAY;
            run.advance(suspend.from);
            assert_eq!(run.clocks.t, suspend.until, "the node slept");
            assert_eq!(is_vending(&run), is_short, "seed {seed}, {lasts} ms");
            run.advance(suspend.until + 3200);
            assert!(
                is_vending(&run),
                "seed {seed}, {lasts} ms: not fresh after a call and a retry"
            );
            assert_eq!(run.tally.withdrawals, u64::from(!is_short));
        }
    }
}

#[test]
fn a_pause_is_put_right_by_one_call_once_the_wall_clock_is_corrected() {
    let pause = Fault {
        amount: 0.1,
        ..Fault::new(Kind::Pause, 2 * HOUR, 20 * MINUTE)
    };
    let mut run = pod(1, &[fixed(60)], vec![pause], pause.from);
    let corrected = pause.until + MINUTE;
    run.advance(corrected - SECOND);
    let before = calls(&run);
    run.advance(corrected + SECOND);
    assert_eq!(calls(&run), before + 1);
    run.advance(corrected + HOUR);
    assert_eq!(run.tally.failed_uses, 0);
}

#[test]
fn a_crash_during_an_outage_loses_nothing_with_a_snapshot_and_everything_without() {
    for (kind, is_kept) in [
        (Kind::Crash, true),
        (Kind::CrashEmpty, false),
        (Kind::CrashForeign, false),
    ] {
        for seed in 0..20 {
            let outage = Fault::new(Kind::Outage, 2 * HOUR + seed * 36 * SECOND, 40 * MINUTE);
            let crash = Fault::new(kind, outage.from + 10 * MINUTE, SECOND);
            let mut run = pod(
                seed,
                &[fixed(60), fixed(60)],
                vec![outage, crash],
                crash.from + 20 * SECOND,
            );
            assert_eq!(is_vending(&run), is_kept, "{kind:?}, seed {seed}");
            run.advance(outage.until + 30 * SECOND);
            assert!(is_vending(&run), "{kind:?}, seed {seed}");
            assert_eq!(run.tally.withdrawals, 0);
        }
    }
}

#[test]
fn the_end_of_a_run_is_on_the_boot_clock() {
    let run = pod(3, &[fixed(60)], Vec::new(), HOUR);
    assert_eq!(run.clocks.true_time(run.clocks.boot()), HOUR);
    assert!(run.clocks.boot() > Boot::default());
}
