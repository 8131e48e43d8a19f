//! Instructions of warm requests, counted by callgrind: what a change costs,
//! on however busy a machine.
//!
//! The endpoint (guard, reader, response, connection watch) and a bare hyper service answer the
//! same bytes to the same client on loopback, all on one thread; the client's part is the same on
//! both sides, so the difference is what the endpoint adds. `serving` counts the same in the
//! released binary, where the bar is. `make bench-instructions` also compares with the run before.

#![allow(
    clippy::disallowed_methods,
    reason = "the main function of gungraun ends with an exit code"
)]

#[path = "serving/bare.rs"]
mod bare;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gungraun::{
    Callgrind, EntryPoint, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use stsidecar::cache::{self, Published, Served};
use stsidecar::clock;
use stsidecar::credentials::Secret;
use stsidecar::endpoint::{Client, Endpoint, HOLD, metrics::Metrics};
use stsidecar::http::{Limits, bind};
use stsidecar::metrics::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// Enough that making the two servers, which is counted too, disappears beside them.
const REQUESTS: usize = 1000;
const TOKEN: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// As the agent: what is freed is zeroed.
#[global_allocator]
static ALLOCATOR: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);

/// A client on a warm connection, and the runtime that serves it.
struct Exchange {
    runtime: Runtime,
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
    /// Dropping it ends the endpoint.
    _stop: watch::Sender<bool>,
}

impl Exchange {
    fn begin(runtime: Runtime, address: SocketAddr, stop: watch::Sender<bool>) -> Self {
        let stream = runtime
            .block_on(TcpStream::connect(address))
            .expect("the server listens");
        let request = format!(
            "GET /v1/credentials HTTP/1.1\r\nHost: {address}\r\nAccept-Encoding: identity\r\nUser-Agent: Boto3/1.40 \
             md/Botocore ua/2.1 os/linux lang/python\r\nAccept: application/json\r\nAuthorization: {TOKEN}\r\n\
             Connection: keep-alive\r\n\r\n"
        );
        let mut exchange = Self {
            runtime,
            stream,
            request: request.into_bytes(),
            answer: vec![0; 8192],
            _stop: stop,
        };
        for _ in 0..10 {
            exchange.ask();
        }
        exchange
    }

    fn ask(&mut self) {
        let Self {
            runtime,
            stream,
            request,
            answer,
            ..
        } = self;
        runtime.block_on(async {
            stream.writable().await.expect("connected");
            assert_eq!(
                stream.try_write(request).expect("fits the socket's buffer"),
                request.len()
            );
            loop {
                stream.readable().await.expect("connected");
                match stream.try_read(answer) {
                    Ok(length) => return assert!(answer[..length].starts_with(b"HTTP/1.1 200 ")),
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
                }
            }
        });
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn body() -> Bytes {
    format!(
        "{{\"AccessKeyId\":\"ASIAEXAMPLE\",\"Token\":\"{}\"}}",
        "x".repeat(1000)
    )
    .into()
}

fn with_endpoint() -> Exchange {
    let runtime = runtime();
    let deadline = clock::boot().plus(Duration::from_hours(1));
    let (_, answers) = cache::channel(
        Published::Served(Served {
            body: body(),
            deadline,
        }),
        clock::boot,
    );
    let metrics = Metrics::register(&Registry::new()).expect("a fresh registry");
    let listener = bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let clients = vec![Client {
        token: Secret::new(TOKEN.into()),
        answers,
        last_request: Arc::default(),
    }];
    let endpoint = Endpoint::new(
        clients,
        address.port(),
        clock::boot,
        metrics,
        HOLD,
        Arc::default(),
    );
    let (stop, stopped) = watch::channel(false);
    runtime.spawn(endpoint.serve(vec![listener], Limits::new(64), stopped));
    Exchange::begin(runtime, address, stop)
}

fn with_bare() -> Exchange {
    let runtime = runtime();
    let listener = runtime
        .block_on(TcpListener::bind("127.0.0.1:0"))
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(bare::accept(listener, body()));
    Exchange::begin(runtime, address, watch::Sender::new(false))
}

#[library_benchmark]
#[bench::thousand_requests(setup = with_endpoint)]
fn endpoint(mut exchange: Exchange) -> Exchange {
    (0..REQUESTS).for_each(|_| exchange.ask());
    exchange
}

#[library_benchmark]
#[bench::thousand_requests(setup = with_bare)]
fn bare_hyper(mut exchange: Exchange) -> Exchange {
    (0..REQUESTS).for_each(|_| exchange.ask());
    exchange
}

library_benchmark_group!(name = requests; benchmarks = endpoint, bare_hyper);
// The whole run is counted: with its usual entry point callgrind stopped inside the runtime, after
// 71 instructions of each request, and both benchmarks showed the same number.
main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--collect-atstart=yes"]).entry_point(EntryPoint::None)),
    library_benchmark_groups = requests
);
