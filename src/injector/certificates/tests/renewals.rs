//! What is due when, and which action comes next.

use std::time::Duration;

use super::{DAY, NOW, fresh, names, terms};
use crate::injector::certificates::keyring::Keyring;
use crate::injector::certificates::pair::Pair;
use crate::injector::certificates::plan::{self, Action, PROPAGATION, Rotation, Situation};
use crate::time::Wall;

fn step(current: Option<&Keyring>, stored: Option<&Keyring>, now: Wall) -> Action {
    step_with(current, stored, now, None, None)
}

fn step_with(
    current: Option<&Keyring>,
    stored: Option<&Keyring>,
    now: Wall,
    request: Option<Rotation>,
    next_trusted: Option<Duration>,
) -> Action {
    plan::next(&Situation {
        current,
        stored,
        faulty: false,
        request,
        next_trusted,
        now,
        jitter: 0.5,
    })
}

#[test]
fn renewals_come_before_the_alerts_and_are_spread() {
    let keyring = fresh(NOW);
    let leaf = keyring.leaf.as_ref().expect("a leaf");
    let left = |due: Wall, pair: &Pair| pair.life().not_after.since(due).as_secs() / 3600;
    assert_eq!(
        (
            left(plan::leaf_due(leaf.life(), 0.0), leaf),
            left(plan::leaf_due(leaf.life(), 1.0), leaf)
        ),
        (56, 64)
    );
    assert_eq!(
        left(
            plan::authority_due(keyring.authority.life(), 0.0),
            &keyring.authority
        ),
        45 * 24
    );
    let short = |lasts| Pair::authority(lasts, NOW).expect("made");
    let two_days = short(2 * DAY);
    assert_eq!(
        left(plan::leaf_due(two_days.life(), 0.0), &two_days),
        24,
        "a day at least"
    );
    let day = short(DAY);
    assert_eq!(
        left(plan::leaf_due(day.life(), 0.0), &day),
        8,
        "a third of a short life"
    );
    let month = short(30 * DAY);
    assert_eq!(left(plan::authority_due(month.life(), 0.0), &month), 240);
    let hours = |hours| Some(Duration::from_hours(hours));
    for (renew_before, expected) in [
        (hours(100), 100),
        (hours(1), 1),
        (hours(31 * 24), 240),
        (None, 72),
    ] {
        assert_eq!(
            left(plan::others_due(month.life(), renew_before), &month),
            expected,
            "{renew_before:?}"
        );
    }
    let years = short(3650 * DAY);
    assert_eq!(left(plan::others_due(years.life(), None), &years), 30 * 24);
}

#[test]
fn a_stored_authority_is_used_and_a_lost_one_is_written_back() {
    let keyring = fresh(NOW);
    let (found, nothing) = (Some(&keyring), None);
    assert_eq!(step(None, nothing, NOW), Action::IssueAll);
    assert_eq!(step(None, found, NOW), Action::Adopt);
    assert_eq!(step(Some(&keyring), found, NOW), Action::Adopt);
    assert_eq!(step(Some(&keyring), nothing, NOW), Action::WriteBack);
    assert_eq!(
        step(Some(&keyring), nothing, NOW.plus(7 * DAY)),
        Action::IssueAll,
        "what is in memory has ended"
    );
    assert_eq!(
        step(Some(&keyring), Some(&fresh(NOW)), NOW),
        Action::Remember
    );
    assert_eq!(step(None, found, NOW.plus(8 * DAY)), Action::IssueLeaf);
    assert_eq!(step(None, found, NOW.plus(366 * DAY)), Action::IssueAll);
    let future = fresh(NOW.plus(DAY));
    assert_eq!(
        step(None, Some(&future), NOW),
        Action::IssueAll,
        "made by a clock that was wrong"
    );
    assert_eq!(step(Some(&keyring), Some(&future), NOW), Action::WriteBack);
}

#[test]
fn a_new_authority_signs_only_when_it_has_been_trusted_for_long_enough() {
    let keyring = fresh(NOW);
    let due = NOW.plus(340 * DAY);
    let renewed = keyring
        .clone()
        .with_new_leaf(terms(&names(), due))
        .expect("a leaf");
    assert_eq!(step(None, Some(&renewed), due), Action::Announce);
    assert_eq!(
        step_with(None, Some(&keyring), NOW, Some(Rotation::Authority), None),
        Action::Announce
    );
    assert_eq!(
        step_with(None, Some(&keyring), NOW, Some(Rotation::Leaf), None),
        Action::IssueLeaf
    );

    let announced = keyring
        .clone()
        .with_next(terms(&names(), NOW))
        .expect("announced");
    let with =
        |request, trusted| step_with(Some(&keyring), Some(&announced), NOW, request, trusted);
    for request in [None, Some(Rotation::Authority)] {
        assert_eq!(with(request, None), Action::Adopt, "not in caBundle yet");
        assert_eq!(
            with(request, Some(PROPAGATION)),
            Action::Adopt,
            "this replica's draw makes it wait a little longer"
        );
        assert_eq!(
            with(request, Some(PROPAGATION.mul_f64(1.1))),
            Action::Promote
        );
    }
    assert_eq!(
        with(Some(Rotation::Leaf), None),
        Action::IssueLeaf,
        "meanwhile of the CA that signs"
    );
    assert_eq!(
        step(None, Some(&announced), NOW.plus(365 * DAY)),
        Action::IssueAll,
        "both have ended"
    );
    let late = keyring
        .with_next(terms(&names(), NOW.plus(360 * DAY)))
        .expect("announced");
    assert_eq!(
        step(None, Some(&late), NOW.plus(366 * DAY)),
        Action::Promote,
        "nothing else is left"
    );
}
