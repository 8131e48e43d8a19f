//! The socket below hyper: what passes through it moves its connection from phase to phase.
//!
//! Owns the calls that [`Connection`] learns from, and the place where hyper's own refusals get
//! their body. It holds no limit and no rule. `open.rs` puts one below each connection of hyper.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};

use super::refusal::Refusal;
use super::{Connection, Respond};

/// A socket that notes at its [`Connection`] what passes through it.
pub(super) struct Watched<S> {
    socket: S,
    connection: Arc<Connection>,
    respond: Arc<dyn Respond>,
    /// A refusal of hyper's own that is being sent with a body.
    refusal: Option<Refusal>,
}

impl<S> Watched<S> {
    pub(super) fn new(socket: S, connection: Arc<Connection>, respond: Arc<dyn Respond>) -> Self {
        Self {
            socket,
            connection,
            respond,
            refusal: None,
        }
    }
}

impl<S> Drop for Watched<S> {
    fn drop(&mut self) {
        self.connection.ended();
    }
}

impl<S: Read + Unpin> Read for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        if matches!(read, Poll::Ready(Ok(()))) {
            self.connection.received();
        }
        read
    }
}

/// Not vectored, so that hyper copies head and body into one buffer: `writev` of two small parts
/// costs the kernel more than the copy costs us. The buffer is the connection's; what is freed is
/// zeroed.
impl<S: Write + Unpin> Write for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let Self {
            socket,
            connection,
            respond,
            refusal,
        } = &mut *self;
        if connection.awaits_request() && refusal.is_none() {
            *refusal = Refusal::complete(buf, |status| respond.explain(status));
        }
        if let Some(sending) = refusal {
            ready!(sending.poll_send(cx, socket))?;
            *refusal = None;
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        if written.is_ready() {
            self.connection.wrote();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.connection.flushed();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
