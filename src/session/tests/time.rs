//! Clocks that step, stop and saturate, and wakes that never spin.

use super::*;

#[test]
fn a_wall_step_asks_once_for_each_hop_and_changes_no_answer() {
    let mut stage = Stage::chain_holding(2);
    stage.at(100.0).now.wall = Wall::from_unix_milliseconds(i64::MIN);
    assert_eq!(stage.step(Event::WallStepped), "call 0 1h; wake 3590");
    assert!(stage.grant(3600).ends_with("call 1 1h by K3; wake 3590"));
    assert!(stage.grant(3600).contains("serve K4 to 3700"));
    assert_eq!(stage.at(101.0).tick(), "wake 820");
}

#[test]
fn repeated_wall_steps_stay_within_the_budget() {
    let mut stage = Stage::holding();
    let mut calls = 0;
    for step in 0..600 {
        stage.at(100.0 + f64::from(step) / 10.0);
        stage.now.wall =
            Wall::from_unix_milliseconds(if step % 2 == 0 { i64::MAX } else { i64::MIN });
        if stage.step(Event::WallStepped).contains("call") {
            calls += 1;
            stage.grant(3600);
        }
    }
    assert!(calls <= 65, "{calls} calls in a minute");
}

#[test]
fn a_suspend_is_only_a_late_tick() {
    let mut stage = Stage::holding();
    assert_eq!(
        stage.at(3000.0).tick(),
        "call 0 1h; wake 3590",
        "shorter than what is left"
    );
    let mut long = Stage::holding();
    assert_eq!(
        long.at(3600.0 * 24.0 * 30.0).tick(),
        "refuse 503 nothing; call 0 1h; wait"
    );
}

#[test]
fn every_class_wakes_in_the_future_until_the_end() {
    for class in Class::REASONS {
        let mut stage = Stage::chain_holding(2);
        let mut now = stage.now.boot;
        for _ in 0..300 {
            stage.now.boot = now;
            let mut actions = stage.session.step(Event::Tick, stage.now);
            while let Some(call) = actions.iter().find_map(|action| match action {
                Action::Call(call) => Some(call.id),
                _ => None,
            }) {
                let answered = Event::Answered {
                    call,
                    sent: Content::default(),
                    outcome: Err(failure(class)),
                };
                actions = stage.session.step(answered, stage.now);
            }
            let Some(Action::WakeAt(Some(wake))) = actions.last() else {
                panic!("{class:?}: {actions:?}")
            };
            assert!(*wake > now, "{class:?} spins at {now:?}");
            now = *wake;
        }
        assert!(
            now > Boot::from_duration(Duration::from_secs(3590)),
            "{class:?} stops at {now:?}"
        );
    }
}

#[test]
fn absurd_clocks_end_in_an_answer_and_not_in_a_panic() {
    for boot in [Duration::ZERO, Duration::from_secs(u64::MAX), Duration::MAX] {
        for wall in [i64::MIN, 0, i64::MAX] {
            for jitter in [0.0, 0.999_999_999] {
                let mut stage = Stage::chain_holding(2);
                let boot = Boot::from_duration(boot);
                stage.now = Now {
                    boot,
                    wall: Wall::from_unix_milliseconds(wall),
                    jitter,
                };
                stage.step(Event::WallStepped);
                let reply = StsResponse {
                    date: None,
                    ..stage.reply(3600)
                };
                stage.answer(0, Ok(reply));
                stage.step(Event::Stopping {
                    grace: Duration::MAX,
                });
                stage.step(Event::Restored(
                    stage
                        .saved
                        .clone()
                        .expect("saved")
                        .from_another_boot(stage.now),
                ));
                assert!(stage.tick().contains("wa"));
            }
        }
    }
}

#[test]
fn a_refresh_point_of_any_length_is_at_most_nine_tenths_of_the_life() {
    let refresh_at = RefreshAt::After(Duration::MAX);
    let hour = Duration::from_hours(1);
    assert_eq!(refresh_at.age(hour, false, 0.9), hour.mul_f64(0.9));
    assert_eq!(
        RefreshAt::After(Duration::from_secs(5)).age(hour, false, 0.5),
        Duration::from_secs(5)
    );
}
