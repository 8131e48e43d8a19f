//! The phases of a connection, counted in sweeps.

use super::*;
use crate::http::Activity;
use crate::time::Boot;

fn limits() -> Limits {
    let [head, answering, idle] = [2, 3, 75].map(Duration::from_secs);
    Limits {
        head,
        answering,
        idle,
        connections: 1,
    }
}

fn connection() -> (Arc<Activity>, Connection) {
    let activity = Arc::new(Activity::default());
    let sweeps = Arc::new(Sweeps::new(&limits(), Arc::clone(&activity)));
    (
        activity,
        Connection::new(sweeps, IpAddr::from([127, 0, 0, 1])),
    )
}

/// Sweeps until the connection is overdue, as time.
fn survives(connection: &Connection) -> Duration {
    let mut swept = Duration::ZERO;
    while !connection.is_overdue() {
        connection.sweeps.advance();
        swept += connection.sweeps.every;
        assert!(swept < Duration::from_secs(200), "never overdue");
    }
    swept
}

/// At least the limit, whenever within a sweep the phase began, and at most a quarter of the
/// shortest more.
fn is_about(survived: Duration, limit: u64) -> bool {
    survived == Duration::from_secs(limit) + Duration::from_millis(500)
}

#[test]
fn a_silent_or_slow_head_ends_at_its_limit_however_often_it_drips() {
    let (_, connection) = connection();
    for _ in 0..3 {
        connection.sweeps.advance();
        connection.received();
    }
    assert_eq!(connection.phase(), Phase::Head);
    assert!(is_about(
        survives(&connection) + 3 * connection.sweeps.every,
        2
    ));
}

#[test]
fn an_idle_connection_outlives_the_sdks_pools() {
    let (_, connection) = connection();
    connection.begin(false);
    connection.wrote();
    connection.flushed();
    assert_eq!(connection.phase(), Phase::Idle);
    assert!(is_about(survives(&connection), 75));
}

#[test]
fn a_further_request_has_the_limit_of_a_head_again() {
    let (_, connection) = connection();
    connection.begin(false);
    connection.wrote();
    connection.flushed();
    connection.received();
    assert_eq!(connection.phase(), Phase::Head);
    assert!(is_about(survives(&connection), 2));
}

#[test]
fn an_answer_that_is_not_read_ends_although_some_of_it_was_written() {
    let (activity, connection) = connection();
    connection.begin(false);
    connection.sweeps.advance();
    connection.wrote();
    assert_eq!(activity.busy(), 1);
    assert!(is_about(survives(&connection) + connection.sweeps.every, 3));
}

#[test]
fn an_answer_that_waits_for_something_may_take_that_much_longer() {
    let (_, connection) = connection();
    connection.begin(false);
    connection.extend(Duration::from_secs(25));
    assert!(is_about(survives(&connection), 28));
}

#[test]
fn a_flush_before_the_answer_does_not_end_it() {
    let (activity, connection) = connection();
    connection.begin(false);
    connection.flushed();
    assert_eq!((connection.phase(), activity.busy()), (Phase::Answering, 1));
}

#[test]
fn busy_returns_to_zero_in_whatever_phase_a_connection_ends() {
    for steps in 0..=3 {
        let (activity, connection) = connection();
        if steps > 0 {
            connection.begin(false);
            connection.begin(false);
            assert_eq!(
                activity.busy(),
                1,
                "a pipelined request is not a second connection"
            );
        }
        if steps > 1 {
            connection.wrote();
        }
        if steps > 2 {
            connection.flushed();
            assert_eq!(activity.busy(), 0);
        }
        connection.ended();
        assert_eq!(
            (activity.busy(), connection.phase()),
            (0, Phase::Ended),
            "{steps}"
        );
    }
}

#[test]
fn strangers_go_before_idle_ones_and_who_is_being_answered_never() {
    let (_, stranger) = connection();
    let (_, known) = connection();
    known.authenticate();
    assert_eq!(known.precedence(), None, "proven, and sending its head");
    known.begin(false);
    assert_eq!(known.precedence(), None, "being answered");
    known.wrote();
    assert_eq!(known.precedence(), None, "being written to");
    known.flushed();
    assert!(stranger.precedence().is_some() && stranger.precedence() < known.precedence());
    known.ended();
    assert_eq!(known.precedence(), None, "already gone");
}

#[test]
fn of_two_in_one_phase_the_longer_one_goes() {
    let (_, older) = connection();
    let younger = Connection::new(Arc::clone(&older.sweeps), IpAddr::from([127, 0, 0, 1]));
    assert!(older.precedence() < younger.precedence());
}

#[test]
fn a_mapped_address_is_the_ipv4_peer_it_maps() {
    let mapped = "::ffff:127.0.0.1".parse().expect("an address");
    assert!(Connection::from_peer(mapped).peer().is_loopback());
}

#[test]
fn the_last_request_is_nothing_before_the_first() {
    let activity = Activity::default();
    assert_eq!(activity.last_request(), None);
    let now = Boot::from_duration(Duration::from_millis(1234));
    activity.note(now);
    assert_eq!(activity.last_request(), Some(now));
}

#[test]
fn a_body_has_the_limit_of_a_head_and_its_answer_the_rest() {
    let (activity, connection) = connection();
    connection.begin(true);
    assert_eq!((connection.phase(), activity.busy()), (Phase::Body, 1));
    for _ in 0..3 {
        connection.received();
        connection.wrote();
        connection.flushed();
    }
    assert_eq!(
        connection.phase(),
        Phase::Body,
        "whatever comes of it, and whatever hyper says of that"
    );
    connection.sweeps.advance();
    connection.arrived();
    assert!(
        is_about(survives(&connection) + connection.sweeps.every, 3),
        "counted from the head"
    );
    let (activity, silent) = self::connection();
    silent.begin(true);
    assert!(is_about(survives(&silent), 2));
    silent.ended();
    assert_eq!(activity.busy(), 0);
}

#[test]
fn an_answer_without_the_body_is_an_answer() {
    let (activity, connection) = connection();
    connection.begin(true);
    connection.take_up();
    connection.wrote();
    connection.flushed();
    assert_eq!((connection.phase(), activity.busy()), (Phase::Idle, 0));
    connection.take_up();
    assert_eq!(
        connection.phase(),
        Phase::Idle,
        "it answers nothing any more"
    );
}

#[test]
fn who_is_slow_goes_first_and_who_has_sent_all_last() {
    let (_, connection) = connection();
    let rank = |connection: &Connection| connection.precedence().map(|(rank, _)| rank);
    assert_eq!(rank(&connection), Some(Rank::Stranger));
    connection.begin(true);
    assert_eq!(rank(&connection), Some(Rank::Stranger));
    connection.authenticate();
    assert_eq!(rank(&connection), Some(Rank::Sending));
    connection.sweeps.advance();
    assert_eq!(
        rank(&connection),
        Some(Rank::Sending),
        "it may have begun just before"
    );
    connection.sweeps.advance();
    assert_eq!(rank(&connection), Some(Rank::Slow));
    connection.arrived();
    assert_eq!(rank(&connection), Some(Rank::Queued));
    connection.take_up();
    assert_eq!(rank(&connection), None);
    connection.wrote();
    connection.flushed();
    assert_eq!(rank(&connection), Some(Rank::Idle));
    connection.received();
    assert_eq!(rank(&connection), None);
    connection.sweeps.advance();
    connection.sweeps.advance();
    assert_eq!(rank(&connection), Some(Rank::Slow), "a head too");
    let order = [
        Rank::Slow,
        Rank::Stranger,
        Rank::IdleStranger,
        Rank::Idle,
        Rank::Sending,
        Rank::Queued,
    ];
    assert!(order.is_sorted());
}

#[test]
fn a_body_that_is_held_up_has_the_time_of_the_answer_and_the_next_one_its_own() {
    let (_, connection) = connection();
    connection.begin(true);
    let before = connection.precedence();
    connection.hold_up();
    assert_eq!(connection.precedence(), before, "it gives way as before");
    assert!(is_about(survives(&connection), 3));
    connection.begin(true);
    assert!(!connection.is_held_up());
    assert!(is_about(survives(&connection), 2));
}
