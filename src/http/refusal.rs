//! What hyper refuses by itself, with the body that it leaves out.
//!
//! A head that is too large or no HTTP reaches no service: hyper answers it with 431 or 400 and an
//! empty body (`on_error` of <https://github.com/hyperium/hyper/blob/master/src/proto/h1/role.rs>).
//! Owns what such an answer says and puts it behind the head that hyper wrote. It judges nothing
//! and leaves alone what it does not recognise. `connection.rs` calls it for what is written before
//! a service was asked.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::Write;

/// The most that the head of a request may have: what is read is held, so this bounds what a
/// stranger can make us hold. Tracers alone may put 8 KiB of baggage into it
/// (<https://www.w3.org/TR/baggage/#limits>).
pub(super) const HEAD_SIZE: usize = 16 * 1024;

/// Code and message of such a refusal. The 100 lines are hyper's table, which is on the stack; one
/// of another size would be allocated and wiped for each request.
#[must_use]
pub const fn explanation(status: u16) -> (&'static str, &'static str) {
    match status {
        431 => (
            "HeadTooLarge",
            "a request has at most 16 KiB and 100 header lines",
        ),
        _ => ("BadRequest", "this is not a request of HTTP/1.1"),
    }
}

/// An answer of hyper's with a body, as far as it was sent.
pub(super) struct Refusal {
    bytes: Vec<u8>,
    sent: usize,
}

impl Refusal {
    /// `head` as hyper wrote it, with the type and the text that `explain` has for its status;
    /// nothing when it is not the head of an empty answer.
    pub(super) fn complete(
        head: &[u8],
        explain: impl FnOnce(u16) -> (&'static str, Bytes),
    ) -> Option<Self> {
        let head = str::from_utf8(head).ok()?;
        let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
        let (before, after) = head.split_once("content-length: 0\r\n")?;
        let (kind, body) = explain(status);
        let length = body.len();
        let head = format!(
            "{before}content-type: {kind}\r\ncache-control: no-store\r\ncontent-length: {length}\r\n{after}"
        );
        Some(Self {
            bytes: [head.as_bytes(), &body].concat(),
            sent: 0,
        })
    }

    /// Hands the rest of it to the socket.
    pub(super) fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut (impl Write + Unpin),
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYPERS: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: today\r\n\r\n";

    fn explained(status: u16) -> (&'static str, Bytes) {
        ("text/plain", format!("why {status}").into())
    }

    /// A socket that takes a few bytes at a time, or none.
    #[derive(Default)]
    struct Slow {
        taken: Vec<u8>,
        polled: usize,
        closed: bool,
    }

    impl Write for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.polled += 1;
            if self.closed {
                return Poll::Ready(Ok(0));
            }
            if self.polled.is_multiple_of(2) {
                return Poll::Pending;
            }
            let taken = buf.len().min(7);
            self.taken.extend_from_slice(&buf[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn the_explanation_is_behind_the_head_that_hyper_wrote_however_slowly_it_leaves() {
        let mut refusal = Refusal::complete(HYPERS, explained).expect("an empty answer");
        let (mut socket, mut cx) = (
            Slow::default(),
            Context::from_waker(std::task::Waker::noop()),
        );
        while refusal.poll_send(&mut cx, &mut socket).is_pending() {}
        assert_eq!(
            String::from_utf8(socket.taken).expect("text"),
            "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-type: text/plain\r\n\
             cache-control: no-store\r\ncontent-length: 7\r\ndate: today\r\n\r\nwhy 431"
        );
        let mut refusal = Refusal::complete(HYPERS, explained).expect("an empty answer");
        let mut closed = Slow {
            closed: true,
            ..Slow::default()
        };
        let Poll::Ready(Err(error)) = refusal.poll_send(&mut cx, &mut closed) else {
            panic!("an error")
        };
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn what_is_no_empty_answer_is_left_alone() {
        for other in [
            b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            b"HTTP/2",
            b"\xff",
            b"",
        ] {
            assert!(
                Refusal::complete(other, explained).is_none(),
                "{}",
                String::from_utf8_lossy(other)
            );
        }
    }
}
