//! Several files on the same watches: each hears of its own directory, by whatever path, for as
//! long as it wants to.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stsidecar::rotated_file::{RotatedFile, Watches};

use crate::support::{Log, Running, file_systems, number, numbered, open, scratch};
use crate::token_volume::TokenVolume;

#[tokio::test]
async fn files_of_one_directory_by_two_paths_and_of_another_are_all_seen() {
    let parent = scratch(&file_systems()[0]);
    let (mut one, mut other) = (
        TokenVolume::at(parent.path().join("one")),
        TokenVolume::at(parent.path().join("other")),
    );
    symlink(parent.path().join("one"), parent.path().join("alias")).expect("linked");
    one.rotate(&numbered(0));
    other.rotate(&numbered(0));
    let watches = Watches::default();
    let start = |path: &str| Running::start_with(&open(&parent.path().join(path)), &watches);
    let mut running = ["one/token", "one/token", "alias/token", "other/token"].map(start);
    for file in &mut running {
        file.until_value(0).await;
    }
    for number in 1..=20 {
        one.rotate(&numbered(number));
        other.rotate(&numbered(number));
        for file in &mut running {
            file.until_value(number).await;
        }
    }
    // A file that goes takes nothing away from the others.
    let [first, second, mut alias, mut apart] = running;
    first.end().await;
    second.end().await;
    one.rotate(&numbered(21));
    other.rotate(&numbered(21));
    alias.until_value(21).await;
    apart.until_value(21).await;
    alias.end().await;
    apart.end().await;
    // And may come back.
    let mut again = start("one/token");
    again.until_value(21).await;
    one.rotate(&numbered(22));
    again.until_value(22).await;
    again.end().await;
}

#[tokio::test]
async fn a_directory_that_is_busy_costs_the_files_of_others_no_read() {
    let parent = scratch(&file_systems()[0]);
    let mut busy = TokenVolume::at(parent.path().join("busy"));
    busy.rotate(&numbered(0));
    fs::create_dir(parent.path().join("quiet")).expect("room");
    fs::write(parent.path().join("quiet/token"), "garbage").expect("room");
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    // Garbage is parsed at each read, so the parser counts them.
    let parse = move |content: &[u8]| {
        counted.fetch_add(1, Ordering::Relaxed);
        number(content)
    };
    let watches = Watches::default();
    let quiet = RotatedFile::new(parent.path().join("quiet/token"), 20_000, parse, None);
    let mut quiet = Running::start_with(&quiet, &watches);
    quiet
        .until("garbage", |latest| latest.error.is_some())
        .await;
    let mut running = Running::start_with(&open(&busy.path("token")), &watches);
    for number in 1..=20 {
        busy.rotate(&numbered(number));
        running.until_value(number).await;
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1);
    running.end().await;
    quiet.end().await;
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_again_for_all_its_files_and_said_once() {
    let log = Log::default();
    let _collecting = log.collect();
    let parent = scratch(&file_systems()[0]);
    let root = parent.path().join("one");
    TokenVolume::at(&root).rotate(&numbered(1));
    let watches = Watches::default();
    let mut running = [(); 3].map(|()| Running::start_with(&open(&root.join("token")), &watches));
    for file in &mut running {
        file.until_value(1).await;
    }
    fs::remove_dir_all(&root).expect("there");
    for file in &mut running {
        file.until("that it is gone", |latest| latest.error.is_some())
            .await;
        file.tick();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut volume = TokenVolume::at(&root);
    volume.rotate(&numbered(2));
    for file in &mut running {
        file.tick();
        file.until_value(2).await;
    }
    // No tick: only the new watch can tell.
    volume.rotate(&numbered(3));
    for file in &mut running {
        file.until_value(3).await;
    }
    for file in running {
        file.end().await;
    }
    for message in ["not watching for rotations", "watching for rotations again"] {
        assert_eq!(log.count(&[message]), 1, "{}", log.text());
    }
}

#[tokio::test]
async fn a_directory_that_the_kubelet_did_not_lay_out_is_said_once_for_all_its_files() {
    let log = Log::default();
    let _collecting = log.collect();
    let directory = scratch(&file_systems()[0]);
    fs::write(directory.path().join("token"), numbered(1)).expect("room");
    let watches = Watches::default();
    let mut running =
        [(); 3].map(|()| Running::start_with(&open(&directory.path().join("token")), &watches));
    for file in &mut running {
        file.until_value(1).await;
    }
    for file in running {
        file.end().await;
    }
    assert_eq!(log.count(&["no ..data entry here"]), 1, "{}", log.text());
}
