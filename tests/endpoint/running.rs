//! An endpoint on its own thread, and a client that writes its requests by hand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use prometheus::Registry;
use stsidecar::cache::{self, Published, Publisher, Refused, Served};
use stsidecar::credentials::Secret;
use stsidecar::endpoint::metrics::Metrics;
use stsidecar::endpoint::{Client, Endpoint, HOLD, runtime};
use stsidecar::http::{Activity, Limits, bind};
use stsidecar::response::error_body;
use stsidecar::time::Boot;
use tokio::sync::watch;

pub(crate) const TOKEN: &str = "canary-token-of-app-0123456789abcdefghijklm";
pub(crate) const OTHER: &str = "canary-token-of-exporter-0123456789abcdefgh";
pub(crate) const BODY: &str = r#"{"AccessKeyId":"ASIACANARY","SecretAccessKey":"canary-secret","Token":"canary-session","Expiration":"2026-11-22T06:00:00Z"}"#;
pub(crate) const BOUND: Duration = Duration::from_mins(1);

pub(crate) fn clock() -> Boot {
    Boot::from_duration(Duration::from_secs(1_000))
}

pub(crate) fn credentials(body: &'static str) -> Published {
    let deadline = clock().plus(Duration::from_hours(1));
    Published::Served(Served {
        body: Bytes::from_static(body.as_bytes()),
        deadline,
    })
}

pub(crate) fn refused(status: u16, code: &str) -> Published {
    Published::Refused(Refused {
        status,
        body: error_body(code, "why"),
    })
}

/// An endpoint on its own thread with two clients.
pub(crate) struct Running {
    pub(crate) port: u16,
    pub(crate) app: Publisher,
    pub(crate) exporter: Publisher,
    pub(crate) registry: Registry,
    pub(crate) activity: Arc<Activity>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) thread: Option<JoinHandle<std::io::Result<()>>>,
}

pub(crate) fn run_on(
    listeners: Vec<TcpListener>,
    initial: &Published,
    limits: Limits,
    hold: Duration,
) -> Running {
    let port = listeners[0].local_addr().expect("bound").port();
    let (app, app_answers) = cache::channel(initial.clone(), clock);
    let (exporter, exporter_answers) = cache::channel(initial.clone(), clock);
    let client = |token: &str, answers| Client {
        token: Secret::new(token.into()),
        answers,
        last_request: Arc::default(),
    };
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).expect("a fresh registry");
    let clients = vec![client(TOKEN, app_answers), client(OTHER, exporter_answers)];
    let activity = Arc::new(Activity::default());
    let endpoint = Endpoint::new(clients, port, clock, metrics, hold, Arc::clone(&activity));
    let (stop, stopped) = watch::channel(false);
    let thread = Some(std::thread::spawn(move || {
        runtime()?.block_on(endpoint.serve(listeners, limits, stopped))
    }));
    Running {
        port,
        app,
        exporter,
        registry,
        activity,
        stop,
        thread,
    }
}

pub(crate) fn listener() -> TcpListener {
    bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port")
}

pub(crate) fn run(initial: &Published) -> Running {
    run_on(vec![listener()], initial, Limits::new(64), HOLD)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("no panic").expect("no error");
            }
        }
    }
}

impl Running {
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a listener");
        stream.set_read_timeout(Some(BOUND)).expect("a socket");
        stream.set_write_timeout(Some(BOUND)).expect("a socket");
        stream
    }

    /// Everything that comes back for these bytes, until the server closes or `Connection: close`
    /// was asked.
    pub(crate) fn send(&self, request: &[u8]) -> String {
        let mut stream = self.connect();
        // The server may answer and close while the rest is on its way.
        let _ = stream.write_all(request);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    pub(crate) fn ask(&self, method: &str, target: &str, token: &str, more: &str) -> String {
        let port = self.port;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: {token}\r\n{more}"
        );
        self.send_one(&head)
    }

    /// A whole exchange that the server ends.
    pub(crate) fn send_one(&self, head: &str) -> String {
        let mut stream = self.connect();
        stream
            .write_all(format!("{head}connection: close\r\n\r\n").as_bytes())
            .expect("open");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        text
    }

    pub(crate) fn counted(&self, family: &str, label: &str) -> u64 {
        let families = self.registry.gather();
        let found = families
            .iter()
            .filter(|found| found.name() == family)
            .flat_map(prometheus::proto::MetricFamily::get_metric);
        let metric = found
            .into_iter()
            .find(|metric| metric.get_label()[0].value() == label)
            .expect("a series");
        format!("{}", metric.get_counter().get_value())
            .parse()
            .expect("a whole number")
    }
}

pub(crate) fn status(answer: &str) -> &str {
    answer
        .strip_prefix("HTTP/1.1 ")
        .map_or("", |rest| &rest[..3])
}
