//! The end of one attempt: look-up, connection, tunnel, handshake and answer share its time.
//!
//! Owns the limits and what is known when one is over. `http.rs` begins an attempt, `dial.rs` and
//! the body of the answer stay within it, and `client/evidence.rs` says which part took too long.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};

use crate::assume::AttemptTimeout;

/// What one address gets before the next is tried. A SYN that got lost is sent again after one
/// second (<https://www.rfc-editor.org/rfc/rfc6298#section-2>).
const ADDRESS: Duration = Duration::from_secs(1);

/// A part of an attempt, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sts) enum Phase {
    LookUp,
    Connect,
    /// The proxy's answer to CONNECT.
    Tunnel,
    Handshake,
    /// From the request to the last byte of the answer.
    Answer,
}

/// Which time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sts) enum Limit {
    Address,
    Attempt(AttemptTimeout),
}

impl fmt::Display for Limit {
    /// Names the setting, where there is one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => write!(formatter, "{ADDRESS:?}"),
            Self::Attempt(limit) => {
                write!(formatter, "{limit} (--sts-timeout, STSIDECAR_STS_TIMEOUT)")
            }
        }
    }
}

/// A part of an attempt that was not over in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not within {limit}")]
pub(in crate::sts) struct TimedOut {
    pub(in crate::sts) phase: Phase,
    pub(in crate::sts) limit: Limit,
}

/// The end of one attempt.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    end: Instant,
    limit: AttemptTimeout,
}

impl Deadline {
    /// Of an attempt that begins now.
    pub(super) fn begin(limit: AttemptTimeout) -> Self {
        Self {
            end: Instant::now() + limit.duration(),
            limit,
        }
    }

    /// Waits for a part, until the attempt ends.
    pub(super) async fn within<T>(
        self,
        phase: Phase,
        part: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        timeout_at(self.end, part)
            .await
            .map_err(|_| self.over(phase))
    }

    fn over(self, phase: Phase) -> TimedOut {
        TimedOut {
            phase,
            limit: Limit::Attempt(self.limit),
        }
    }
}

/// Waits for the connection to one address.
pub(super) async fn within_address<T>(connection: impl Future<Output = T>) -> Result<T, TimedOut> {
    timeout(ADDRESS, connection).await.map_err(|_| TimedOut {
        phase: Phase::Connect,
        limit: Limit::Address,
    })
}

/// The body of an answer, which must be whole at the attempt's end.
pub(super) struct Timely {
    body: Incoming,
    end: Pin<Box<Sleep>>,
    over: TimedOut,
}

impl Timely {
    pub(super) fn new(body: Incoming, deadline: Deadline) -> Self {
        Self {
            body,
            end: Box::pin(sleep_until(deadline.end)),
            over: deadline.over(Phase::Answer),
        }
    }
}

impl Body for Timely {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.end.as_mut().poll(context));
        Poll::Ready(Some(Err(self.over.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
