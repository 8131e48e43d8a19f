//! The server over real sockets, with limits short enough to watch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

mod places;

const BOUND: Duration = Duration::from_mins(1);

/// Answers `ok`; `/later` when it is released, `/body` when its body is there. An Authorization header is proof enough.
#[derive(Default)]
struct Answers {
    release: Arc<Notify>,
    refused: AtomicU32,
}

impl Respond for Answers {
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> Reply {
        if request.headers().contains_key("authorization") {
            connection.authenticate();
        }
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        if request.uri().path() == "/body" {
            return Reply::later(async move {
                let _ = request.into_body().collect().await;
                response
            });
        }
        if request.uri().path() != "/later" {
            return Reply::now(response);
        }
        let release = Arc::clone(&self.release);
        Reply::later(async move {
            release.notified().await;
            response
        })
    }

    fn refused(&self, status: u16) {
        self.refused.fetch_add(u32::from(status), Relaxed);
    }
}

struct Served {
    address: SocketAddr,
    answers: Arc<Answers>,
    activity: Arc<Activity>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

fn limits(head: u64, answering: u64, idle: u64, connections: usize) -> Limits {
    let [head, answering, idle] = [head, answering, idle].map(Duration::from_millis);
    Limits {
        head,
        answering,
        idle,
        connections,
    }
}

fn started(limits: Limits) -> Served {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (answers, activity) = (Arc::new(Answers::default()), Arc::new(Activity::default()));
    let (stop, stopped) = watch::channel(false);
    let serving = serve(
        vec![listener],
        answers.clone(),
        limits,
        Arc::clone(&activity),
        stopped,
    );
    Served {
        address,
        answers,
        activity,
        stop,
        task: tokio::spawn(serving),
    }
}

impl Served {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a listener")
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await
        .expect("open");
}

/// One answer of the test's service, whole.
async fn answered(stream: &mut TcpStream) -> bool {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\nok") {
        match timeout(BOUND, stream.read_buf(&mut text))
            .await
            .expect("an answer or an end")
        {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    text.starts_with(b"HTTP/1.1 200 OK\r\n")
}

/// Reads until the other side closed or reset, and says how long that took.
async fn end_of(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    let mut sink = vec![0; 64 * 1024];
    timeout(BOUND, async {
        while matches!(stream.read(&mut sink).await, Ok(1..)) {}
    })
    .await
    .expect("closed");
    start.elapsed()
}

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

async fn becomes_busy(served: &Served, count: usize) {
    timeout(BOUND, async {
        while served.activity.busy() != count {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("busy");
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

#[tokio::test]
async fn a_head_over_the_limit_is_431_and_noise_is_400_and_both_are_noted() {
    let served = started(Limits::new(4));
    for (head, status) in [
        (
            format!(
                "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
                "a".repeat(60 * 1024)
            ),
            431_u16,
        ),
        (
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(17 * 1024)),
            431,
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nhost: x\r\n{}\r\n",
                "a: b\r\n".repeat(2_000)
            ),
            431,
        ),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n".into(), 400),
        ("\0\0\0\0\r\n\r\n".into(), 400),
    ] {
        let before = served.answers.refused.load(Relaxed);
        let mut stream = served.connect().await;
        // The server may answer and close while the rest is still on its way.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut text = Vec::new();
        let _ = timeout(BOUND, stream.read_to_end(&mut text))
            .await
            .expect("closed");
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.starts_with(&format!("HTTP/1.1 {status} ")),
            "{status}: {text}"
        );
        assert!(
            text.ends_with(&format!("\r\n\r\n{}\n", explanation(status).1)),
            "{status}: {text}"
        );
        timeout(BOUND, async {
            while served.answers.refused.load(Relaxed) != before + u32::from(status) {
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("noted");
    }
}

#[tokio::test]
async fn stopping_closes_every_connection_and_the_port() {
    let served = started(Limits::new(4));
    let mut stream = served.connect().await;
    ask(&mut stream, "/").await;
    assert!(answered(&mut stream).await);
    served.stop.send_replace(true);
    timeout(BOUND, served.task)
        .await
        .expect("in time")
        .expect("no panic")
        .expect("no error");
    end_of(&mut stream).await;
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn a_listener_that_comes_later_is_served_beside_the_others() {
    let here = SocketAddr::from(([127, 0, 0, 1], 0));
    let (first, second) = (
        bind(here).expect("a free port"),
        bind(here).expect("a free port"),
    );
    let [early, late] = [&first, &second].map(|listener| listener.local_addr().expect("bound"));
    let (release, released) = tokio::sync::oneshot::channel();
    let listeners = Listeners::and_later(vec![first], async { released.await.ok() });
    let (_stop, stopped) = watch::channel(false);
    let serving = serve(
        listeners,
        Arc::new(Answers::default()),
        Limits::new(4),
        Arc::default(),
        stopped,
    );
    let serving = tokio::spawn(serving);
    let mut waiting = TcpStream::connect(late).await.expect("the kernel takes it");
    ask(&mut waiting, "/").await;
    for round in 0..2 {
        let mut stream = TcpStream::connect(early).await.expect("a listener");
        ask(&mut stream, "/").await;
        assert!(answered(&mut stream).await, "{round}");
    }
    release.send(second).expect("awaited");
    assert!(answered(&mut waiting).await);
    for address in [early, late] {
        let mut stream = TcpStream::connect(address).await.expect("a listener");
        ask(&mut stream, "/").await;
        assert!(answered(&mut stream).await, "{address}");
    }
    assert!(!serving.is_finished());
}
