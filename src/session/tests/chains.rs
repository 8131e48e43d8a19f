//! Several hops: order, which credentials may sign, blame.

use super::*;

#[test]
fn a_cold_chain_is_called_source_first_each_hop_signed_by_the_one_before() {
    let mut stage = Stage::new(&[HOUR, HOUR, HOUR]);
    assert_eq!(stage.tick(), "call 0 1h; wait");
    assert_eq!(
        stage.grant(3600),
        "refreshed 0; save; call 1 1h by K1; wait"
    );
    assert_eq!(
        stage.grant(3600),
        "refreshed 1; save; call 2 1h by K2; wait"
    );
    assert_eq!(
        stage.grant(3600),
        "refreshed 2; save; serve K3 to 3600; wake 540"
    );
}

#[test]
fn a_renewed_parent_does_not_make_its_child_due() {
    let mut stage = Stage::new(&[HOUR, HOUR]);
    stage.tick();
    stage.grant(900);
    stage.grant(3600);
    assert_eq!(stage.at(135.0).tick(), "call 0 1h; wake 3590");
    assert_eq!(stage.grant(900), "refreshed 0; save; wake 315");
}

#[test]
fn a_due_parent_goes_first() {
    let mut stage = Stage::chain_holding(2);
    assert!(stage.at(540.0).tick().starts_with("call 0"));
    assert!(stage.grant(3600).contains("call 1 1h by K3"));
}

#[test]
fn a_child_goes_on_while_its_parent_fails_and_stops_when_the_parent_is_nearly_dead() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    assert_eq!(
        stage.refuse(Class::Transient),
        "failed 0 transient anew; call 1 1h by K1; wake 3590"
    );
    stage.grant(3600);
    stage.refuse_at(3300.0, Class::Config);
    assert_eq!(
        stage.grant(3600),
        "refreshed 1; save; serve K4 to 6900; wake 3525"
    );
    stage.refuse_at(3540.0, Class::Config);
    assert_eq!(
        stage.at(3600.0).step(Event::WallStepped),
        "call 0 1h; wake 6890"
    );
    assert_eq!(
        stage.refuse(Class::Config),
        "failed 0 config; wake 3825",
        "K1 has less than a minute"
    );
}

#[test]
fn a_parent_signs_to_its_last_minute_or_tenth() {
    for (life, last) in [(3600, 3539.9), (100, 89.9)] {
        let mut stage = Stage::new(&[HOUR, HOUR]);
        stage.tick();
        stage.grant(life);
        stage.refuse(Class::Transient);
        stage.at(last).tick();
        let line = stage.refuse(Class::Config);
        assert!(line.contains("call 1 1h by K1"), "{line}");
        stage.refuse(Class::Config);
        let line = stage.at(last + 0.2).step(Event::WallStepped) + &stage.refuse(Class::Config);
        assert!(
            line.contains("call 0") && !line.contains("call 1"),
            "{line}"
        );
    }
}

#[test]
fn a_refused_signer_is_renewed_at_once_and_its_child_tried_again_behind_it() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    stage.grant(3600);
    let line = stage.refuse(Class::Source);
    assert_eq!(line, "failed 1 source anew; call 0 1h; wake 3590");
    assert_eq!(
        stage.grant(3600),
        "refreshed 0; save; call 1 1h by K4; wake 3590"
    );
    assert!(
        stage
            .grant(3600)
            .starts_with("refreshed 1; save; serve K5 to 4140")
    );
}

#[test]
fn a_parent_is_blamed_once_for_each_of_its_generations() {
    let mut stage = Stage::chain_holding(2);
    stage.at(540.0).tick();
    stage.grant(3600);
    stage.refuse(Class::Source);
    assert_eq!(
        stage.refuse(Class::Config),
        "failed 0 config anew; wake 540.375",
        "the parent is not renewed"
    );
    assert!(stage.at(540.4).tick().starts_with("call 1 1h by K3"));
    assert_eq!(stage.refuse(Class::Source), "failed 1 source; wake 541.15");
    let due = stage.session.hops()[0].due.as_duration();
    assert_eq!(
        due.as_secs(),
        765,
        "the same signer is blamed no second time"
    );
}

#[test]
fn a_signer_that_is_refused_for_good_costs_no_call_a_second() {
    let mut stage = Stage::chain_holding(2);
    let (mut now, mut calls) = (540.0, 0);
    while now < 1740.0 {
        let mut line = stage.at(now).tick();
        while let Some(call) = stage.call.clone() {
            calls += 1;
            line = if call.hop == 0 {
                stage.grant(3600)
            } else {
                stage.refuse(Class::Source)
            };
        }
        now = woken(&line);
    }
    assert!(calls <= 60, "{calls} calls in twenty minutes");
    assert!(
        calls >= 20,
        "and the parent is renewed as often as it is refused: {calls}"
    );
}

#[test]
fn a_source_failure_of_the_source_itself_blames_nobody() {
    let mut stage = Stage::holding();
    assert_eq!(
        stage.refuse_at(540.0, Class::Source),
        "failed 0 source anew; wake 540.375"
    );
}

#[test]
fn a_cold_chain_resumes_at_the_hop_that_failed() {
    let mut stage = Stage::new(&[HOUR, HOUR]);
    stage.tick();
    stage.grant(3600);
    assert_eq!(
        stage.refuse(Class::Transient),
        "failed 1 transient anew; refuse 503 transient; wake 0.5"
    );
    assert_eq!(stage.at(0.5).tick(), "call 1 1h by K1; wait");
}

#[test]
fn a_hop_that_recovers_does_not_hide_the_one_that_still_fails() {
    let mut stage = Stage::chain_holding(2);
    stage.refuse_at(540.0, Class::Denied);
    stage.refuse(Class::Throttled);
    assert_eq!(
        stage
            .session
            .newest_failure()
            .map(|(hop, failure)| (hop, failure.class)),
        Some((1, Class::Throttled))
    );
    stage.at(545.0).step(Event::WallStepped);
    stage.refuse(Class::Denied);
    stage.grant(3600);
    assert_eq!(
        stage
            .session
            .newest_failure()
            .map(|(hop, failure)| (hop, failure.class)),
        Some((0, Class::Denied))
    );
}
