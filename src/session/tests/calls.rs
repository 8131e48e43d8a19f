//! Calling, publishing, refreshing, the budget, and what late or unsent calls do.

use super::*;

#[test]
fn the_first_step_calls_and_waits_for_the_answer_alone() {
    let mut stage = Stage::new(&[HOUR]);
    assert_eq!(stage.tick(), "call 0 1h; wait");
    assert_eq!(stage.at(9.0).tick(), "wait", "one call in flight");
}

#[test]
fn a_reply_is_served_to_its_true_end_saved_and_refreshed_early() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    assert_eq!(
        stage.at(2.0).grant(3600),
        "refreshed 0; save; serve K1 to 3600; wake 540"
    );
    assert_eq!(stage.at(539.9).tick(), "wake 540");
    assert_eq!(stage.at(540.0).tick(), "call 0 1h; wake 3590");
    assert_eq!(
        stage.grant(3600),
        "refreshed 0; save; serve K2 to 4140; wake 1260"
    );
}

#[test]
fn the_life_is_the_servers_own_difference_and_no_wall_clock_of_ours() {
    let mut stage = Stage::new(&[HOUR]);
    stage.server_ahead = Duration::from_hours(24 * 365);
    stage.tick();
    assert!(stage.grant(900).contains("serve K1 to 900;"));
    let mut dateless = Stage::new(&[HOUR]);
    dateless.tick();
    dateless.at(2.0);
    let reply = StsResponse {
        date: None,
        ..dateless.reply(3598)
    };
    assert!(
        dateless.answer(0, Ok(reply)).contains("serve K1 to 3600;"),
        "without a Date the wall clock has to do"
    );
}

#[test]
fn a_life_that_makes_no_sense_is_a_failure_and_replaces_nothing() {
    for life in [0, 10, 36 * 3600 + 301] {
        let mut stage = Stage::holding();
        stage.at(540.0).tick();
        let line = stage.grant(life);
        assert_eq!(line, "failed 0 bad_reply anew; wake 540.375", "{life}");
        assert_eq!(
            stage.session.hops()[0]
                .lease
                .as_ref()
                .expect("credentials")
                .credentials
                .access_key_id,
            "K1"
        );
    }
}

#[test]
fn credentials_that_end_before_they_arrive_replace_nothing() {
    let mut stage = Stage::holding();
    stage.at(540.0).tick();
    let short = stage.reply(900);
    stage.at(1500.0);
    assert_eq!(
        stage.answer(0, Ok(short)),
        "failed 0 bad_reply anew; wake 1500.375",
        "suspended during the call"
    );
    assert_eq!(
        stage.session.hops()[0]
            .lease
            .as_ref()
            .expect("credentials")
            .credentials
            .access_key_id,
        "K1"
    );
}

#[test]
fn a_shorter_session_is_published_and_told() {
    let mut stage = Stage::holding();
    stage.at(540.0).tick();
    assert_eq!(
        stage.grant(900),
        "refreshed 0 shorter; save; serve K2 to 1440; wake 720"
    );
}

#[test]
fn a_late_answer_of_another_call_is_ignored() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    let reply = stage.reply(3600);
    let late = Event::Answered {
        call: CallId(99),
        sent: Content::default(),
        outcome: Ok(reply),
    };
    assert_eq!(stage.step(late), "wait");
    let first = stage.call.clone().expect("a call");
    stage.grant(3600);
    let twice = Event::Answered {
        call: first.id,
        sent: Content::default(),
        outcome: Err(failure(Class::Config)),
    };
    assert_eq!(stage.step(twice), "wake 540");
}

#[test]
fn a_call_that_is_due_without_budget_is_made_when_the_budget_allows() {
    let mut stage = Stage::new(&[HOUR]);
    stage.at(100.0).tick();
    for generation in 1..=4 {
        stage.refuse(Class::Transient);
        assert!(
            stage.token(generation, false).starts_with("call 0"),
            "{generation}"
        );
    }
    stage.refuse(Class::Transient);
    assert_eq!(stage.token(5, false), "wake 101");
    assert_eq!(stage.at(100.999).tick(), "wake 101");
    assert_eq!(stage.at(101.0).tick(), "call 0 1h; wait");
}

#[test]
fn what_was_never_sent_costs_no_budget() {
    let mut stage = Stage::new(&[HOUR]);
    for attempt in 1..=20 {
        stage.token(attempt, true);
        let line = stage.answer(attempt, Err(no_token()));
        assert!(line.starts_with("failed 0 token"), "{attempt}: {line}");
    }
    assert!(stage.token(21, false).starts_with("call 0"));
}

#[test]
fn stopping_lets_schedules_go_on_and_starts_nothing_after_the_grace() {
    let mut stage = Stage::holding();
    stage.at(530.0);
    assert_eq!(
        stage.step(Event::Stopping {
            grace: Duration::from_secs(25)
        }),
        "wake 540"
    );
    assert_eq!(stage.at(540.0).tick(), "call 0 1h; wake 3590");
    assert_eq!(
        stage.at(555.0).refuse(Class::Transient),
        "failed 0 transient anew; wake 3590"
    );
    assert_eq!(stage.at(600.0).tick(), "wake 3590");
}

#[test]
fn a_fixed_duration_that_is_refused_is_a_wrong_setting() {
    let mut stage = Stage::new(&[HOUR]);
    stage.tick();
    assert_eq!(
        stage.refuse(Class::DurationTooLong),
        "failed 0 config anew; refuse 403 config; wake 45"
    );
}
