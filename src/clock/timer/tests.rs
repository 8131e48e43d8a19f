//! Alarms and ticks: on the kernel's timer, and without one on tokio's paused clock.

use super::*;
use crate::clock::boot;
use tokio::time::timeout;

const BOUND: Duration = Duration::from_mins(1);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn voluntary_switches() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").expect("this thread's status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok())
        .expect("a count")
}

#[tokio::test]
async fn an_alarm_in_the_past_fires_at_once_and_only_once() {
    let mut alarm = Alarm::new();
    for past in [
        Boot::default(),
        boot().minus(Duration::from_secs(5)),
        boot(),
    ] {
        alarm.set(Some(past));
        timeout(BOUND, alarm.wait()).await.expect("fires");
        assert_eq!(alarm.deadline(), None);
        assert!(
            timeout(Duration::from_millis(20), alarm.wait())
                .await
                .is_err(),
            "fired twice"
        );
    }
}

#[tokio::test]
async fn of_several_deadlines_the_last_one_set_counts() {
    let mut alarm = Alarm::new();
    alarm.set(Some(boot().plus(Duration::from_mins(10))));
    tokio::select! {
        biased;
        () = alarm.wait() => panic!("fired ten minutes early"),
        () = std::future::ready(()) => {}
    }
    for (first, second) in [(600_000, 20), (1, 40)] {
        alarm.set(Some(boot().plus(Duration::from_millis(first))));
        // The runtime hears that the short one fired; its readiness must not pass for the next
        // one's.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let deadline = boot().plus(Duration::from_millis(second));
        alarm.set(Some(deadline));
        timeout(BOUND, alarm.wait()).await.expect("fires");
        assert!(boot() >= deadline, "{second} ms deadline fired early");
    }
}

#[tokio::test]
async fn an_alarm_that_was_unset_or_set_to_the_end_of_time_does_not_fire() {
    let mut alarm = Alarm::new();
    for never in [None, Some(Boot::from_duration(Duration::MAX))] {
        alarm.set(Some(boot().plus(Duration::from_millis(5))));
        alarm.set(never);
        assert!(
            timeout(Duration::from_millis(40), alarm.wait())
                .await
                .is_err(),
            "{never:?}"
        );
    }
}

#[test]
fn an_alarm_wakes_its_thread_once() {
    runtime().block_on(async {
        let mut alarm = Alarm::new();
        let before = voluntary_switches();
        for _ in 0..4 {
            alarm.set(Some(boot().plus(Duration::from_millis(200))));
            alarm.wait().await;
        }
        // Tokio's own sleep of 200 ms wakes twice or more. The rest is spare for a page or a lock.
        let switches = voluntary_switches() - before;
        assert!(
            (4..8).contains(&switches),
            "{switches} switches for 4 alarms"
        );
    });
}

#[tokio::test]
async fn a_ticker_keeps_ticking() {
    let start = boot();
    let mut ticker = Ticker::new(Duration::from_millis(10));
    for count in 1..=5_u32 {
        timeout(BOUND, ticker.tick()).await.expect("ticks");
        assert!(boot().since(start) >= Duration::from_millis(10) * count);
    }
}

thread_local! {
    static START: tokio::time::Instant = tokio::time::Instant::now();
}

fn virtual_boot() -> Boot {
    Boot::from_duration(START.with(tokio::time::Instant::elapsed))
}

#[tokio::test(start_paused = true)]
async fn without_a_kernel_timer_an_alarm_sleeps_in_slices_and_is_exact() {
    let mut alarm = Alarm::sliced(virtual_boot);
    let deadline = virtual_boot().plus(Duration::from_secs(100));
    alarm.set(Some(deadline));
    assert!(
        timeout(Duration::from_secs(45), alarm.wait())
            .await
            .is_err()
    );
    assert_eq!(
        alarm.deadline(),
        Some(deadline),
        "a cancelled wait keeps the deadline"
    );
    alarm.wait().await;
    assert!(
        virtual_boot().since(deadline) <= Duration::from_millis(2) && virtual_boot() >= deadline
    );
    assert!(
        timeout(Duration::from_hours(1), alarm.wait())
            .await
            .is_err(),
        "fired twice"
    );
}
