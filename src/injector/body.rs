//! Bodies of reviews while they arrive: memory for what has come, never for what is announced.
//!
//! Owns the memory of all bodies together, and which of them gives its memory up while others need it. It never looks
//! into a body, and limits no time while there is room: the server's limits do. The webhook reads every body here.
//!
//! No body waits for ever for another one: a part of the room is for the oldest alone, so that it can always come to
//! its end, and the oldest is nobody who lets it wait.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// The largest review. etcd takes 1.5 MiB of an object in protobuf, whose JSON may be twice as long; the rest is
/// the review around it. What is larger could not be stored.
pub(super) const LARGEST: usize = 4 << 20;
/// Up to here a body takes nothing of the room: 256 connections hold 8 MiB of such at most. Nearly all are smaller.
pub(super) const SMALL: usize = 32 << 10;
/// What all bodies may hold beyond [`SMALL`]: half of it for the oldest alone, which may be one of [`LARGEST`].
const ROOM: usize = 2 * LARGEST;
/// For how long a client may keep a large body waiting while others need its memory. The API server has a review
/// complete when it begins to send it, and is heard within milliseconds.
const PATIENCE: Duration = Duration::from_millis(250);
/// What each byte pays of a client's debt of waiting: a mebibyte a second. A byte now and then pays nothing.
const PAID: Duration = Duration::from_nanos(1_000_000_000 >> 20);
/// How often who waits for room looks again for a body that has become slow meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

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
    state: Mutex<State>,
    /// Something was freed.
    changed: Notify,
}

struct State {
    free: usize,
    entered: u64,
    /// In the order in which they began.
    bodies: BTreeMap<u64, Arriving>,
}

/// One body on its way.
#[derive(Default)]
struct Arriving {
    /// Of the room.
    held: usize,
    /// It needs more of it to go on.
    wants: bool,
    /// All of it is here, so an answer is on its way.
    complete: bool,
    /// It was asked to leave.
    leaving: bool,
    /// How long its client has kept it waiting, less what was paid.
    debt: Duration,
    /// Since when it waits for its client.
    since: Option<Instant>,
    leave: Arc<Notify>,
}

impl Arriving {
    fn debt(&self, now: Instant) -> Duration {
        self.debt + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// It holds or needs memory, and can still lose it.
    fn is_on_its_way(&self) -> bool {
        !self.complete && !self.leaving && (self.held > 0 || self.wants)
    }
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
        let state = State { free: ROOM, entered: 0, bodies: BTreeMap::new() };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new() })
    }

    /// Reads a body that announces `length` bytes, at most [`LARGEST`].
    ///
    /// # Errors
    /// When it does not come to its end.
    pub(super) async fn read<B>(self: &Arc<Self>, mut body: B, length: usize, _peer: IpAddr) -> Result<Whole, Problem>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (place, leave) = self.enter();
        let mut bytes = Vec::new();
        loop {
            place.awaits_client();
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = leave.notified() => return Err(Problem::Slow),
            };
            let Some(frame) = frame else { break };
            let data = frame.map_err(|_| Problem::Cut)?.into_data().unwrap_or_default();
            place.received(data.len());
            let needed = bytes.len() + data.len();
            if needed > bytes.capacity() {
                // Copied, not kept: a piece of one byte keeps all of hyper's buffer that it came in.
                let capacity = needed.max(length.min(2 * bytes.capacity()));
                tokio::select! {
                    () = place.grow_to(capacity) => {}
                    () = leave.notified() => return Err(Problem::Slow),
                }
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        place.change(|arriving| (arriving.complete, arriving.since) = (true, None));
        Ok(Whole { bytes, _place: place })
    }

    fn enter(self: &Arc<Self>) -> (Place, Arc<Notify>) {
        let (arriving, mut state) = (Arriving::default(), self.state());
        let (id, leave) = (state.entered, Arc::clone(&arriving.leave));
        state.entered += 1;
        state.bodies.insert(id, arriving);
        (Place { room: Arc::clone(self), id }, leave)
    }

    /// Every change is whole before anything could panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes `by` more for `id`. Where there is not enough, who is slow is asked to leave.
    fn take(&mut self, id: u64, by: usize, now: Instant) -> bool {
        let oldest = self.bodies.iter().find(|(_, arriving)| arriving.is_on_its_way()).map(|(id, _)| *id);
        let needed = by + if oldest == Some(id) { 0 } else { LARGEST };
        let arriving = self.bodies.get_mut(&id).expect("it is here until its place is dropped");
        if self.free >= needed {
            self.free -= by;
            arriving.held += by;
            arriving.wants = false;
            return true;
        }
        let leaving: usize = self.bodies.values().filter(|one| one.leaving).map(|one| one.held).sum();
        let mut missing = needed.saturating_sub(self.free + leaving);
        let is_slow = |one: &Arriving| one.is_on_its_way() && one.held > 0 && one.debt(now) >= PATIENCE;
        let others = self.bodies.iter_mut().filter(|(other, one)| **other != id && is_slow(one));
        let mut slow: Vec<_> = others.map(|(_, one)| one).collect();
        slow.sort_by_key(|one| std::cmp::Reverse(one.debt(now)));
        for one in slow {
            if missing == 0 {
                break;
            }
            one.leaving = true;
            one.leave.notify_one();
            missing = missing.saturating_sub(one.held);
        }
        false
    }
}

/// What one body holds of the room.
struct Place {
    room: Arc<Room>,
    id: u64,
}

impl Place {
    fn change(&self, change: impl FnOnce(&mut Arriving)) {
        if let Some(arriving) = self.room.state().bodies.get_mut(&self.id) {
            change(arriving);
        }
    }

    fn awaits_client(&self) {
        self.change(|arriving| arriving.since = Some(Instant::now()));
    }

    fn received(&self, bytes: usize) {
        let paid = PAID.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.change(|arriving| {
            arriving.debt = arriving.debt(Instant::now()).saturating_sub(paid);
            arriving.since = None;
        });
    }

    /// Waits until `capacity` bytes may be held.
    async fn grow_to(&self, capacity: usize) {
        let wanted = capacity.saturating_sub(SMALL);
        loop {
            let mut changed = std::pin::pin!(self.room.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let mut by = 0;
            self.change(|arriving| {
                by = wanted.saturating_sub(arriving.held);
                arriving.wants = by > 0;
            });
            if by == 0 || self.room.state().take(self.id, by, Instant::now()) {
                return;
            }
            tokio::select! {
                () = changed => {}
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.room.state();
        if let Some(arriving) = state.bodies.remove(&self.id) {
            state.free += arriving.held;
        }
        drop(state);
        self.room.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
