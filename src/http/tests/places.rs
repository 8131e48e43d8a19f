//! Who keeps a place when there are too few: not who announces a body and sends none, and no peer
//! more than its share.

use tokio::net::TcpSocket;

use super::*;

const LONG: u64 = 600_000;
const SILENT: &str = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n";

/// A connection from another address of this machine.
async fn connect_from(served: &Served, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(SocketAddr::from(([127, 0, 0, last], 0)))
        .expect("a loopback address");
    socket.connect(served.address).await.expect("a listener")
}

/// Asks, and proves itself by it.
async fn prove(stream: &mut TcpStream) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nauthorization: x\r\n\r\n")
        .await
        .expect("open");
    assert!(answered(stream).await);
}

async fn is_answered(served: &Served) -> bool {
    let mut newcomer = served.connect().await;
    ask(&mut newcomer, "/").await;
    answered(&mut newcomer).await
}

#[tokio::test]
async fn a_full_house_drops_strangers_first_then_the_longest_idle() {
    let served = started(limits(60_000, 60_000, 60_000, 2));
    let mut first = served.connect().await;
    ask(&mut first, "/").await;
    assert!(answered(&mut first).await);
    let mut stranger = served.connect().await;
    let mut second = served.connect().await;
    ask(&mut second, "/").await;
    assert!(answered(&mut second).await, "the newest is not refused");
    end_of(&mut stranger).await;
    ask(&mut first, "/").await;
    assert!(
        answered(&mut first).await,
        "idle, and kept while a stranger was there"
    );

    let mut third = served.connect().await;
    ask(&mut third, "/").await;
    assert!(answered(&mut third).await);
    let mut fourth = served.connect().await;
    ask(&mut fourth, "/").await;
    assert!(answered(&mut fourth).await);
    tokio::join!(end_of(&mut first), end_of(&mut second));
    ask(&mut third, "/").await;
    assert!(answered(&mut third).await);
}

#[tokio::test]
async fn who_announces_a_body_and_sends_none_gives_way() {
    let served = started(limits(LONG, LONG, LONG, 2));
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    for stream in [&mut first, &mut second] {
        stream.write_all(SILENT.as_bytes()).await.expect("open");
    }
    becomes_busy(&served, 2).await;
    assert!(is_answered(&served).await, "the newest is not refused");
    end_of(&mut first).await;
    becomes_busy(&served, 1).await;
    second.write_all(b"0123456789").await.expect("open");
    assert!(answered(&mut second).await, "only who must goes");
}

#[tokio::test]
async fn who_has_proven_itself_and_then_sends_no_body_gives_way_too() {
    let served = started(limits(LONG, LONG, LONG, 2));
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    for stream in [&mut first, &mut second] {
        prove(stream).await;
        stream.write_all(SILENT.as_bytes()).await.expect("open");
    }
    becomes_busy(&served, 2).await;
    assert!(is_answered(&served).await);
    end_of(&mut first).await;
}

/// hyper writes `100 Continue` once the body is asked for: no part of an answer, and no end of it.
#[tokio::test]
async fn who_is_asked_to_continue_has_the_limits_of_a_body_and_of_no_pause() {
    let served = started(limits(500, LONG, LONG, 4));
    let head = SILENT.replace("\r\n\r\n", "\r\nexpect: 100-continue\r\n\r\n");
    let (mut silent, mut good) = (served.connect().await, served.connect().await);
    let mut said = [0; 25];
    for stream in [&mut silent, &mut good] {
        stream.write_all(head.as_bytes()).await.expect("open");
        timeout(BOUND, stream.read_exact(&mut said))
            .await
            .expect("in time")
            .expect("a wake-up");
        assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    }
    assert_eq!(served.activity.busy(), 2, "both are still to be answered");
    good.write_all(b"0123456789").await.expect("open");
    assert!(answered(&mut good).await);
    end_of(&mut silent).await;
    sleep(Duration::from_secs(1)).await;
    ask(&mut good, "/").await;
    assert!(answered(&mut good).await, "kept as any other connection");
}

/// The agent's pages need none, and answer without it.
#[tokio::test]
async fn an_announced_body_that_is_not_read_makes_no_pause_of_its_connection() {
    let served = started(limits(500, LONG, LONG, 4));
    let mut stream = served.connect().await;
    stream
        .write_all(SILENT.replace("/body", "/").as_bytes())
        .await
        .expect("open");
    assert!(answered(&mut stream).await);
    end_of(&mut stream).await;
    becomes_busy(&served, 0).await;
}

#[tokio::test]
async fn a_stranger_that_idles_goes_before_who_has_proven_itself() {
    let served = started(limits(LONG, LONG, LONG, 2));
    let (mut proven, mut stranger) = (served.connect().await, served.connect().await);
    prove(&mut proven).await;
    ask(&mut stranger, "/").await;
    assert!(answered(&mut stranger).await);
    assert!(is_answered(&served).await);
    end_of(&mut stranger).await;
    prove(&mut proven).await;
}

#[tokio::test]
async fn who_has_more_than_half_of_the_places_gives_one_up_before_others_do() {
    let served = started(limits(LONG, LONG, LONG, 4));
    let mut alone = connect_from(&served, 2).await;
    prove(&mut alone).await;
    let mut many = Vec::new();
    for _ in 0..3 {
        let mut stream = connect_from(&served, 3).await;
        prove(&mut stream).await;
        many.push(stream);
    }
    for _ in 0..4 {
        let mut stream = connect_from(&served, 3).await;
        prove(&mut stream).await;
        many.push(stream);
    }
    assert!(is_answered(&served).await);
    prove(&mut alone).await;
    for stream in &mut many[..5] {
        end_of(stream).await;
    }
}

#[tokio::test]
async fn who_is_being_answered_is_never_dropped_and_a_newcomer_waits_for_it() {
    let served = started(limits(60_000, 60_000, 200, 2));
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    ask(&mut first, "/later").await;
    ask(&mut second, "/later").await;
    becomes_busy(&served, 2).await;
    let mut newcomer = served.connect().await;
    ask(&mut newcomer, "/").await;
    let early = timeout(Duration::from_millis(300), answered(&mut newcomer)).await;
    assert!(early.is_err(), "served over the limit, or closed");
    served.answers.release.notify_waiters();
    assert!(answered(&mut first).await);
    assert!(answered(&mut second).await);
    assert!(answered(&mut newcomer).await);
}
