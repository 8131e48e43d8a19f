//! Which address wins, and when: in virtual time, with connections that are played.

use super::super::deadline::{Limit, TimedOut};
use super::*;
use tokio::time::{Instant, sleep};

const SILENT: u16 = 1;
const REFUSED: u16 = 2;
const GOOD: u16 = 3;
const NO_ROUTE: u16 = 4;

async fn connect(address: SocketAddr) -> io::Result<SocketAddr> {
    match address.port() {
        SILENT => std::future::pending().await,
        REFUSED => Err(io::ErrorKind::ConnectionRefused.into()),
        NO_ROUTE => Err(io::ErrorKind::NetworkUnreachable.into()),
        _ => {
            sleep(Duration::from_millis(900)).await;
            Ok(address)
        }
    }
}

/// The addresses are known by family and port; answers which won, and after how many milliseconds.
async fn raced(found: &[(&str, u16)]) -> (Result<SocketAddr, BoxError>, u128) {
    let addresses: Vec<SocketAddr> = found
        .iter()
        .map(|(ip, port)| SocketAddr::new(ip.parse().expect("an address"), *port))
        .collect();
    let begun = Instant::now();
    (race(&addresses, connect).await, begun.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn each_address_has_a_second_however_many_there_are() {
    let (won, took) = raced(&[
        ("10.0.0.1", SILENT),
        ("10.0.0.2", SILENT),
        ("10.0.0.3", GOOD),
    ])
    .await;
    assert_eq!((won.expect("the third answers").port(), took), (GOOD, 2900));
    let (won, took) = raced(&[("10.0.0.1", REFUSED), ("10.0.0.2", GOOD)]).await;
    assert_eq!((won.expect("the second answers").port(), took), (GOOD, 900));
}

#[tokio::test(start_paused = true)]
async fn the_other_family_is_tried_beside_one_that_is_silent() {
    let (won, took) = raced(&[("::1", SILENT), ("::2", SILENT), ("10.0.0.1", GOOD)]).await;
    assert_eq!((won.expect("IPv4 answers").port(), took), (GOOD, 1150));
    let (won, took) = raced(&[("::1", NO_ROUTE), ("10.0.0.1", GOOD)]).await;
    assert_eq!((won.expect("IPv4 answers").port(), took), (GOOD, 900));
    let (won, took) = raced(&[("::1", GOOD), ("10.0.0.1", REFUSED)]).await;
    assert_eq!((won.expect("IPv6 answers").port(), took), (GOOD, 900));
}

#[tokio::test(start_paused = true)]
async fn the_error_is_that_of_the_family_that_has_a_route() {
    let (won, took) = raced(&[("::1", NO_ROUTE), ("10.0.0.1", SILENT)]).await;
    let error = won.expect_err("no address answers");
    let late = TimedOut {
        phase: Phase::Connect,
        limit: Limit::Address,
    };
    assert_eq!((error.downcast_ref(), took), (Some(&late), 1000));
    let (won, _) = raced(&[("10.0.0.1", REFUSED), ("::1", NO_ROUTE)]).await;
    let error = won.expect_err("no address answers");
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(kind, Some(io::ErrorKind::ConnectionRefused));
}

#[tokio::test(start_paused = true)]
async fn a_look_up_ends_with_the_attempt() {
    let deadline = Deadline::begin(crate::assume::AttemptTimeout::default());
    let begun = Instant::now();
    let late = deadline
        .within(Phase::LookUp, std::future::pending::<()>())
        .await
        .expect_err("it never ends");
    assert_eq!(
        (late.phase, begun.elapsed().as_millis()),
        (Phase::LookUp, 3000)
    );
    assert_eq!(
        late.limit.to_string(),
        "3s (--sts-timeout, STSIDECAR_STS_TIMEOUT)"
    );
}

/// What is said of a proxy that answers every CONNECT with 407, asked with this
/// `Proxy-Authorization` or none.
async fn refused_with_407(authorization: Option<&'static str>) -> String {
    let (ours, mut theirs) = tokio::io::duplex(1024);
    theirs
        .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
        .await
        .expect("room");
    let mut ours: Box<dyn Stream> = Box::new(ours);
    let authorization = authorization.map(HeaderValue::from_static);
    open(&mut ours, "sts.example.com", 443, authorization.as_ref())
        .await
        .expect_err("a refusal")
        .to_string()
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_is_told_from_one_that_refuses_them() {
    assert_eq!(
        refused_with_407(None).await,
        "the proxy wants credentials: put them into HTTPS_PROXY"
    );
    let refused = refused_with_407(Some("Basic dXNlcjpjYW5hcnk=")).await;
    assert!(
        refused.starts_with("the proxy refuses the credentials of HTTPS_PROXY: "),
        "{refused}"
    );
    assert!(
        !refused.contains("dXNl") && !refused.contains("canary"),
        "{refused}"
    );
}
