//! The faults of the design by name, each with the behaviour it must have.

use stsidecar::assume::DurationSetting;
use stsidecar::failure::Class;
use stsidecar::time::Boot;

use super::agent::Answered;
use super::clocks::{DAY, HOUR, MINUTE, SECOND};
use super::faults::{Fault, Kind};
use super::world::{Settings, World, fixed};

/// A pod that has run for `warm`, with faults that begin then.
fn pod(seed: u64, durations: &[DurationSetting], faults: Vec<Fault>, until: u64) -> World {
    let mut world = World::new(Settings {
        faults,
        ..Settings::calm(seed, until, durations.to_vec())
    });
    world.run(until);
    world
}

fn is_vending(world: &World) -> bool {
    matches!(world.agent.answer(world.clocks.boot()), Answered::Vended(_))
}

fn calls(world: &World) -> u64 {
    world.tally.calls.iter().sum()
}

/// When the last hop was refreshed first after `t`, found by running on, in seconds after it.
fn recovery(world: &mut World, t: u64) -> f64 {
    let last = world.settings.durations.len() - 1;
    while world.tally.refreshed[last] <= t {
        assert!(world.clocks.t < t + HOUR, "not recovered after an hour");
        let next = world.clocks.t + 10;
        world.run(next);
    }
    (world.tally.refreshed[last] - t) as f64 / 1000.0
}

#[test]
fn sixty_outages_of_45_minutes_at_any_phase_are_invisible_to_1_hour_sessions() {
    for phase in 0..60 {
        let from = 2 * HOUR + phase * 12 * SECOND;
        let outage = Fault::new(Kind::Outage, from, 45 * MINUTE);
        let mut world = World::new(Settings {
            faults: vec![outage],
            ..Settings::calm(phase, 5 * HOUR, vec![fixed(60)])
        });
        world.run(from);
        let before = calls(&world);
        world.run(outage.until);
        let (attempts, worst) = (
            calls(&world) - before,
            world.tally.worst_left.unwrap() / 1000,
        );
        let recovered = recovery(&mut world, outage.until);
        world.run(5 * HOUR);
        let failed = world.tally.failed_uses;
        println!(
            "45 min outage at phase {phase}: {attempts} attempts, {worst} s left at worst, recovered after {recovered:.1} s, {failed} failed"
        );
        assert_eq!((failed, world.tally.withdrawals), (0, 0));
        assert!(attempts <= 60 && recovered <= 123.0);
    }
}

#[test]
fn two_outages_of_90_minutes_a_day_are_invisible_to_6_hour_sessions() {
    for seed in 0..20 {
        let outages = [7 * HOUR, 16 * HOUR]
            .map(|from| Fault::new(Kind::Outage, from + seed * 4 * MINUTE, 90 * MINUTE));
        let mut world = World::new(Settings {
            faults: outages.into(),
            ..Settings::calm(seed, DAY, vec![fixed(360)])
        });
        let (mut attempts, mut recovered) = (0, 0.0);
        for outage in outages {
            world.run(outage.from);
            let before = calls(&world);
            world.run(outage.until);
            attempts += calls(&world) - before;
            recovered = f64::max(recovered, recovery(&mut world, outage.until));
        }
        world.run(DAY);
        let (failed, worst) = (
            world.tally.failed_uses,
            world.tally.worst_left.unwrap() / 1000,
        );
        println!(
            "two 90 min outages, seed {seed}: {attempts} attempts, {worst} s left at worst, recovered after {recovered:.1} s, {failed} failed"
        );
        assert_eq!((failed, world.tally.withdrawals), (0, 0));
        assert!(attempts <= 150 && worst >= 3 * 3600 && recovered <= 123.0);
    }
}

#[test]
fn f03_an_sts_that_is_down_at_the_start_is_found_within_20_seconds_of_its_return() {
    for seed in 0..40 {
        let outage = Fault::new(Kind::Outage, 0, 10 * MINUTE);
        let mut world = pod(seed, &[fixed(60)], vec![outage], outage.until);
        assert!(
            !is_vending(&world) && calls(&world) >= 30,
            "{}",
            calls(&world)
        );
        let after = recovery(&mut world, outage.until);
        assert!(after <= 20.2, "seed {seed}: {after}");
    }
}

#[test]
fn f10_access_denied_while_iam_propagates_is_waited_for() {
    for seed in 0..40 {
        let denied = Fault::new(Kind::Denied, 0, 120 * SECOND);
        let mut world = pod(seed, &[fixed(60)], vec![denied], denied.until);
        let after = recovery(&mut world, denied.until);
        assert!(after <= 20.2, "seed {seed}: {after}");
    }
}

#[test]
fn f11_access_denied_drops_nothing_before_its_end() {
    let denied = Fault::new(Kind::Denied, 2 * HOUR, 3 * HOUR);
    let mut world = pod(1, &[fixed(60)], vec![denied], 2 * HOUR + 46 * MINUTE);
    assert!(is_vending(&world));
    assert_eq!(world.tally.failed_uses, 0);
    world.run(4 * HOUR);
    assert!(!is_vending(&world));
}

#[test]
fn f12_an_identity_provider_without_keys_for_30_minutes_is_invisible() {
    for seed in 0..40 {
        let refused = Fault::new(
            Kind::TokenRefused,
            2 * HOUR + seed * 18 * SECOND,
            30 * MINUTE,
        );
        let mut world = pod(seed, &[fixed(60)], vec![refused], refused.until);
        let after = recovery(&mut world, refused.until);
        world.run(5 * HOUR);
        assert_eq!(
            (world.tally.failed_uses, world.tally.withdrawals),
            (0, 0),
            "seed {seed}"
        );
        assert!(after <= 34.0, "seed {seed}: {after}");
    }
}

#[test]
fn f14_a_token_that_comes_late_is_taken_within_5_seconds() {
    for seed in 0..20 {
        let stall = Fault::new(Kind::KubeletStall, 0, 3 * HOUR);
        let settings = Settings {
            token_life: HOUR,
            faults: vec![stall],
            ..Settings::calm(seed, 6 * HOUR, vec![fixed(360)])
        };
        let mut world = World::new(settings);
        world.run(stall.until - 1);
        let old = world.kubelet.generation;
        while world.kubelet.generation == old {
            let next = world.clocks.t + 100;
            world.run(next);
        }
        let rotated = world.clocks.t - 100;
        let after = recovery(&mut world, rotated);
        assert!(after <= 5.0, "seed {seed}: {after}\n{}", world.trace);
        assert_eq!(world.tally.failed_uses, 0);
    }
}

#[test]
fn f15_a_token_from_the_future_is_left_to_sts_and_taken_when_its_time_comes() {
    for seed in 0..20 {
        let future = Fault::new(Kind::TokenFromFuture, 0, 90 * MINUTE);
        let settings = Settings {
            token_life: HOUR,
            faults: vec![future],
            ..Settings::calm(seed, DAY, vec![fixed(60)])
        };
        let mut world = World::new(settings);
        world.run(DAY);
        assert_eq!(
            (world.tally.failed_uses, world.tally.withdrawals),
            (0, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn f16_any_steps_of_the_wall_clock_cost_a_few_calls_and_no_answer() {
    for (seed, amount) in (0..9).map(|step| (step, step as f64 / 9.0 + 0.01)) {
        let from = 2 * HOUR + 30 * SECOND;
        let step = Fault {
            amount,
            ..Fault::new(Kind::WallStep, from, 30 * MINUTE)
        };
        let mut world = pod(seed, &[fixed(60), fixed(60)], vec![step], from - SECOND);
        let before = calls(&world);
        world.run(from + MINUTE);
        assert!(is_vending(&world));
        assert!(
            (2..=10).contains(&(calls(&world) - before)),
            "{amount}: {}",
            calls(&world) - before
        );
        world.run(5 * HOUR);
        assert_eq!(world.tally.withdrawals, 0);
    }
}

#[test]
fn f17_a_suspend_shorter_than_what_is_left_is_invisible_and_a_longer_one_ends_in_fresh_credentials()
{
    for seed in 0..30 {
        for (lasts, is_short) in [
            (SECOND, true),
            (40 * MINUTE, true),
            (2 * HOUR, false),
            (30 * DAY, false),
        ] {
            let suspend = Fault::new(Kind::Suspend, 2 * HOUR + seed * 24 * SECOND, lasts);
            let mut world = World::new(Settings {
                faults: vec![suspend],
                ..Settings::calm(seed, 31 * DAY, vec![fixed(60)])
            });
            world.settings.token_life = 60 * DAY;
            world.run(suspend.from);
            assert_eq!(world.clocks.t, suspend.until, "the node slept");
            assert_eq!(is_vending(&world), is_short, "seed {seed}, {lasts} ms");
            world.run(suspend.until + 3200);
            assert!(
                is_vending(&world),
                "seed {seed}, {lasts} ms: not fresh after a call and a retry"
            );
            assert_eq!(world.tally.withdrawals, u64::from(!is_short));
        }
    }
}

#[test]
fn f18_a_pause_is_put_right_by_one_call_once_the_wall_clock_is_corrected() {
    let pause = Fault {
        amount: 0.1,
        ..Fault::new(Kind::Pause, 2 * HOUR, 20 * MINUTE)
    };
    let mut world = pod(1, &[fixed(60)], vec![pause], pause.from);
    let corrected = pause.until + MINUTE;
    world.run(corrected - SECOND);
    let before = calls(&world);
    world.run(corrected + SECOND);
    assert_eq!(calls(&world), before + 1);
    world.run(corrected + HOUR);
    assert_eq!(world.tally.failed_uses, 0);
}

#[test]
fn f20_a_crash_during_an_outage_loses_nothing_with_a_snapshot_and_everything_without() {
    for (kind, is_kept) in [
        (Kind::Crash, true),
        (Kind::CrashEmpty, false),
        (Kind::CrashForeign, false),
    ] {
        for seed in 0..20 {
            let outage = Fault::new(Kind::Outage, 2 * HOUR + seed * 36 * SECOND, 40 * MINUTE);
            let crash = Fault::new(kind, outage.from + 10 * MINUTE, SECOND);
            let mut world = pod(
                seed,
                &[fixed(60), fixed(60)],
                vec![outage, crash],
                crash.from + 20 * SECOND,
            );
            assert_eq!(is_vending(&world), is_kept, "{kind:?}, seed {seed}");
            world.run(outage.until + 30 * SECOND);
            assert!(is_vending(&world), "{kind:?}, seed {seed}");
            assert_eq!(world.tally.withdrawals, 0);
        }
    }
}

#[test]
fn throttling_of_three_in_four_calls_for_hours_is_invisible() {
    for seed in 0..20 {
        let throttling = Fault {
            amount: 0.75,
            ..Fault::new(Kind::Throttling, 2 * HOUR, 6 * HOUR)
        };
        let world = pod(seed, &[fixed(60)], vec![throttling], 9 * HOUR);
        assert_eq!(
            (world.tally.failed_uses, world.tally.withdrawals),
            (0, 0),
            "seed {seed}"
        );
    }
}

#[test]
fn a_healthy_day_costs_as_many_calls_as_the_refresh_point_says() {
    for (durations, life) in [
        (vec![fixed(60)], 60),
        (vec![fixed(360)], 360),
        (vec![fixed(15)], 15),
        (vec![fixed(60); 4], 60),
    ] {
        for seed in 0..10 {
            let world = pod(seed, &durations, Vec::new(), 10 * DAY);
            for (hop, calls) in world.tally.calls.iter().take(durations.len()).enumerate() {
                let (a_day, meant) = (*calls as f64 / 10.0, 24.0 * 60.0 / (0.2 * f64::from(life)));
                assert!(
                    a_day <= 1.05 * meant && a_day >= 0.95 * meant,
                    "hop {hop} of {life} min: {a_day} a day"
                );
            }
            assert_eq!(world.tally.failed_uses, 0);
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
            let calm = Settings::calm(1, 10 * DAY, vec![DurationSetting::Longest]);
            let mut world = World::new(Settings {
                maximum,
                refusal,
                ..calm
            });
            world.run(10 * DAY);
            let held = world.agent.session.hops()[0].held.as_ref().unwrap();
            assert_eq!(held.lifetime.as_secs().div_ceil(60), minutes, "{refusal:?}");
            let needed = 10 * 24 * 60 / (minutes / 5);
            assert!(
                calls(&world) <= (needed + 10 * 5) * 11 / 10,
                "{refusal:?} {minutes}: {}",
                calls(&world)
            );
            assert_eq!(
                (world.tally.failed_uses, world.tally.withdrawals),
                (0, 0),
                "{refusal:?}"
            );
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
            let calm = Settings::calm(seed, 6 * DAY, vec![DurationSetting::Longest]);
            let mut world = World::new(Settings {
                refusal,
                faults: vec![lowered],
                ..calm
            });
            world.run(6 * DAY);
            assert_eq!(
                (world.tally.failed_uses, world.tally.withdrawals),
                (0, 0),
                "{refusal:?}, seed {seed}"
            );
            let held = world.agent.session.hops()[0].held.as_ref().unwrap();
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
            let mut world = World::new(Settings::calm(seed, DAY, vec![fixed(60), fixed(60)]));
            world.run(from);
            let end = world
                .agent
                .published
                .as_ref()
                .map(|published| world.clocks.true_time(published.deadline));
            let until = end.expect("a pod that has run for two hours") - 40 * SECOND;
            let fault = Fault {
                amount,
                ..Fault::new(Kind::Misconfigured, from + 1, until - from - 1)
            };
            let calm = Settings::calm(seed, DAY, vec![fixed(60), fixed(60)]);
            let mut world = World::new(Settings {
                faults: vec![fault],
                ..calm
            });
            world.run(5 * HOUR);
            assert_eq!(
                (world.tally.failed_uses, world.tally.withdrawals),
                (0, 0),
                "seed {seed}"
            );
        }
    }
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
        let calm = Settings::calm(seed, DAY, vec![fixed(60), fixed(60)]);
        let mut world = World::new(Settings {
            faults: vec![fault, retry],
            ..calm
        });
        world.run(fault.until);
        let (before, failing) = (
            calls(&world),
            world
                .agent
                .session
                .hops()
                .iter()
                .any(|hop| hop.streak.is_some()),
        );
        let last = world.tally.refreshed;
        world.run(fault.until + 10 * SECOND);
        let failed = world
            .agent
            .session
            .hops()
            .iter()
            .filter(|hop| hop.streak.is_some())
            .count();
        assert!(
            failing && failed == 0,
            "{kind:?}, seed {seed}: {}",
            world.trace
        );
        assert!(
            (1..=3).contains(&(calls(&world) - before)),
            "{kind:?}, seed {seed}"
        );
        assert_ne!(last, world.tally.refreshed);
    }
}

#[test]
fn another_identity_goes_through_a_chain_within_seconds_and_a_crash_on_the_way_brings_none_of_the_former_back()
 {
    for seed in 0..200 {
        let change = Fault::new(Kind::IdentityChange, 2 * HOUR + seed * 4 * SECOND, SECOND);
        let crash = Fault::new(Kind::Crash, change.from + seed * 10, SECOND);
        let faults = if seed.is_multiple_of(4) {
            vec![change]
        } else {
            vec![change, crash]
        };
        let mut world = pod(seed, &[fixed(60); 4], faults, change.from + 45 * SECOND);
        let issued = |hop: &stsidecar::session::HopState| {
            let key = &hop.held.as_ref().expect("held").credentials.access_key_id;
            world.sts.issued[super::sts::serial(key)].identity
        };
        let identities: Vec<u64> = world.agent.session.hops().iter().map(issued).collect();
        assert_eq!(identities, [1; 4], "seed {seed}");
        world.run(5 * HOUR);
        assert_eq!(world.tally.failed_uses, 0, "seed {seed}");
    }
}

#[test]
fn the_end_of_a_run_is_on_the_boot_clock() {
    let world = pod(3, &[fixed(60)], Vec::new(), HOUR);
    assert_eq!(world.clocks.true_time(world.clocks.boot()), HOUR);
    assert!(world.clocks.boot() > Boot::default());
}
