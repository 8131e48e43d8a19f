//! A retry that an operator asked for.

use super::*;

#[test]
fn a_retry_makes_what_fails_due_at_once_and_leaves_the_rest_alone() {
    let mut stage = Stage::holding();
    assert_eq!(stage.step(Event::Retry), "asked for a retry of 0; wake 540");
    stage.refuse_at(540.0, Class::Config);
    assert!(!stage.session.is_calling(stage.now.boot));
    assert_eq!(
        stage.at(545.0).step(Event::Retry),
        "asked for a retry of 1; call 0 1h; wake 3590"
    );
    assert!(stage.session.is_calling(stage.now.boot));
    let line = stage.grant(3600);
    assert!(
        line.starts_with("refreshed 0; save; serve K2 to 4145"),
        "{line}"
    );
    assert!(!stage.session.is_calling(stage.now.boot));
}

#[test]
fn a_retry_before_the_first_credentials_does_not_wait_either() {
    let mut stage = Stage::new(&[HOUR]);
    assert_eq!(
        stage.step(Event::Retry),
        "asked for a retry of 0; call 0 1h; wait",
        "due anyway"
    );
    stage.refuse(Class::Role);
    assert_eq!(
        stage.at(1.0).step(Event::Retry),
        "asked for a retry of 1; call 0 1h; wait"
    );
}

#[test]
fn in_a_chain_every_failing_hop_is_retried_one_behind_the_other() {
    let mut stage = Stage::chain_holding(2);
    stage.refuse_at(540.0, Class::Config);
    stage.tick();
    stage.refuse(Class::Config);
    assert!(
        stage.session.hops().iter().all(|hop| hop.streak.is_some()),
        "both fail"
    );
    assert!(
        stage
            .at(545.0)
            .step(Event::Retry)
            .starts_with("asked for a retry of 2; call 0 ")
    );
    let line = stage.grant(3600);
    assert!(
        line.contains("refreshed 0") && line.contains("; call 1 1h by K3"),
        "{line}"
    );
}

#[test]
fn retries_wait_for_the_call_budget_and_say_so() {
    let mut stage = Stage::holding();
    stage.refuse_at(540.0, Class::Config);
    for _ in 0..4 {
        assert!(stage.step(Event::Retry).contains("; call 0 "));
        stage.refuse(Class::Config);
    }
    assert_eq!(
        stage.step(Event::Retry),
        "asked for a retry of 1 in 1 s; wake 541"
    );
    assert!(
        stage.session.is_calling(stage.now.boot),
        "due, and short of nothing but the budget"
    );
    assert_eq!(stage.tick(), "wake 541");
    assert!(stage.at(541.0).tick().starts_with("call 0 "));
}

#[test]
fn a_call_that_was_sent_before_the_repair_is_followed_by_another_when_it_fails() {
    let mut stage = Stage::holding();
    stage.refuse_at(540.0, Class::Config);
    stage.at(800.0).tick();
    assert_eq!(
        stage.step(Event::Retry),
        "asked for a retry of 1; wake 3590"
    );
    let line = stage.at(801.0).refuse(Class::Config);
    assert!(line.contains("; call 0 1h"), "{line}");
    let line = stage.refuse(Class::Config);
    assert!(!line.contains("call"), "once: {line}");
}

#[test]
fn nothing_is_retried_after_the_grace() {
    let mut stage = Stage::holding();
    stage.refuse_at(540.0, Class::Config);
    stage.step(Event::Stopping {
        grace: Duration::from_secs(5),
    });
    assert_eq!(
        stage.at(546.0).step(Event::Retry),
        "asked for a retry of 1; wake 3590"
    );
    assert!(!stage.session.is_calling(stage.now.boot));
}
