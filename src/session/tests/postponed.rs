//! Calls that were not made because what they need comes later: no failure, and no other hop waits.

use super::*;

fn postpone(stage: &mut Stage, seconds: u64) -> String {
    let call = stage.pending();
    stage.step(Event::Postponed {
        call,
        wait: Duration::from_secs(seconds),
    })
}

#[test]
fn a_hop_that_waits_for_its_next_code_lets_the_others_go_first() {
    let mut stage = Stage::chain_holding(2);
    assert!(stage.at(540.0).tick().starts_with("call 0"));
    assert_eq!(postpone(&mut stage, 20), "call 1 1h by K1; wake 3590");
    assert_eq!(
        stage.grant(3600),
        "refreshed 1; save; serve K3 to 4140; wake 560"
    );
    assert_eq!(stage.at(559.9).tick(), "wake 560");
    assert!(
        stage.at(560.0).tick().starts_with("call 0 1h"),
        "in the next half minute"
    );
    assert!(stage.session.newest_failure().is_none());
}

#[test]
fn what_was_to_wait_beyond_the_end_comes_due_at_the_end() {
    let mut stage = Stage::holding();
    stage.at(540.0).tick();
    assert_eq!(postpone(&mut stage, 4000), "wake 3590");
    assert_eq!(stage.at(3589.9).tick(), "wake 3590");
    assert_eq!(
        stage.at(3590.0).tick(),
        "refuse 503 nothing; call 0 1h; wait"
    );
}

#[test]
fn what_was_not_sent_costs_no_call_of_the_budget() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    for second in 1..=20 {
        assert_eq!(postpone(&mut stage, 1), format!("wake {second}"));
        assert_eq!(
            stage.at(f64::from(second)).tick(),
            "call 0 1h; wait",
            "at {second} s"
        );
    }
}

#[test]
fn a_late_word_about_an_abandoned_call_is_ignored() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    let call = stage.call.clone().expect("a call").id;
    stage.grant(3600);
    assert_eq!(
        stage.step(Event::Postponed {
            call,
            wait: Duration::from_secs(20)
        }),
        "wake 540"
    );
}

#[test]
fn a_key_that_was_replaced_while_the_call_was_in_flight_is_history_too() {
    let mut stage = Stage::holding();
    stage.at(540.0).tick();
    stage.token(1, true);
    assert_eq!(stage.refuse(Class::Source), "call 0 1h; wake 3590");
    let line = stage.answer(1, Err(failure(Class::Source)));
    assert!(
        line.starts_with("failed 0 source anew"),
        "the new one is refused itself: {line}"
    );
}
