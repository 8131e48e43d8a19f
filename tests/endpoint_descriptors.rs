//! Accepting without free descriptors. Alone in its program, because the limit is the process's.

#![allow(
    clippy::disallowed_methods,
    reason = "a test of real sockets measures real time"
)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use stsidecar::endpoint::metrics::Metrics;
use stsidecar::endpoint::{Endpoint, HOLD, runtime};
use stsidecar::http::{Activity, Limits, bind};
use stsidecar::time::Boot;
use tokio::sync::watch;

fn processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime)
        .try_into()
        .expect("not negative")
}

#[test]
fn without_descriptors_accepting_neither_spins_nor_ends_and_goes_on_once_there_are_some() {
    let limit = Rlimit {
        current: Some(64),
        maximum: getrlimit(Resource::Nofile).maximum,
    };
    setrlimit(Resource::Nofile, limit).expect("a lower limit");
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let metrics = Metrics::register(&Registry::new()).expect("a fresh registry");
    let endpoint = Endpoint::new(
        Vec::new(),
        address.port(),
        Boot::default,
        metrics,
        HOLD,
        Arc::new(Activity::default()),
    );
    let (stop, stopped) = watch::channel(false);
    let thread = std::thread::spawn(move || {
        runtime()?.block_on(endpoint.serve(vec![listener], Limits::new(1_000), stopped))
    });
    // Served once, so everything the endpoint opens for itself is open.
    assert!(ask(TcpStream::connect(address).expect("a listener")).starts_with("HTTP/1.1 404 "));

    let mut filling = Vec::new();
    fill(&mut filling);
    // The first connection's descriptor is free a moment after its end was seen here.
    std::thread::sleep(Duration::from_millis(100));
    fill(&mut filling);
    filling.pop();
    let mut waiting = TcpStream::connect(address).expect("the last descriptor");
    waiting
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a socket");
    let before = processor_time();
    let nothing = waiting
        .read(&mut [0])
        .expect_err("no descriptor is left to accept it");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    let used = processor_time().saturating_sub(before);
    assert!(used < Duration::from_millis(200), "{used:?} of a second");

    filling.clear();
    assert!(ask(waiting).starts_with("HTTP/1.1 404 "));
    stop.send_replace(true);
    thread.join().expect("no panic").expect("no error");
}

fn fill(files: &mut Vec<File>) {
    files.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
}

fn ask(mut stream: TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .expect("a socket");
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .expect("open");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    text
}
