//! What readers see of each publication, and when credentials stop being vended.

use std::cell::Cell;

use proptest::prelude::*;

use std::time::Duration;

use super::*;

thread_local! {
    static SECONDS: Cell<u64> = const { Cell::new(0) };
}

fn clock() -> Boot {
    at(SECONDS.get())
}

fn frozen() -> Boot {
    at(100)
}

fn at(seconds: u64) -> Boot {
    Boot::from_duration(Duration::from_secs(seconds))
}

fn served(name: &'static str, deadline: u64) -> Published {
    Published::Served(Served {
        body: Bytes::from_static(name.as_bytes()),
        deadline: at(deadline),
    })
}

fn refused(name: &'static str) -> Published {
    Published::Refused(Refused {
        status: 503,
        body: Bytes::from_static(name.as_bytes()),
    })
}

#[test]
fn credentials_are_vended_until_ten_seconds_before_their_end_and_never_after() {
    let (_publisher, reader) = channel(served("a", 100), clock);
    for (now, available) in [
        (0, true),
        (89, true),
        (90, false),
        (100, false),
        (1_000, false),
    ] {
        SECONDS.set(now);
        assert_eq!(reader.is_available(), available, "{now}");
        assert_eq!(
            matches!(reader.current(), Published::Served(_)),
            available,
            "{now}"
        );
    }
    assert_eq!(reader.current(), Published::Refused(expired()));
}

#[test]
fn an_error_never_replaces_credentials_but_is_what_follows_them() {
    let (publisher, reader) = channel(refused("starting"), clock);
    assert_eq!(reader.at(at(0)), refused("starting"));
    publisher.publish(served("a", 100));
    publisher.publish(refused("denied"));
    assert_eq!(reader.at(at(89)), served("a", 100));
    assert_eq!(reader.at(at(90)), refused("denied"));
}

#[test]
fn what_is_withdrawn_is_not_vended_any_more() {
    let (publisher, reader) = channel(refused("starting"), clock);
    publisher.publish(served("a", 100));
    publisher.withdraw();
    publisher.publish(refused("another"));
    assert_eq!(reader.at(at(0)), refused("another"));
    publisher.publish(served("b", 100));
    assert_eq!(reader.at(at(0)), served("b", 100));
}

#[test]
fn a_refusal_from_before_a_success_is_not_repeated_after_it() {
    let (publisher, reader) = channel(refused("starting"), clock);
    publisher.publish(served("a", 100));
    assert_eq!(reader.at(at(95)), Published::Refused(expired()));
}

#[test]
fn debug_shows_no_body_with_credentials() {
    assert!(!format!("{:?}", served("canary", 100)).contains("canary"));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_reader_goes_on_when_credentials_are_published() {
    let (publisher, reader) = channel(refused("starting"), frozen);
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.available().await }
    });
    tokio::task::yield_now().await;
    publisher.publish(refused("still starting"));
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    publisher.publish(served("a", 200));
    let read = tokio::time::timeout(Duration::from_mins(1), waiting)
        .await
        .expect("woken");
    assert_eq!(Published::Served(read.expect("no panic")), served("a", 200));
}

#[test]
fn a_reader_on_another_runtime_is_woken() {
    let (publisher, reader) = channel(refused("starting"), frozen);
    let waiting = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            tokio::time::timeout(Duration::from_mins(1), reader.available()).await
        })
    });
    publisher.publish(served("a", 200));
    assert_eq!(
        Published::Served(waiting.join().expect("no panic").expect("in time")),
        served("a", 200)
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_a_publisher_never_ends_by_itself() {
    let (publisher, reader) = channel(refused("starting"), frozen);
    drop(publisher);
    assert!(
        tokio::time::timeout(Duration::from_mins(1), reader.available())
            .await
            .is_err()
    );
}

proptest! {
    #[test]
    fn whatever_is_published_expired_credentials_are_never_read(
        steps in proptest::collection::vec((any::<bool>(), 0_u64..200, 0_u64..200), 1..40),
    ) {
        let (publisher, reader) = channel(refused("starting"), frozen);
        for (is_served, deadline, now) in steps {
            publisher.publish(if is_served { served("a", deadline) } else { refused("r") });
            if let Published::Served(read) = reader.at(at(now)) {
                prop_assert!(read.deadline.since(at(now)) > MIN_SERVE);
            } else if is_served {
                prop_assert!(deadline <= now + 10);
            }
        }
    }
}
