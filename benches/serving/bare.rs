//! The measure of all figures: hyper's own example of a server
//! (<https://github.com/hyperium/hyper/blob/master/examples/hello.rs>), answering the
//! bytes that the agent answers.

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Serves `body` on a port of its own, which it prints, until the process is killed.
#[allow(dead_code, reason = "the other benchmark has a runtime of its own")]
pub fn serve(body: String) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        std::io::stdout().flush()?;
        accept(listener, body.into()).await
    })
}

/// Serves `body` on every connection, until accepting fails.
pub async fn accept(listener: TcpListener, body: Bytes) -> std::io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let body = body.clone();
        let answer = service_fn(move |_: Request<Incoming>| {
            std::future::ready(Ok::<_, Infallible>(json(&body)))
        });
        tokio::spawn(async move {
            // A client that goes away is no fault of the server.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

fn json(body: &Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.clone()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
