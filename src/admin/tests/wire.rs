//! The surface over real sockets: what it shows to which peer, and which connections it keeps.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

/// The surface on loopback, with one profile that waits for its first credentials.
struct ServedSurface {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    // Their ends would be answers.
    _publishers: (
        Vec<Publisher>,
        Vec<watch::Sender<ProfileReport>>,
        [watch::Sender<bool>; 3],
    ),
}

fn served() -> ServedSurface {
    let Agent {
        surface,
        publishers,
        reports,
        started,
        draining,
        listening,
    } = agent(&["default"], true);
    reports[0].send_modify(|report| report.last_error = Some(denied()));
    let admin = Arc::into_inner(surface.admin).expect("not shared yet");
    let listener = crate::http::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = watch::channel(false);
    let limits = Limits {
        answering: Duration::from_millis(200),
        ..Limits::new(8)
    };
    let serving = tokio::spawn(admin.serve(listener, limits, stopped));
    ServedSurface {
        address,
        stop,
        serving,
        _publishers: (publishers, reports, [started, draining, listening]),
    }
}

impl ServedSurface {
    /// Everything that comes back for `GET target` with these header lines, sent from `source`.
    async fn ask(&self, source: &str, target: &str, lines: &str) -> String {
        self.send(
            source,
            &format!("GET {target} HTTP/1.1\r\n{lines}connection: close\r\n\r\n"),
        )
        .await
    }

    async fn send(&self, source: &str, request: &str) -> String {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::new(source.parse().expect("an address"), 0))
            .expect("all of 127.0.0.0/8 is here");
        let mut stream = socket.connect(self.address).await.expect("a listener");
        stream.write_all(request.as_bytes()).await.expect("open");
        // A client that has nothing more to say is no client that has gone.
        stream.shutdown().await.expect("open");
        let mut text = String::new();
        let reading = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(30), reading)
            .await
            .expect("in time")
            .expect("text");
        text
    }

    async fn end(self) {
        self.stop.send_replace(true);
        let ended = tokio::time::timeout(Duration::from_secs(30), self.serving)
            .await
            .expect("in time");
        ended.expect("no panic").expect("no error");
    }
}

/// The API server's proxy and scrapers behind a mesh send these.
#[tokio::test]
async fn probes_and_metrics_take_any_peer_host_and_forwarding_headers() {
    let surface = served();
    for source in ["127.0.0.1", "127.0.0.6"] {
        for lines in [
            "",
            "host: kubernetes.default\r\nx-forwarded-for: 10.0.0.1\r\n",
            "host: a\r\nhost: b\r\nvia: 1.1 x\r\n",
        ] {
            for (target, status) in [
                ("/livez", "200"),
                ("/readyz", "503"),
                ("/readyz?verbose", "503"),
                ("/metrics", "200"),
            ] {
                let answer = surface.ask(source, target, lines).await;
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status} ")),
                    "{source} {target} {lines}: {answer}"
                );
            }
        }
    }
    surface.end().await;
}

/// Header lines that do not name this pod, or not it alone.
const FOREIGN: [&str; 15] = [
    "",
    "host: \r\n",
    "host: evil.example\r\n",
    "host: 10.0.0.7:9912\r\n",
    "host: 127.0.0.6:9912\r\n",
    "host: localhost.evil.example\r\n",
    "host: localhost:\r\n",
    "host: localhost:99999\r\n",
    "host: localhost:8080:1\r\n",
    "host: localhost:+80\r\n",
    "host: user@localhost\r\n",
    "host: ::1\r\n",
    "host: [::1]x\r\n",
    "host: localhost\r\nhost: localhost\r\n",
    "host: localhost\r\nhost: evil.example\r\n",
];

/// What proxies add.
const ADDED_ON_THE_WAY: [&str; 16] = [
    "X-Forwarded-For",
    "x-forwarded-client-cert",
    "Forwarded",
    "Via",
    "X-Real-IP",
    "X-Envoy-External-Address",
    "X-Envoy-Internal",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "X-Envoy-Peer-Metadata-Id",
    "l5d-client-id",
    "l5d-remote-ip",
    "X-Original-Forwarded-For",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Fastly-Client-IP",
];

/// Whether the status is shown to this source with these headers; where it is not, no role is shown
/// either.
async fn is_shown(surface: &ServedSurface, source: &str, lines: &str) -> bool {
    let status = surface.ask(source, "/status", lines).await;
    let verbose = surface.ask(source, "/readyz?verbose", lines).await;
    assert!(
        verbose.starts_with("HTTP/1.1 503 ") && verbose.contains("check the trust policy"),
        "{verbose}"
    );
    let is_shown = status.starts_with("HTTP/1.1 200 ");
    assert!(is_shown || status.starts_with("HTTP/1.1 403 "), "{status}");
    assert_eq!(
        (status.contains(ARN), verbose.contains(ARN)),
        (is_shown, is_shown),
        "{source} {lines}: {status} {verbose}"
    );
    is_shown
}

/// Istio hands over what came from the network from 127.0.0.6, and from 127.0.0.1 for a Service's
/// port (<https://github.com/istio/istio/issues/29603>).
#[tokio::test]
async fn status_and_roles_are_for_who_asks_this_pod_directly() {
    let surface = served();
    for host in [
        "127.0.0.1:9912",
        "127.0.0.1",
        "localhost",
        "LOCALHOST:9912",
        "localhost:8080",
        "[::1]",
        "[::1]:1",
    ] {
        let line = format!("host: {host}\r\n");
        assert!(is_shown(&surface, "127.0.0.1", &line).await, "{host}");
        for source in ["127.0.0.6", "127.0.0.2"] {
            assert!(
                !is_shown(&surface, source, &line).await,
                "{host} from {source}"
            );
        }
    }
    for lines in FOREIGN {
        assert!(!is_shown(&surface, "127.0.0.1", lines).await, "{lines:?}");
    }
    // Each of them alone: a mesh may be configured to leave out the others.
    for name in ADDED_ON_THE_WAY {
        let lines = format!("host: localhost:9912\r\n{name}: 127.0.0.1\r\n");
        assert!(!is_shown(&surface, "127.0.0.1", &lines).await, "{name}");
    }
    surface.end().await;
}

#[tokio::test]
async fn a_target_in_absolute_form_names_this_pod_too() {
    let surface = served();
    for (host, status) in [("localhost:9912", "200"), ("evil.example", "403")] {
        let request = format!(
            "GET http://{host}/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        let answer = surface.send("127.0.0.1", &request).await;
        assert_eq!(answer[9..12], *status, "{host}");
    }
    surface.end().await;
}

#[tokio::test]
async fn a_waiting_status_may_take_longer_than_other_answers() {
    let surface = served();
    let answer = surface
        .ask("127.0.0.1", "/status?wait=1", "host: localhost\r\n")
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'),
        "{answer}"
    );
    surface.end().await;
}

#[tokio::test]
async fn a_refused_request_with_a_body_ends_its_connection() {
    let surface = served();
    let bodies = [
        "content-length: 2\r\n\r\n{}",
        "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        "content-length: 2\r\nexpect: 100-continue\r\n\r\n{}",
    ];
    for (line, status) in [
        ("POST /livez", "405"),
        ("PUT /status", "405"),
        ("POST /other", "404"),
    ] {
        for body in bodies {
            let next = "GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n";
            let answer = surface
                .send(
                    "127.0.0.1",
                    &format!("{line} HTTP/1.1\r\nhost: localhost\r\n{body}{next}"),
                )
                .await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")),
                "{line} {body}: {answer}"
            );
            assert_eq!(
                answer.matches("HTTP/1.1 ").count(),
                1,
                "{line} {body}: {answer}"
            );
            assert!(
                answer.contains("\r\nconnection: close\r\n"),
                "{line} {body}: {answer}"
            );
        }
    }
    surface.end().await;
}
