//! `longest`: which durations are asked for, whatever words a server refuses one with.

use super::*;
use crate::failure::{Evidence, classify};

/// Every class of answer that says more than "not now".
const REFUSALS: [Class; 5] = [
    Class::Config,
    Class::Denied,
    Class::Token,
    Class::Source,
    Class::Role,
];

/// A hop of `longest` that holds an hour since 0 s, and asks 12 h at 540 s.
fn probing() -> Stage {
    let mut stage = Stage::new(&[DurationSetting::Longest]);
    assert_eq!(stage.tick(), "call 0 1h; wait");
    stage.grant(3600);
    assert_eq!(stage.at(540.0).tick(), "call 0 12h; wake 3590");
    stage
}

/// The duration that the refresh asks for which `line` says when to make.
fn asked_next(stage: &mut Stage, line: &str) -> String {
    let line = stage.at(woken(line)).tick();
    line.strip_prefix("call 0 ")
        .and_then(|rest| rest.split(';').next())
        .expect("a call")
        .to_owned()
}

#[test]
fn an_hour_at_first_then_probes_down_without_a_failure() {
    let mut stage = probing();
    assert_eq!(
        stage.refuse(Class::DurationTooLong),
        "refused 0 12h; call 0 6h; wake 3590"
    );
    assert_eq!(
        stage.refuse(Class::DurationTooLong),
        "refused 0 6h; call 0 4h; wake 3590"
    );
    assert!(stage.session.hops()[0].streak.is_none() && stage.session.newest_failure().is_none());
    let line = stage.grant(4 * 3600);
    assert!(
        line.contains("refreshed 0") && line.contains("serve K2 to 14940;"),
        "{line}"
    );
    assert_eq!(asked_next(&mut stage, &line), "4h", "remembered");
}

#[test]
fn a_probe_refused_in_other_words_falls_back_at_once_and_each_refresh_tries_a_shorter_step() {
    for class in REFUSALS {
        let mut stage = probing();
        assert_eq!(
            stage.refuse(class),
            "refused 0 12h; call 0 1h; wake 3590",
            "{class:?}"
        );
        assert!(
            stage.session.newest_failure().is_none(),
            "what worked still works: {class:?}"
        );
        let mut line = stage.grant(3600);
        for step in ["6h", "4h"] {
            assert_eq!(asked_next(&mut stage, &line), step, "{class:?}");
            assert!(
                stage
                    .refuse(class)
                    .starts_with(&format!("refused 0 {step}; call 0 1h")),
                "{class:?}"
            );
            line = stage.grant(3600);
        }
        assert_eq!(asked_next(&mut stage, &line), "2h", "{class:?}");
        line = stage.grant(7200);
        assert_eq!(asked_next(&mut stage, &line), "2h", "settled, {class:?}");
        assert!(stage.session.hops()[0].streak.is_none(), "{class:?}");
    }
}

#[test]
fn a_server_that_refuses_every_step_costs_one_round_of_probes_a_day() {
    let mut stage = Stage::new(&[DurationSetting::Longest]);
    let (mut line, mut probes) = (stage.tick(), vec![]);
    while stage.now.boot.as_duration() < Duration::from_hours(30) {
        match stage.call.as_ref().map(|call| call.duration) {
            Some(SessionDuration::HOUR) => line = stage.grant(3600),
            Some(longer) => {
                probes.push((
                    stage.now.boot.as_duration().as_secs() / 3600,
                    longer.to_string(),
                ));
                line = stage.refuse(Class::Config);
                assert!(line.contains("call 0 1h"), "{line}");
            }
            None => line = stage.at(woken(&line)).tick(),
        }
        assert!(
            !line.contains("failed") && !line.contains("refuse "),
            "{line}"
        );
    }
    let (first, second): (Vec<_>, Vec<_>) = probes.iter().partition(|(hour, _)| *hour < 24);
    for round in [first, second] {
        let steps: Vec<&str> = round.iter().map(|(_, step)| step.as_str()).collect();
        assert_eq!(steps, ["12h", "6h", "4h", "2h"], "{probes:?}");
    }
}

#[test]
fn what_worked_before_may_be_refused_in_other_words_too() {
    for class in REFUSALS {
        let mut stage = probing();
        let line = stage.grant(12 * 3600);
        assert_eq!(asked_next(&mut stage, &line), "12h");
        assert!(
            stage.refuse(class).starts_with("refused 0 12h; call 0 1h"),
            "every role allows an hour: {class:?}"
        );
        let line = stage.grant(3600);
        assert_eq!(asked_next(&mut stage, &line), "6h", "{class:?}");
        let line = stage.grant(6 * 3600);
        assert_eq!(asked_next(&mut stage, &line), "6h", "{class:?}");
    }
}

#[test]
fn a_refusal_that_does_not_mean_the_duration_is_a_failure_and_settles_nothing() {
    for class in [Class::Denied, Class::Config] {
        let mut stage = probing();
        assert!(stage.refuse(class).starts_with("refused 0 12h; call 0 1h"));
        let line = stage.refuse(class);
        assert!(
            line.starts_with(&format!("failed 0 {} anew", class.reason())),
            "{line}"
        );
        assert_eq!(
            asked_next(&mut stage, &line),
            "1h",
            "a retry asks what worked"
        );
        let line = stage.grant(3600);
        assert_eq!(
            asked_next(&mut stage, &line),
            "12h",
            "the role was the trouble, not the duration"
        );
    }
}

#[test]
fn a_probe_without_an_answer_is_a_failure_whose_retry_asks_what_worked() {
    let mut stage = probing();
    let line = stage.refuse(Class::Transient);
    assert!(line.starts_with("failed 0 transient anew"), "{line}");
    assert_eq!(asked_next(&mut stage, &line), "1h");
    let line = stage.grant(3600);
    assert_eq!(
        asked_next(&mut stage, &line),
        "12h",
        "once may have been an accident"
    );
    let line = stage.refuse(Class::Transient);
    assert_eq!(asked_next(&mut stage, &line), "1h");
    let line = stage.grant(3600);
    assert_eq!(
        asked_next(&mut stage, &line),
        "6h",
        "twice is how this server refuses"
    );
}

#[test]
fn a_maximum_lowered_by_a_server_that_answers_like_an_outage_costs_no_gap() {
    let mut stage = probing();
    let line = stage.grant(12 * 3600);
    assert_eq!(asked_next(&mut stage, &line), "12h");
    let mut line = stage.refuse(Class::Transient);
    while stage.now.boot.as_duration() < Duration::from_mins(9 + 10 * 60) {
        assert_eq!(asked_next(&mut stage, &line), "12h", "there is time");
        line = stage.refuse(Class::Transient);
    }
    while asked_next(&mut stage, &line) == "12h" {
        line = stage.refuse(Class::Transient);
    }
    assert!(
        stage.grant(3600).contains("serve K3"),
        "an hour, while there is less left"
    );
}

#[test]
fn a_probe_that_brings_less_than_what_worked_is_not_settled_on() {
    let mut stage = probing();
    let line = stage.grant(1800);
    assert!(line.contains("refreshed 0 shorter"), "{line}");
    assert_eq!(
        asked_next(&mut stage, &line),
        "6h",
        "this server has a default for what it finds too long"
    );
    let line = stage.grant(6 * 3600);
    assert_eq!(asked_next(&mut stage, &line), "6h");
}

#[test]
fn a_restart_goes_on_with_what_worked_and_probes_again() {
    let mut stage = probing();
    stage.refuse(Class::Config);
    let line = stage.grant(3600);
    assert_eq!(asked_next(&mut stage, &line), "6h");
    stage.grant(6 * 3600);
    let mut next = Stage {
        now: stage.now,
        ..Stage::new(&[DurationSetting::Longest])
    };
    next.step(Event::Restored(stage.saved.clone().expect("saved")));
    assert!(next.at(9000.0).tick().starts_with("call 0 12h"));
    assert!(
        next.refuse(Class::Config)
            .starts_with("refused 0 12h; call 0 6h"),
        "what worked in the process before"
    );
}

#[test]
fn a_refusal_without_a_code_is_one_and_what_asks_for_patience_is_not() {
    let without_code = |status: u16| {
        classify(Evidence {
            kind: None,
            code: None,
            message: Some("duration too long".into()),
            status: Some(status),
            request_id: None,
            signed: false,
        })
    };
    for status in [400, 403, 404, 405, 413, 422, 302] {
        let mut stage = probing();
        let line = stage.answer(0, Err(without_code(status)));
        assert!(
            line.starts_with("refused 0 12h; call 0 1h"),
            "{status}: {line}"
        );
    }
    for status in [408, 425, 429, 500, 502, 503] {
        let mut stage = probing();
        let line = stage.answer(0, Err(without_code(status)));
        assert!(line.starts_with("failed 0 "), "{status}: {line}");
    }
}

#[test]
fn a_call_that_could_not_be_made_refuses_no_duration() {
    let mut stage = probing();
    let line = stage.answer(0, Err(no_token()));
    assert!(line.starts_with("failed 0 token anew"), "{line}");
    let line = stage.at(541.0).tick() + &stage.grant(3600);
    assert_eq!(asked_next(&mut stage, &line), "12h");
}
