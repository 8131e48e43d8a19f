//! How long a connection may take for each of its phases.

use super::*;

#[tokio::test]
async fn a_connection_is_kept_between_requests_for_longer_than_a_head_may_take() {
    let served = started(limits(600, 600, 60_000, 4));
    let mut stream = served.connect().await;
    for _ in 0..2 {
        ask(&mut stream, "/").await;
        assert!(answered(&mut stream).await);
        sleep(Duration::from_secs(2)).await;
    }
    ask(&mut stream, "/").await;
    assert!(answered(&mut stream).await);
}

#[tokio::test]
async fn who_sends_nothing_or_drips_a_head_is_closed_and_idle_ones_at_their_limit() {
    let served = started(limits(400, 400, 800, 8));
    let (mut silent, mut dripping, mut idle) = (
        served.connect().await,
        served.connect().await,
        served.connect().await,
    );
    ask(&mut idle, "/").await;
    assert!(answered(&mut idle).await);
    let drip = async {
        let start = Instant::now();
        while dripping.write_all(b"G").await.is_ok() && start.elapsed() < BOUND {
            sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    };
    let (silent, dripped, idle) = tokio::join!(end_of(&mut silent), drip, end_of(&mut idle));
    for (name, lasted, limit) in [
        ("silent", silent, 400),
        ("drip", dripped, 400),
        ("idle", idle, 800),
    ] {
        // The connection was open a little before the clock here started.
        assert!(
            lasted >= Duration::from_millis(limit - 100),
            "{name}: {lasted:?}"
        );
        assert!(lasted < BOUND, "{name}: {lasted:?}");
    }
}

#[tokio::test]
async fn who_never_reads_is_cut_off_and_no_longer_busy() {
    let served = started(limits(500, 500, 60_000, 4));
    let mut stream = served.connect().await;
    let many = "GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(2_000);
    let flood = async { while stream.write_all(many.as_bytes()).await.is_ok() {} };
    timeout(BOUND, flood).await.expect("cut off");
    becomes_busy(&served, 0).await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_cut_off() {
    let served = started(limits(60_000, 300, 60_000, 4));
    let mut stream = served.connect().await;
    ask(&mut stream, "/later").await;
    assert!(!answered(&mut stream).await);
    assert_eq!(served.activity.busy(), 0);
}

#[tokio::test]
async fn who_closed_its_side_is_answered_and_then_closed() {
    let served = started(limits(60_000, 60_000, 60_000, 4));
    let mut stream = served.connect().await;
    ask(&mut stream, "/later").await;
    stream.shutdown().await.expect("open");
    becomes_busy(&served, 1).await;
    // Once it is busy, hyper has read what there was; its end comes in this moment.
    sleep(Duration::from_millis(50)).await;
    served.answers.release.notify_waiters();
    assert!(answered(&mut stream).await);
    end_of(&mut stream).await;
    becomes_busy(&served, 0).await;
}

/// It looks like the one above until something is written to it, so its answer's limit ends it.
#[tokio::test]
async fn who_went_away_has_its_place_for_no_longer_than_an_answer_may_take() {
    let served = started(limits(60_000, 300, 60_000, 1));
    let mut gone = served.connect().await;
    ask(&mut gone, "/later").await;
    becomes_busy(&served, 1).await;
    drop(gone);
    let mut newcomer = served.connect().await;
    ask(&mut newcomer, "/").await;
    assert!(answered(&mut newcomer).await);
    assert_eq!(served.activity.busy(), 0);
}
