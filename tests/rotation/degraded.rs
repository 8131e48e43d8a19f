//! Where watching is impossible or ends: one warning, and the ticks go on.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::fs::inotify;
use rustix::io::Errno;
use stsidecar::rotated_file::RotatedFile;

use crate::support::{Log, Running, file_systems, number, numbered, open, scratch};
use crate::token_volume::TokenVolume;

const WARNING: &str = "not watching for rotations";
const RESUMED: &str = "watching for rotations again";

#[tokio::test]
async fn a_directory_that_is_removed_and_made_again_is_watched_again_at_the_next_tick() {
    let log = Log::default();
    let _collecting = log.collect();
    let parent = scratch(&file_systems()[0]);
    let root = parent.path().join("serviceaccount");
    let file = open(&TokenVolume::at(&root).rotate(&numbered(1)));
    let mut running = Running::start(&file);
    running.until_value(1).await;
    fs::remove_dir_all(&root).expect("there");
    running
        .until("that it is gone", |latest| latest.error.is_some())
        .await;
    running.tick();
    let mut volume = TokenVolume::at(&root);
    volume.rotate(&numbered(2));
    running.tick();
    running.until_value(2).await;
    // No tick: only the new watch can tell.
    volume.rotate(&numbered(3));
    running.until_value(3).await;
    running.end().await;
    assert_eq!(
        (log.count(&["WARN", WARNING]), log.count(&["INFO", RESUMED])),
        (1, 1),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_after_the_next_tick() {
    let parent = scratch(&file_systems()[0]);
    let root = parent.path().join("serviceaccount");
    let file = open(&TokenVolume::at(&root).rotate(&numbered(1)));
    let mut running = Running::start(&file);
    running.until_value(1).await;
    let other = parent.path().join("other");
    let mut volume = TokenVolume::at(&other);
    volume.rotate(&numbered(2));
    fs::rename(&root, parent.path().join("old")).expect("moved away");
    fs::rename(&other, &root).expect("moved in");
    running.tick();
    running.until_value(2).await;
    let mut volume = TokenVolume::at(&root);
    fs::remove_dir_all(&root).expect("there");
    fs::create_dir(&root).expect("a free name");
    running.tick();
    volume.rotate(&numbered(3));
    running.tick();
    running.until_value(3).await;
    running.end().await;
}

#[tokio::test]
async fn a_directory_that_does_not_exist_is_one_warning_and_then_found() {
    let log = Log::default();
    let _collecting = log.collect();
    let parent = scratch(&file_systems()[0]);
    let root = parent.path().join("later");
    let file = open(&root.join("token"));
    let mut running = Running::start(&file);
    running
        .until("that it is missing", |latest| latest.error.is_some())
        .await;
    for _ in 0..5 {
        running.tick();
        tokio::task::yield_now().await;
    }
    TokenVolume::at(&root).rotate(&numbered(1));
    running.tick();
    running.until_value(1).await;
    running.end().await;
    assert_eq!(
        log.count(&["WARN", WARNING, "does not exist"]),
        1,
        "{}",
        log.text()
    );
    assert_eq!(log.count(&["INFO", RESUMED]), 1, "{}", log.text());
}

#[tokio::test]
async fn a_mount_without_the_kubelets_layout_is_mentioned_once() {
    for (kubelet, lines) in [(false, 1), (true, 0)] {
        let log = Log::default();
        let _collecting = log.collect();
        let directory = scratch(&file_systems()[0]);
        let path = directory.path().join("token");
        if kubelet {
            TokenVolume::at(directory.path()).rotate(&numbered(1));
        } else {
            fs::write(&path, numbered(1)).expect("written");
        }
        let mut running = Running::start(&open(&path));
        running.until_value(1).await;
        running.tick();
        running.end().await;
        assert_eq!(log.count(&["INFO", "subPath"]), lines, "{}", log.text());
    }
}

#[tokio::test]
async fn reading_a_plain_file_does_not_wake_its_own_watch() {
    let directory = scratch(&file_systems()[0]);
    let path = directory.path().join("token");
    fs::write(&path, "garbage").expect("written");
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    // Garbage is parsed at each read, so the parser counts them.
    let parse = move |content: &[u8]| {
        counted.fetch_add(1, Ordering::Relaxed);
        number(content)
    };
    let file = RotatedFile::new(&path, 20_000, parse, None);
    let mut running = Running::start(&file);
    running
        .until("garbage", |latest| latest.error.is_some())
        .await;
    // Time for a loop to show itself, if there were one.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        reads.load(Ordering::Relaxed),
        1,
        "reads without a change or a tick"
    );
    fs::write(&path, numbered(1)).expect("written");
    running.until_value(1).await;
    running.end().await;
}

/// Set in the process that may take all inotify instances.
const ALONE: &str = "STSIDECAR_TEST_ALONE";
/// Its value where there is no user namespace.
const AS_ANOTHER: &str = "as another user";

/// Runs itself again, alone in a process where it may take all inotify instances: of a user
/// namespace of its own, or of a uid that has no other process. Its own user's would be missing
/// everywhere else on the machine.
#[test]
fn without_an_inotify_instance_the_tick_sees_the_rotation_and_there_is_one_warning() {
    if let Some(how) = env::var_os(ALONE) {
        if how == AS_ANOTHER {
            // Instances are counted for the uid of the thread.
            let unused = rustix::process::Uid::from_raw(1_000_000_000 + std::process::id());
            rustix::thread::set_thread_uid(unused).expect("root may");
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        return runtime.block_on(inotify_is_exhausted());
    }
    let program = env::current_exe().expect("this test");
    let name =
        "degraded::without_an_inotify_instance_the_tick_sees_the_rotation_and_there_is_one_warning";
    let alone = ["--exact", name, "--nocapture", "--test-threads=1"];
    let limited = "echo 8 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";
    let namespace = ["--user", "--map-root-user", "sh", "-c"];
    let probe = Command::new("unshare")
        .args(namespace)
        .args([limited, "true"])
        .stderr(Stdio::null())
        .status();
    let output = if probe.is_ok_and(|status| status.success()) {
        Command::new("unshare")
            .args(namespace)
            .arg(limited)
            .arg(program)
            .args(alone)
            .env(ALONE, "1")
            .output()
    } else if rustix::process::geteuid().is_root() {
        Command::new(program)
            .args(alone)
            .env(ALONE, AS_ANOTHER)
            .output()
    } else {
        let all = env::var_os("ALL_TIERS").is_some_and(|all| all == "1");
        assert!(!all, "ALL_TIERS=1 needs user namespaces or root");
        return println!("not run: without an inotify instance: it needs user namespaces or root");
    };
    let output = output.expect("runs");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

async fn inotify_is_exhausted() {
    let _ = stsidecar::process::raise_nofile();
    let mut instances = Vec::new();
    let refused = loop {
        match inotify::init(inotify::CreateFlags::CLOEXEC) {
            Ok(instance) => instances.push(instance),
            Err(errno) => break errno,
        }
    };
    assert_eq!(refused, Errno::MFILE);
    fs::File::open("/dev/null")
        .expect("a descriptor: ulimit -Hn is below fs.inotify.max_user_instances");
    let log = Log::default();
    let _collecting = log.collect();
    let directory = scratch(&file_systems()[0]);
    let mut volume = TokenVolume::at(directory.path());
    let file = open(&volume.rotate(&numbered(0)));
    let mut running = Running::start(&file);
    running.until_value(0).await;
    for number in 1..=5 {
        volume.rotate(&numbered(number));
        running.tick();
        running.until_value(number).await;
    }
    assert_eq!(
        log.count(&["WARN", WARNING, "max_user_instances"]),
        1,
        "{}",
        log.text()
    );
    assert_eq!(
        (log.count(&["WARN"]), log.count(&[RESUMED])),
        (1, 0),
        "{}",
        log.text()
    );
    drop(instances);
    running.tick();
    // The tick reads and arms; the swap after that reading needs no tick.
    volume.rotate(&numbered(6));
    running.until_value(6).await;
    volume.rotate(&numbered(7));
    running.until_value(7).await;
    running.end().await;
    assert_eq!(
        (log.count(&["WARN"]), log.count(&["INFO", RESUMED])),
        (1, 1),
        "{}",
        log.text()
    );
}
