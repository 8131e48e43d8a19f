//! What each class of failure does to the schedule, to what is vended and to what is said.

use super::*;

#[test]
fn an_error_never_replaces_credentials_whatever_its_class() {
    for class in Class::REASONS {
        let mut stage = Stage::holding();
        let line = stage.refuse_at(540.0, class);
        assert!(
            line.starts_with(&format!("failed 0 {} anew; wake", class.reason())),
            "{line}"
        );
        assert_eq!(
            stage.at(3589.9).tick().matches("refuse").count(),
            0,
            "{class:?}"
        );
        assert!(stage.session.hops()[0].lease.is_some());
    }
}

#[test]
fn requests_are_refused_at_the_end_exactly_once_with_the_newest_failure() {
    let mut stage = Stage::holding();
    stage.refuse_at(540.0, Class::Throttled);
    stage.at(600.0).tick();
    assert_eq!(stage.at(3590.0).tick(), "refuse 503 throttled; wait");
    assert_eq!(stage.at(3591.0).tick(), "wait");
    assert_eq!(
        stage.refuse(Class::Transient),
        "failed 0 transient anew; refuse 503 transient; wake 3592"
    );
    assert!(stage.at(3592.1).tick().starts_with("call 0"));
    assert!(
        stage
            .grant(3600)
            .starts_with("refreshed 0; save; serve K2 to 7192.1;")
    );
    assert!(stage.session.newest_failure().is_none());
}

#[test]
fn denied_becomes_permanent_after_ten_minutes_of_one_streak() {
    let mut stage = Stage::new(&[HOUR]);
    let (mut line, mut now) = (String::new(), 0.0);
    while now < 599.0 {
        line = stage.refuse_at(now, Class::Denied);
        assert!(line.contains("refuse 503 denied"), "{line}");
        now = woken(&line);
    }
    line.clear();
    line.push_str(&stage.refuse_at(now.max(600.0), Class::Denied));
    assert!(line.contains("refuse 403 denied"), "{line}");
    let next = woken(&line);
    assert!(
        (next - now.max(600.0) - 45.0).abs() < 0.1,
        "an application waits for the fix: not 300 s, {line}"
    );
}

#[test]
fn a_success_ends_the_streak_so_denied_counts_again() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    stage.refuse(Class::Denied);
    stage.at(500.0).tick();
    stage.grant(20);
    stage.at(505.0).tick();
    stage.at(511.0).refuse(Class::Denied);
    let line = stage.at(620.0).tick() + &stage.refuse(Class::Denied);
    assert!(line.contains("refuse 503 denied"), "{line}");
}

#[test]
fn permanent_classes_say_403_and_wait_long_when_held() {
    for class in [Class::Config, Class::Role] {
        let mut stage = Stage::new(&[HOUR]);
        stage.tick();
        assert_eq!(
            stage.refuse(class),
            format!("failed 0 {} anew; refuse 403 {0}; wake 45", class.reason())
        );
        let mut stage = Stage::holding();
        assert!(stage.refuse_at(540.0, class).ends_with("wake 765"));
    }
}

#[test]
fn a_new_token_ends_the_wait_only_when_something_failed_or_the_identity_changed() {
    let mut stage = Stage::holding();
    assert_eq!(stage.at(100.0).token(1, false), "wake 540");
    assert_eq!(
        stage.token(2, true),
        "another identity; call 0 1h; wake 3590"
    );
    stage.grant_sent(2);
    stage.at(820.0).tick();
    stage.answer(2, Err(failure(Class::Token)));
    assert_eq!(stage.token(3, false), "call 0 1h; wake 3690");
}

#[test]
fn a_token_rotated_while_it_was_refused_is_no_failure() {
    let mut stage = Stage::holding();
    stage.token(1, false);
    stage.at(540.0).tick();
    stage.token(2, false);
    assert_eq!(
        stage.answer(1, Err(failure(Class::Token))),
        "call 0 1h; wake 3590"
    );
    assert!(stage.session.hops()[0].streak.is_none());
    assert_eq!(
        stage.answer(2, Err(failure(Class::Token))),
        "failed 0 token anew; wake 541"
    );
}

#[test]
fn a_token_file_that_vanished_is_looked_for_each_second_and_does_not_spin() {
    let mut stage = Stage::holding();
    stage.token(5, false);
    stage.at(540.0).tick();
    assert_eq!(
        stage.answer(0, Err(no_token())),
        "failed 0 token anew; wake 541"
    );
}

#[test]
fn retries_slow_down_even_when_the_class_changes_each_time() {
    let mut stage = Stage::holding();
    let (mut now, mut attempts) = (540.0, 0);
    while now < 1140.0 {
        let class = if attempts % 2 == 0 {
            Class::Transient
        } else {
            Class::Throttled
        };
        let line = stage.refuse_at(now, class);
        now = woken(&line);
        attempts += 1;
    }
    assert!(attempts <= 20, "{attempts} attempts in ten minutes");
}

#[test]
fn a_lasting_failure_is_retried_with_a_cap_that_shrinks_with_what_is_left() {
    let mut stage = Stage::holding();
    let (mut now, mut gaps) = (540.0, vec![]);
    while now < 3560.0 {
        let line = stage.refuse_at(now, Class::Transient);
        let next = woken(&line);
        gaps.push(next - now);
        now = next;
    }
    assert!(
        gaps.iter()
            .take(20)
            .fold(0.0, |most: f64, gap| most.max(*gap))
            <= 90.01
    );
    assert!(
        gaps.iter().rev().skip(1).take(3).all(|gap| *gap <= 22.6),
        "{gaps:?}"
    );
    assert!((30..60).contains(&gaps.len()), "{}", gaps.len());
}

/// When calls are made from `from` to `until`, all of them refused with `class`.
fn attempts(stage: &mut Stage, class: Class, from: f64, until: f64) -> Vec<f64> {
    let (mut at, mut attempts) = (from, vec![]);
    let mut line = stage.at(at).step(Event::WallStepped);
    loop {
        while stage.call.is_some() {
            attempts.push(at);
            line = stage.refuse(class);
        }
        at = woken(&line);
        if at >= until {
            return attempts;
        }
        line = stage.at(at).tick();
    }
}

#[test]
fn whatever_fails_is_tried_shortly_before_the_end_and_soon_after_it() {
    let chains = [(1, 3585.1), (2, 3580.1), (3, 3575.1)];
    for ((hops, in_time), class) in chains
        .into_iter()
        .flat_map(|chain| Class::REASONS.map(|class| (chain, class)))
    {
        for (from, jitter) in [540.0, 2900.0, 3400.0, 3510.0]
            .into_iter()
            .flat_map(|from| [(from, 0.0), (from, 0.999)])
        {
            let mut stage = Stage::chain_holding(hops);
            stage.now.jitter = jitter;
            let attempts = attempts(&mut stage, class, from, 3720.0);
            let last = attempts
                .iter()
                .copied()
                .filter(|at| *at < 3590.0)
                .fold(0.0, f64::max);
            let after = attempts
                .iter()
                .copied()
                .filter(|at| *at >= 3590.0)
                .fold(f64::MAX, f64::min);
            let what = format!("{hops} hops, {class:?} from {from}, draw {jitter}");
            assert!(
                last >= 3559.0,
                "{what}: the last try before the end was at {last}"
            );
            let is_in_time = attempts.iter().any(|at| (3550.0..in_time).contains(at));
            assert!(
                is_in_time,
                "{what}: no try leaves time for {hops} calls: {attempts:?}"
            );
            assert!(after <= 3650.0, "{what}: nothing was tried until {after}");
        }
    }
}

#[test]
fn a_role_that_is_repaired_in_the_last_minute_costs_no_gap() {
    for class in [Class::Config, Class::Role, Class::Denied] {
        let mut stage = Stage::holding();
        stage.now.jitter = 0.999;
        attempts(&mut stage, class, 540.0, 3540.0);
        let mut line = stage.tick();
        while !line.contains("call") {
            line = stage.at(woken(&line)).tick();
        }
        let repaired = stage.now.boot.as_duration().as_secs_f64();
        assert!(repaired < 3590.0, "{class:?}: {repaired}");
        assert!(stage.grant(3600).contains("serve K2"));
    }
}

#[test]
fn what_is_due_after_the_end_comes_due_by_the_schedule_for_nothing_held() {
    // A session too short for a refresh at 90 % to come before it is withdrawn.
    let mut stage = Stage::new(&[HOUR]);
    stage.session = Session::new(&[HOUR], RefreshAt::Fraction(0.9), DIGEST, content(0, 0));
    stage.tick();
    let line = stage.grant(40);
    assert!(woken(&line) < 30.0, "refreshed while it is vended: {line}");
    let line = stage.at(woken(&line)).tick() + &stage.refuse(Class::Config);
    let line = stage.at(woken(&line).max(30.0)).tick();
    assert!(woken(&line) <= 90.0, "{line}");
}
