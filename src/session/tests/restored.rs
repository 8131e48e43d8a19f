//! What a process does with the snapshot of the one before it.

use super::*;

#[test]
fn a_snapshot_is_served_at_once_and_keeps_its_due_time() {
    let mut stage = Stage::holding();
    stage.at(60.0);
    let (mut next, line) = stage.restarted(stage.saved.clone().expect("saved"));
    assert_eq!(
        line, "serve K1 to 3600; wake 540",
        "a crash loop is no call loop"
    );
    assert_eq!(next.at(540.0).tick(), "call 0 1h; wake 3590");
    assert!(
        next.grant(3600).ends_with("wake 1260"),
        "its first refresh is over: the narrow spread"
    );
}

#[test]
fn a_snapshot_of_another_configuration_is_ignored() {
    let mut stage = Stage::holding();
    let mut foreign = stage.saved.clone().expect("saved");
    foreign.digest = Digest([8; 32]);
    assert_eq!(stage.at(60.0).restarted(foreign).1, "call 0 1h; wait");
    let longer = Stage::chain_holding(2).saved.expect("saved");
    assert_eq!(stage.restarted(longer).1, "call 0 1h; wait");
}

#[test]
fn credentials_that_ended_are_not_restored() {
    let mut stage = Stage::holding();
    let saved = stage.saved.clone().expect("saved");
    let (_, line) = stage.at(3589.9).restarted(saved.clone());
    assert_eq!(line, "serve K1 to 3600; call 0 1h; wake 3590");
    assert_eq!(stage.at(3590.0).restarted(saved).1, "call 0 1h; wait");
}

#[test]
fn the_hops_of_a_chain_are_restored_each_by_itself() {
    let mut stage = Stage::new(&[HOUR, HOUR]);
    stage.tick();
    stage.grant(900);
    stage.grant(3600);
    stage.at(895.0);
    let (mut next, line) = stage.restarted(stage.saved.clone().expect("saved"));
    assert_eq!(
        line, "serve K2 to 3600; call 0 1h; wake 3590",
        "the parent has ended, the child has not"
    );
    assert_eq!(
        next.grant(900),
        "refreshed 0; save; call 1 1h by K3; wake 3590"
    );
    assert!(
        stage
            .saved
            .as_ref()
            .expect("saved")
            .hops
            .iter()
            .all(Option::is_some)
    );
}

#[test]
fn nothing_is_served_when_only_parents_are_restored() {
    let mut stage = Stage::new(&[HOUR, HOUR]);
    stage.tick();
    stage.grant(3600);
    let (_, line) = stage.restarted(stage.saved.clone().expect("saved"));
    assert_eq!(line, "call 1 1h by K1; wait");
}

#[test]
fn another_boot_goes_by_the_wall_clock_and_is_due_at_once() {
    let mut stage = Stage::holding();
    let saved = stage.saved.clone().expect("saved");
    let now = Now {
        boot: Boot::default(),
        wall: Wall::from_unix_seconds(EPOCH + 600),
        jitter: 0.5,
    };
    stage.now = now;
    assert_eq!(
        stage.restarted(saved.clone().from_another_boot(now)).1,
        "serve K1 to 3000; call 0 1h; wake 2990"
    );
    let early = Now {
        wall: Wall::from_unix_seconds(0),
        ..now
    };
    assert!(
        stage
            .restarted(saved.clone().from_another_boot(early))
            .1
            .starts_with("serve K1 to 3600;"),
        "never longer"
    );
    let late = Now {
        wall: Wall::from_unix_milliseconds(i64::MAX),
        ..now
    };
    assert_eq!(
        stage.restarted(saved.from_another_boot(late)).1,
        "call 0 1h; wait"
    );
}

#[test]
fn what_longest_settled_on_is_remembered_and_probed_again_once() {
    let mut stage = Stage::new(&[DurationSetting::Longest]);
    stage.tick();
    stage.grant(3600);
    stage.at(540.0).tick();
    stage.refuse(Class::DurationTooLong);
    stage.grant(6 * 3600);
    let mut next = Stage {
        now: stage.now,
        ..Stage::new(&[DurationSetting::Longest])
    };
    next.step(Event::Restored(stage.saved.clone().expect("saved")));
    assert!(next.at(5000.0).tick().starts_with("call 0 12h"));
    assert!(next.refuse(Class::DurationTooLong).contains("call 0 6h"));
}
