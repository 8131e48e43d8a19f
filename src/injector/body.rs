//! Bodies of reviews while they arrive: memory for what has come, never for what is announced.
//!
//! Owns the memory of all bodies together; `queue` decides which of them gives its memory up while
//! others need it. It never looks into a body, and limits no time while there is room: the server's
//! limits do. The webhook reads every body here.
//!
//! No body waits for ever for another one: a part of the room is for the first of the queue alone,
//! so that it can always come to its end, and one whose bytes do not come is never the first. Peers
//! take turns in the queue, so a peer that fills it delays those of another by one of its bodies.

mod queue;

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::http::Connection;
use queue::{Arriving, LOOK_AGAIN, Queue};

/// The largest review. etcd takes 1.5 MiB of an object in protobuf
/// (<https://etcd.io/docs/v3.5/dev-guide/limit/>), whose JSON may be twice as
/// long; the rest is the review around it. What is larger could not be stored.
pub(super) const LARGEST: usize = 4 << 20;
/// Up to here a body takes nothing of the room: 256 connections hold 8 MiB of such at
/// most. Nearly all are smaller.
pub(super) const SMALL: usize = 32 << 10;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    /// The connection ended before its length was reached.
    #[error("the body ended too early")]
    Cut,
    /// Others needed the memory.
    #[error("the body came too slowly while others needed its memory: send it again")]
    Slow,
}

/// The memory of all bodies.
pub(super) struct Room {
    queue: Mutex<Queue>,
    /// Something was freed.
    changed: Notify,
}

/// A whole body. Its memory is given back when it is dropped.
pub(super) struct Whole {
    bytes: Vec<u8>,
    _place: Place,
}

impl Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Room {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::new(Queue::new()),
            changed: Notify::new(),
        })
    }

    /// Reads a body that announces `length` bytes, at most [`LARGEST`].
    ///
    /// # Errors
    /// When it does not come to its end.
    pub(super) async fn read<B>(
        self: &Arc<Self>,
        mut body: B,
        length: usize,
        connection: &Connection,
    ) -> Result<Whole, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (id, leave) = self.queue().enter(connection.peer());
        let place = Place {
            room: Arc::clone(self),
            id,
        };
        let mut bytes = Vec::new();
        loop {
            place.change(|arriving| arriving.awaits_client(Instant::now()));
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = leave.notified() => return Err(Problem::Slow),
            };
            let Some(frame) = frame else { break };
            let data = frame.map_err(|_| Problem::Cut)?.into_data();
            let data = data.unwrap_or_default();
            place.change(|arriving| arriving.received(data.len(), Instant::now()));
            let needed = bytes.len() + data.len();
            if needed > bytes.capacity() {
                // Copied, not kept: a piece of one byte keeps all of
                // hyper's buffer that it came in.
                let capacity = needed.max(length.min(2 * bytes.capacity()));
                tokio::select! {
                    () = place.grow_to(capacity, connection) => {}
                    () = leave.notified() => return Err(Problem::Slow),
                }
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        place.change(Arriving::complete);
        Ok(Whole {
            bytes,
            _place: place,
        })
    }

    /// Every change is whole before anything could panic.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one body has of the room.
struct Place {
    room: Arc<Room>,
    id: u64,
}

impl Place {
    fn change(&self, change: impl FnOnce(&mut Arriving)) {
        if let Some(arriving) = self.room.queue().bodies.get_mut(&self.id) {
            change(arriving);
        }
    }

    /// Waits until `capacity` bytes may be taken.
    async fn grow_to(&self, capacity: usize, connection: &Connection) {
        let wanted = capacity.saturating_sub(SMALL);
        loop {
            let mut changed = std::pin::pin!(self.room.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let by = self.room.queue().want(self.id, wanted);
            if by == 0 || self.room.queue().take(self.id, by, Instant::now()) {
                return;
            }
            connection.hold_up();
            tokio::select! {
                () = changed => {}
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.queue().leave(self.id);
        self.room.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
