//! Another identity in the source's file: what is made anew, by whom it is signed, and what is not taken over.

use super::*;

#[test]
fn another_identity_goes_through_the_whole_chain_at_once() {
    let mut stage = Stage::chain_holding(3);
    assert_eq!(stage.at(60.0).token(1, true), "call 0 1h; wake 3590");
    assert!(stage.grant_sent(1).contains("call 1 1h by K4; wake 3590"));
    assert!(stage.grant(3600).contains("call 2 1h by K5; wake 3590"));
    let line = stage.grant(3600);
    assert!(line.contains("serve K6 to 3660"), "{line}");
    assert_eq!(stage.at(61.0).tick(), "wake 780", "and then nothing is left to do");
}

#[test]
fn a_parent_of_the_former_identity_signs_nothing_more() {
    let mut stage = Stage::chain_holding(2);
    stage.at(60.0).token(1, true);
    let line = stage.answer(1, Err(failure(Class::Denied)));
    assert!(line.contains("failed 0 denied anew") && !line.contains("call 1"), "{line}");
    for at in [540.0, 1000.0, 3000.0] {
        let line = stage.at(at).step(Event::WallStepped);
        assert!(line.starts_with("call 0"), "{line}");
        let line = stage.answer(1, Err(failure(Class::Denied)));
        assert!(!line.contains("call 1"), "{line}");
    }
    assert!(stage.at(3590.0).tick().contains("refuse 403 denied"), "what was held is vended to its end");
}

#[test]
fn a_hop_that_was_failing_for_the_former_identity_is_made_at_once_for_the_new_one() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    stage.grant(3600);
    assert!(stage.refuse(Class::Config).contains("failed 1 config"));
    stage.at(541.0).token(1, true);
    assert!(stage.grant_sent(1).contains("call 1 1h by K4"));
}

#[test]
fn whatever_came_of_a_call_for_the_former_identity_the_new_one_is_asked_for_at_once() {
    for class in Class::REASONS {
        let mut stage = Stage::holding();
        assert!(stage.at(540.0).tick().starts_with("call 0"));
        assert_eq!(stage.token(1, true), "wake 3590");
        assert!(stage.refuse(class).contains("call 0 1h"), "{class:?}");
    }
}

#[test]
fn a_reply_for_the_former_identity_is_not_taken_over() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    stage.token(1, true);
    assert_eq!(stage.grant_sent(0), "call 0 1h; wake 3590", "of the source");
    stage.grant_sent(1);
    stage.at(541.0).token(2, true);
    let line = stage.grant(3600);
    assert_eq!(line, "call 0 1h; wake 3590", "of a hop");
}

#[test]
fn the_answer_to_a_call_may_bring_the_news_of_another_identity() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    let line = stage.grant_another(1);
    assert!(line.contains("call 1 1h by K3"), "{line}");
    let line = stage.grant(3600);
    assert!(line.contains("serve K4"), "{line}");
}
