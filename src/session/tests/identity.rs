//! Another identity in the source's file: what is made anew, which credentials sign it, and what is
//! not taken over.

use super::*;

#[test]
fn another_identity_goes_through_the_whole_chain_at_once() {
    let mut stage = Stage::chain_holding(3);
    assert_eq!(
        stage.at(60.0).token(1, true),
        "another identity; call 0 1h; wake 3590"
    );
    assert!(stage.grant_sent(1).contains("call 1 1h by K4; wake 3590"));
    assert!(stage.grant(3600).contains("call 2 1h by K5; wake 3590"));
    let line = stage.grant(3600);
    assert!(line.contains("serve K6 to 3660"), "{line}");
    assert_eq!(
        stage.at(61.0).tick(),
        "wake 780",
        "and then nothing is left to do"
    );
}

#[test]
fn a_parent_of_the_former_identity_signs_nothing_more() {
    let mut stage = Stage::chain_holding(2);
    stage.at(60.0).token(1, true);
    let line = stage.answer(1, Err(failure(Class::Denied)));
    assert!(
        line.contains("failed 0 denied anew") && !line.contains("call 1"),
        "{line}"
    );
    for at in [540.0, 1000.0, 3000.0] {
        let line = stage.at(at).step(Event::WallStepped);
        assert!(line.starts_with("call 0"), "{line}");
        let line = stage.answer(1, Err(failure(Class::Denied)));
        assert!(!line.contains("call 1"), "{line}");
    }
    assert!(
        stage.at(3590.0).tick().contains("refuse 403 denied"),
        "the former credentials are vended to their end"
    );
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
        assert_eq!(stage.token(1, true), "another identity; wake 3590");
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

/// Another process, whose source's file holds `content`, and what it makes of what `stage` kept.
fn restarted_with(stage: &Stage, content: Content) -> (Stage, String) {
    let (next, _) = stage.restarted(stage.saved.clone().expect("saved"));
    let durations = vec![HOUR; next.session.hops().len()];
    let session = Session::new(&durations, RefreshAt::default(), DIGEST, content);
    let mut next = Stage {
        session,
        contents: vec![content],
        call: None,
        ..next
    };
    let line = next.step(Event::Restored(stage.saved.clone().expect("saved")));
    (next, line)
}

#[test]
fn a_snapshot_restores_each_hop_for_its_own_identity_alone() {
    let mut stage = Stage::chain_holding(2);
    stage.at(60.0).token(1, true);
    stage.grant_sent(1);
    let (mut next, line) = restarted_with(&stage, stage.newest());
    assert_eq!(
        line, "call 1 1h by K3; wait",
        "the source's is the new one's, the last hop's is not"
    );
    assert!(next.grant_sent(1).contains("serve K4"));
    let (_, line) = restarted_with(&stage, content(1, 0));
    assert_eq!(
        line, "serve K2 to 3600; call 0 1h; wake 3590",
        "the former one is back"
    );
    let (_, line) = restarted_with(&stage, content(1, 77));
    assert_eq!(line, "call 0 1h; wait", "a third one");
}

#[test]
fn what_was_restored_without_a_content_is_withdrawn_when_the_content_names_another() {
    let mut stage = Stage::chain_holding(2);
    stage.at(60.0);
    for (subject, expected) in [
        (0, "wake 540"),
        (9, "withdraw; refuse 503 nothing; call 0 1h; wait"),
    ] {
        let (mut next, line) = restarted_with(&stage, Content::default());
        assert_eq!(line, "serve K2 to 3600; wake 540", "a name has to do");
        next.contents.push(content(1, subject));
        assert_eq!(next.step(Event::Token(content(1, subject))), expected);
        if subject == 9 {
            assert!(next.grant_sent(1).contains("call 1 1h by K3"));
            assert!(next.grant(3600).contains("serve K4"));
        }
    }
}

#[test]
fn the_successor_of_an_opaque_content_takes_over_what_is_held() {
    let opaque = |generation, text| Content {
        generation,
        identity: Identity::opaque(text),
    };
    let (first, second) = (opaque(1, "first"), opaque(2, "second"));
    let mut stage = Stage::new(&[HOUR, HOUR]);
    stage.session = Session::new(&[HOUR, HOUR], RefreshAt::default(), DIGEST, first);
    stage.contents = vec![first];
    stage.tick();
    stage.grant_sent(1);
    let reply = stage.reply(3600);
    stage.contents.push(second);
    assert_eq!(
        stage.step(Event::Token(second)),
        "save; wait",
        "no change of identity"
    );
    stage.answer(1, Ok(reply));
    assert_eq!(stage.at(60.0).tick(), "wake 540");
    assert_eq!(
        restarted_with(&stage, second).1,
        "serve K2 to 3600; wake 540"
    );
    assert_eq!(
        restarted_with(&stage, first).1,
        "call 0 1h; wait",
        "another user's, for all that is known"
    );
    assert_eq!(
        restarted_with(&stage, Content::default()).1,
        "call 0 1h; wait",
        "nothing to compare with"
    );
}
