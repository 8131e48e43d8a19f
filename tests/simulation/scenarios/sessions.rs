//! What sessions cost in calls, and how settings, retries and another identity get through.

use stsidecar::assume::DurationSetting;
use stsidecar::failure::Class;

use super::{assert_invisible, calls, pod};
use crate::simulation::clocks::{DAY, HOUR, MINUTE, SECOND};
use crate::simulation::faults::{Fault, Kind};
use crate::simulation::run::Run;
use crate::simulation::scenario::{Scenario, fixed};
use crate::simulation::sts::serial;

#[test]
fn a_healthy_day_costs_as_many_calls_as_the_refresh_point_says() {
    for (durations, life) in [
        (vec![fixed(60)], 60),
        (vec![fixed(360)], 360),
        (vec![fixed(15)], 15),
        (vec![fixed(60); 4], 60),
    ] {
        for seed in 0..10 {
            let run = pod(seed, &durations, Vec::new(), 10 * DAY);
            for (hop, calls) in run.tally.calls.iter().take(durations.len()).enumerate() {
                let (a_day, meant) = (*calls as f64 / 10.0, 24.0 * 60.0 / (0.2 * f64::from(life)));
                assert!(
                    a_day <= 1.05 * meant && a_day >= 0.95 * meant,
                    "hop {hop} of {life} min: {a_day} a day"
                );
            }
            assert_eq!(run.tally.failed_uses, 0);
        }
    }
}

#[test]
fn longest_costs_a_round_of_probes_a_day_in_whatever_words_they_are_refused() {
    for refusal in [
        Class::DurationTooLong,
        Class::Config,
        Class::Denied,
        Class::Token,
        Class::Source,
    ] {
        for (maximum, minutes) in [(3600, 60), (2 * 3600, 120), (4 * 3600, 240), (43_200, 720)] {
            let calm = Scenario::calm(1, 10 * DAY, vec![DurationSetting::Longest]);
            let mut run = Run::new(Scenario {
                maximum,
                refusal,
                ..calm
            });
            run.advance(10 * DAY);
            let held = run.agent.session.hops()[0].lease.as_ref().unwrap();
            assert_eq!(held.lifetime.as_secs().div_ceil(60), minutes, "{refusal:?}");
            let needed = 10 * 24 * 60 / (minutes / 5);
            assert!(
                calls(&run) <= (needed + 10 * 5) * 11 / 10,
                "{refusal:?} {minutes}: {}",
                calls(&run)
            );
            assert_invisible(&run, &format!("{refusal:?}"));
        }
    }
}

#[test]
fn a_maximum_that_is_lowered_costs_longest_no_gap_whatever_the_refusals_words() {
    for refusal in [
        Class::DurationTooLong,
        Class::Config,
        Class::Denied,
        Class::Token,
        Class::Source,
        Class::Transient,
    ] {
        for seed in 0..10 {
            let lowered = Fault::new(
                Kind::MaximumLowered,
                30 * HOUR + seed * 20 * MINUTE,
                3 * DAY,
            );
            let calm = Scenario::calm(seed, 6 * DAY, vec![DurationSetting::Longest]);
            let mut run = Run::new(Scenario {
                refusal,
                faults: vec![lowered],
                ..calm
            });
            run.advance(6 * DAY);
            assert_invisible(&run, &format!("{refusal:?}, seed {seed}"));
            let held = run.agent.session.hops()[0].lease.as_ref().unwrap();
            assert!(
                held.lifetime.as_secs() > 7200,
                "{refusal:?}, seed {seed}: found again after the trouble"
            );
        }
    }
}

#[test]
fn a_setting_that_is_repaired_half_a_minute_before_the_end_costs_no_gap() {
    for amount in [0.0, 1.0] {
        for seed in 0..40 {
            // A session that was refreshed right before the trouble ends an hour after it began.
            let from = 2 * HOUR + seed * 18 * SECOND;
            let mut run = Run::new(Scenario::calm(seed, DAY, vec![fixed(60), fixed(60)]));
            run.advance(from);
            let end = run
                .agent
                .published
                .as_ref()
                .map(|published| run.clocks.true_time(published.deadline));
            let until = end.expect("a pod that has run for two hours") - 40 * SECOND;
            let fault = Fault {
                amount,
                ..Fault::new(Kind::Misconfigured, from + 1, until - from - 1)
            };
            let calm = Scenario::calm(seed, DAY, vec![fixed(60), fixed(60)]);
            let mut run = Run::new(Scenario {
                faults: vec![fault],
                ..calm
            });
            run.advance(5 * HOUR);
            assert_invisible(&run, &format!("seed {seed}"));
        }
    }
}

/// How many hops failed at their last attempt.
fn failing(run: &Run) -> usize {
    let hops = run.agent.session.hops().iter();
    hops.filter(|hop| hop.streak.is_some()).count()
}

#[test]
fn a_retry_after_a_repair_costs_one_call_for_each_hop_and_no_wait() {
    for (kind, seed) in [Kind::Misconfigured, Kind::Denied]
        .into_iter()
        .flat_map(|kind| (0..20).map(move |seed| (kind, seed)))
    {
        let fault = Fault {
            amount: 1.0,
            ..Fault::new(kind, 2 * HOUR + seed * MINUTE, 25 * MINUTE)
        };
        let retry = Fault::new(Kind::Retries, fault.until + 1, 1);
        let calm = Scenario::calm(seed, DAY, vec![fixed(60), fixed(60)]);
        let mut run = Run::new(Scenario {
            faults: vec![fault, retry],
            ..calm
        });
        run.advance(fault.until);
        let (before, failed_before) = (calls(&run), failing(&run));
        let last = run.tally.refreshed;
        run.advance(fault.until + 10 * SECOND);
        assert!(
            failed_before > 0 && failing(&run) == 0,
            "{kind:?}, seed {seed}: {}",
            run.trace
        );
        assert!(
            (1..=3).contains(&(calls(&run) - before)),
            "{kind:?}, seed {seed}"
        );
        assert_ne!(last, run.tally.refreshed);
    }
}

#[test]
fn another_identity_goes_through_a_chain_within_seconds_and_a_crash_restores_none_of_the_former() {
    for seed in 0..200 {
        let change = Fault::new(Kind::IdentityChange, 2 * HOUR + seed * 4 * SECOND, SECOND);
        let crash = Fault::new(Kind::Crash, change.from + seed * 10, SECOND);
        let faults = if seed.is_multiple_of(4) {
            vec![change]
        } else {
            vec![change, crash]
        };
        let mut run = pod(seed, &[fixed(60); 4], faults, change.from + 45 * SECOND);
        for hop in run.agent.session.hops() {
            let held = hop.lease.as_ref().expect("each hop has credentials");
            let session = run.sts.issued[serial(&held.credentials.access_key_id)];
            assert_eq!(session.identity, 1, "seed {seed}");
        }
        assert_eq!(run.agent.session.hops().len(), 4);
        run.advance(5 * HOUR);
        assert_eq!(run.tally.failed_uses, 0, "seed {seed}");
    }
}
