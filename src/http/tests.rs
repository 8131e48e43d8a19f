//! The server over real sockets, with limits short enough to watch.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;

mod durations;
mod places;

const BOUND: Duration = Duration::from_mins(1);

/// Answers `ok`; `/later` when it is released, `/body` when its body is there. An Authorization
/// header is proof enough.
#[derive(Default)]
struct Answers {
    release: Arc<Notify>,
    refused: AtomicU32,
}

impl Respond for Answers {
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> ResponseFuture {
        if request.headers().contains_key("authorization") {
            connection.authenticate();
        }
        let response = Response::new(Full::new(Bytes::from_static(b"ok")));
        if request.uri().path() == "/body" {
            return ResponseFuture::later(async move {
                let _ = request.into_body().collect().await;
                response
            });
        }
        if request.uri().path() != "/later" {
            return ResponseFuture::now(response);
        }
        let release = Arc::clone(&self.release);
        ResponseFuture::later(async move {
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
