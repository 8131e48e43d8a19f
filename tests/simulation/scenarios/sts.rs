//! Faults of STS and of what it depends on: outages, throttling, IAM that propagates, an issuer
//! without keys.

use super::{assert_invisible, calls, is_vending, pod, recovery};
use crate::simulation::clocks::{DAY, HOUR, MINUTE, SECOND};
use crate::simulation::faults::{Fault, Kind};
use crate::simulation::run::Run;
use crate::simulation::scenario::{Scenario, fixed};

#[test]
fn sixty_outages_of_45_minutes_at_any_phase_are_invisible_to_1_hour_sessions() {
    for phase in 0..60 {
        let from = 2 * HOUR + phase * 12 * SECOND;
        let outage = Fault::new(Kind::Outage, from, 45 * MINUTE);
        let mut run = Run::new(Scenario {
            faults: vec![outage],
            ..Scenario::calm(phase, 5 * HOUR, vec![fixed(60)])
        });
        run.advance(from);
        let before = calls(&run);
        run.advance(outage.until);
        let (attempts, worst) = (calls(&run) - before, run.tally.worst_left.unwrap() / 1000);
        let recovered = recovery(&mut run, outage.until);
        run.advance(5 * HOUR);
        let failed = run.tally.failed_uses;
        println!(
            "45 min outage at phase {phase}: {attempts} attempts, {worst} s left at worst, \
             recovered after {recovered:.1} s, {failed} failed"
        );
        assert_invisible(&run, &format!("phase {phase}"));
        assert!(attempts <= 60 && recovered <= 123.0);
    }
}

#[test]
fn two_outages_of_90_minutes_a_day_are_invisible_to_6_hour_sessions() {
    for seed in 0..20 {
        let outages = [7 * HOUR, 16 * HOUR]
            .map(|from| Fault::new(Kind::Outage, from + seed * 4 * MINUTE, 90 * MINUTE));
        let mut run = Run::new(Scenario {
            faults: outages.into(),
            ..Scenario::calm(seed, DAY, vec![fixed(360)])
        });
        let (mut attempts, mut recovered) = (0, 0.0);
        for outage in outages {
            run.advance(outage.from);
            let before = calls(&run);
            run.advance(outage.until);
            attempts += calls(&run) - before;
            recovered = f64::max(recovered, recovery(&mut run, outage.until));
        }
        run.advance(DAY);
        let (failed, worst) = (run.tally.failed_uses, run.tally.worst_left.unwrap() / 1000);
        println!(
            "two 90 min outages, seed {seed}: {attempts} attempts, {worst} s left at worst, \
             recovered after {recovered:.1} s, {failed} failed"
        );
        assert_invisible(&run, &format!("seed {seed}"));
        assert!(attempts <= 150 && worst >= 3 * 3600 && recovered <= 123.0);
    }
}

#[test]
fn an_sts_that_is_down_at_the_start_is_found_within_20_seconds_of_its_return() {
    for seed in 0..40 {
        let outage = Fault::new(Kind::Outage, 0, 10 * MINUTE);
        let mut run = pod(seed, &[fixed(60)], vec![outage], outage.until);
        assert!(!is_vending(&run) && calls(&run) >= 30, "{}", calls(&run));
        let after = recovery(&mut run, outage.until);
        assert!(after <= 20.2, "seed {seed}: {after}");
    }
}

#[test]
fn access_denied_while_iam_propagates_is_waited_for() {
    for seed in 0..40 {
        let denied = Fault::new(Kind::Denied, 0, 120 * SECOND);
        let mut run = pod(seed, &[fixed(60)], vec![denied], denied.until);
        let after = recovery(&mut run, denied.until);
        assert!(after <= 20.2, "seed {seed}: {after}");
    }
}

#[test]
fn access_denied_drops_nothing_before_its_end() {
    let denied = Fault::new(Kind::Denied, 2 * HOUR, 3 * HOUR);
    let mut run = pod(1, &[fixed(60)], vec![denied], 2 * HOUR + 46 * MINUTE);
    assert!(is_vending(&run));
    assert_eq!(run.tally.failed_uses, 0);
    run.advance(4 * HOUR);
    assert!(!is_vending(&run));
}

#[test]
fn an_identity_provider_without_keys_for_30_minutes_is_invisible() {
    for seed in 0..40 {
        let refused = Fault::new(
            Kind::TokenRefused,
            2 * HOUR + seed * 18 * SECOND,
            30 * MINUTE,
        );
        let mut run = pod(seed, &[fixed(60)], vec![refused], refused.until);
        let after = recovery(&mut run, refused.until);
        run.advance(5 * HOUR);
        assert_invisible(&run, &format!("seed {seed}"));
        assert!(after <= 34.0, "seed {seed}: {after}");
    }
}

#[test]
fn throttling_of_three_in_four_calls_for_hours_is_invisible() {
    for seed in 0..20 {
        let throttling = Fault {
            amount: 0.75,
            ..Fault::new(Kind::Throttling, 2 * HOUR, 6 * HOUR)
        };
        let run = pod(seed, &[fixed(60)], vec![throttling], 9 * HOUR);
        assert_invisible(&run, &format!("seed {seed}"));
    }
}
