//! Listeners and connections: bind now, serve later, and let no connection cost another its answer.
//!
//! Owns accepting, where errors pause and never spin; `bind.rs` owns taking ports, `connection.rs`
//! the time limits of every phase, `open.rs` who goes when there are too many. It never looks into
//! a request: a [`Respond`] does. The credentials endpoint and the admin surface are both served by
//! [`serve`], the webhook by [`serve_over`] TLS.

mod activity;
mod bind;
mod connection;
mod last_request;
mod listeners;
mod open;
mod refusal;
mod sweeps;
mod ticks;
mod watched;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

pub use activity::Activity;
pub use bind::{BindError, bind, take, take_unless_absent};
pub use connection::Connection;
pub use last_request::LastRequest;
pub use listeners::Listeners;
use listeners::accept;
use open::Open;
pub use refusal::explanation;
use ticks::Ticks;

/// What is read.
pub type Request = http::Request<Incoming>;
/// What is sent: always complete in memory, so that it leaves in one write.
pub type Response = http::Response<Full<Bytes>>;

/// How long accepting stops after an error, such as no free descriptor: long enough not to spin,
/// and short enough that a client does not notice.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// From connecting, or from the first byte of a further request, to the end of its head.
    pub head: Duration,
    /// From the end of the head to the last byte of the answer handed to the kernel.
    pub answering: Duration,
    /// Between two requests; the SDK for Java keeps an idle connection for a minute
    /// (<https://github.com/aws/aws-sdk-java-v2/blob/master/http-client-spi/src/main/java/software/amazon/awssdk/http/SdkHttpConfigurationOption.java>).
    pub idle: Duration,
    /// Connections at a time.
    pub connections: usize,
}

impl Limits {
    /// The limits of every surface, with room for `connections`: clients are on this machine, so
    /// two seconds are long, and the longest that an SDK keeps an idle connection is a minute.
    #[must_use]
    pub const fn new(connections: usize) -> Self {
        let (head, answering, idle) = (
            Duration::from_secs(2),
            Duration::from_secs(2),
            Duration::from_secs(75),
        );
        Self {
            head,
            answering,
            idle,
            connections,
        }
    }
}

/// Answers requests. One value serves all connections.
pub trait Respond: Send + Sync + 'static {
    /// Answers one request. What can be answered at once should be [`ResponseFuture::now`],
    /// which allocates nothing.
    fn respond(&self, request: Request, connection: &Arc<Connection>) -> ResponseFuture;

    /// Takes note of a request that hyper refused by itself with this status, 400 or 431, because
    /// its head was not HTTP or too long.
    fn refused(&self, _status: u16) {}

    /// The type and the body of such a refusal: hyper sends none.
    fn explain(&self, status: u16) -> (&'static str, Bytes) {
        (
            "text/plain; charset=utf-8",
            format!("{}\n", explanation(status).1).into(),
        )
    }
}

/// An answer, now or later.
pub struct ResponseFuture {
    progress: Progress,
    /// Whose request has a body, of which a refusal leaves something unread.
    body_of: Option<Arc<Connection>>,
}

enum Progress {
    Now(std::future::Ready<Response>),
    Later(Pin<Box<dyn Future<Output = Response> + Send>>),
}

impl ResponseFuture {
    /// An answer that is there.
    #[must_use]
    pub fn now(response: Response) -> Self {
        Self {
            progress: Progress::Now(std::future::ready(response)),
            body_of: None,
        }
    }

    /// An answer that something must be waited for, within the limit of [`Limits::answering`].
    pub fn later(response: impl Future<Output = Response> + Send + 'static) -> Self {
        Self {
            progress: Progress::Later(Box::pin(response)),
            body_of: None,
        }
    }

    /// The same, as the answer to a request with a body or without one.
    fn answering(self, body_of: Option<Arc<Connection>>) -> Self {
        Self { body_of, ..self }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut response = match &mut self.progress {
            Progress::Now(ready) => std::task::ready!(Pin::new(ready).poll(cx)),
            Progress::Later(waiting) => std::task::ready!(waiting.as_mut().poll(cx)),
        };
        // Nothing behind a refused head is taken for a request. hyper would read over a short body,
        // whatever the request was refused for, and go on.
        if let Some(connection) = &self.body_of {
            connection.take_up();
            if !response.status().is_success() {
                response
                    .headers_mut()
                    .insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Poll::Ready(Ok(response))
    }
}

/// What is between a socket and HTTP: nothing, or TLS.
pub trait Transport: Clone + Send + 'static {
    /// What HTTP is spoken over.
    type Stream: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static;

    /// Makes it of an accepted socket, within the limit of [`Limits::head`].
    fn establish(
        &self,
        socket: TcpStream,
    ) -> impl Future<Output = std::io::Result<Self::Stream>> + Send;
}

/// The socket as it is.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Transport for Plain {
    type Stream = TokioIo<TcpStream>;

    fn establish(
        &self,
        socket: TcpStream,
    ) -> impl Future<Output = std::io::Result<Self::Stream>> + Send {
        std::future::ready(Ok(TokioIo::new(socket)))
    }
}

/// Serves `listeners` on the current runtime until `stop` is true or its sender is gone; then
/// closes every connection. Look at `activity` before it is stopped.
///
/// # Errors
/// When a listener or the sweep's timer cannot be registered with the runtime. Once serving, no
/// client can end it.
pub async fn serve(
    listeners: impl Into<Listeners>,
    respond: Arc<dyn Respond>,
    limits: Limits,
    activity: Arc<Activity>,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    serve_over(Plain, listeners, respond, limits, activity, stop).await
}

/// The same over another transport.
///
/// # Errors
/// As [`serve`].
pub async fn serve_over<T: Transport>(
    transport: T,
    listeners: impl Into<Listeners>,
    respond: Arc<dyn Respond>,
    limits: Limits,
    activity: Arc<Activity>,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let (mut listeners, mut later) = listeners.into().register()?;
    let mut open = Open::new(transport, respond, &limits, activity);
    let mut ticks = Ticks::new(open.every())?;
    let mut pause = std::pin::pin!(sleep(Duration::ZERO));
    let mut stopped = std::pin::pin!(async move {
        // The sender gone is a stop too.
        let _ = stop.wait_for(|stop| *stop).await;
    });
    let mut paused = false;
    // Accepted, and not yet served: when everybody is being answered it waits for the first to be
    // done.
    let mut next = None;
    loop {
        if let Some((stream, peer)) = next.take_if(|_| open.has_room()) {
            open.admit(stream, peer).await;
            ticks.set_running(true)?;
        }
        tokio::select! {
            biased;
            () = stopped.as_mut() => return Ok(()),
            () = open.ended() => {}
            ticked = ticks.tick() => {
                ticked?;
                open.sweep();
                ticks.set_running(!open.is_empty())?;
            }
            () = pause.as_mut(), if paused => paused = false,
            late = later.as_mut() => {
                later = Box::pin(std::future::pending());
                listeners.extend(late.map(TcpListener::from_std).transpose()?);
            }
            accepted = accept(&listeners), if !paused && next.is_none() => match accepted {
                Ok(accepted) => next = Some(accepted),
                // The peer gave up while it waited; the error took it off the queue, so it cannot
                // repeat.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    open.starved(&error);
                    paused = true;
                    pause.as_mut().reset(Instant::now() + ACCEPT_PAUSE);
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
