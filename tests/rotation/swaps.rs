//! Rotations as the kubelet does them: nothing torn, nothing missed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use stsidecar::rotated_file::Error;

use crate::support::{Running, file_systems, numbered, open, scratch};
use crate::token_volume::TokenVolume;

const SWAPS: u64 = 3_000;

#[test]
fn reads_during_thousands_of_swaps_are_never_torn_and_the_last_content_is_seen() {
    for parent in file_systems() {
        let directory = scratch(&parent);
        let mut volume = TokenVolume::at(directory.path());
        let file = open(&volume.rotate(&numbered(0)));
        let done = AtomicBool::new(false);
        let mut reads = 0_u64;
        thread::scope(|scope| {
            scope.spawn(|| {
                (1..=SWAPS).for_each(|number| drop(volume.rotate(&numbered(number))));
                done.store(true, Ordering::Release);
            });
            let mut newest = 0;
            while !done.load(Ordering::Acquire) {
                let latest = file.reload();
                reads += 1;
                // At this pace two swaps in a row can take the directory away: that is no content,
                // not a bad one.
                if let Some(error) = &latest.error {
                    assert!(matches!(**error, Error::Missing { .. }), "{error}");
                }
                let value = latest.value.as_deref().copied().unwrap_or(newest);
                assert!(value >= newest, "went back from {newest} to {value}");
                newest = value;
            }
        });
        let latest = file.reload();
        assert_eq!(
            latest.value.as_deref(),
            Some(&SWAPS),
            "{}",
            parent.display()
        );
        assert!(latest.error.is_none() && latest.generation <= SWAPS + 1);
        assert!(
            reads > 100,
            "only {reads} reads: they did not meet the swaps"
        );
    }
}

#[tokio::test]
async fn a_swap_is_seen_without_a_tick_each_time() {
    for parent in file_systems() {
        let directory = scratch(&parent);
        let mut volume = TokenVolume::at(directory.path());
        let file = open(&volume.rotate(&numbered(0)));
        let mut running = Running::start(&file);
        running.until_value(0).await;
        for number in 1..=50 {
            volume.rotate(&numbered(number));
            running.until_value(number).await;
        }
        let generation = file.latest().generation;
        assert_eq!(generation, 51, "each content once");
        running.end().await;
    }
}

#[tokio::test]
async fn a_burst_of_swaps_ends_with_its_last_content() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let file = open(&volume.rotate(&numbered(0)));
    let mut running = Running::start(&file);
    running.until_value(0).await;
    let writer = tokio::task::spawn_blocking(move || {
        (1..=SWAPS).for_each(|number| drop(volume.rotate(&numbered(number))));
        volume
    });
    running.until_value(SWAPS).await;
    drop(writer.await.expect("written"));
    running.end().await;
}

#[tokio::test]
async fn a_file_that_is_missing_at_start_is_seen_when_it_appears() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let file = open(&volume.path("token"));
    let mut running = Running::start(&file);
    running
        .until("that it is missing", |latest| latest.error.is_some())
        .await;
    assert!(matches!(
        *file.latest().error.expect("missing"),
        Error::Missing { .. }
    ));
    volume.rotate(&numbered(1));
    running.until_value(1).await;
    assert_eq!(file.latest().generation, 1);
    running.end().await;
}

#[tokio::test]
async fn garbage_keeps_the_last_good_content_until_it_is_mended() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let file = open(&volume.rotate(&numbered(1)));
    let mut running = Running::start(&file);
    running.until_value(1).await;
    volume.rotate(b"garbage");
    running
        .until("that it is garbage", |latest| latest.error.is_some())
        .await;
    let latest = file.latest();
    assert_eq!((latest.value.as_deref(), latest.generation), (Some(&1), 1));
    volume.rotate(&numbered(2));
    running.until_value(2).await;
    running.end().await;
}

#[tokio::test]
async fn the_watch_ends_with_its_ticks() {
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let file = open(&volume.rotate(&numbered(1)));
    let (ticks, received) = tokio::sync::watch::channel(0);
    drop(ticks);
    let watches = stsidecar::rotated_file::Watches::default();
    let run = file.run(&watches, received, std::future::pending());
    tokio::time::timeout(crate::support::BOUND, run)
        .await
        .expect("returns");
}
