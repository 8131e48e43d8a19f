//! Bodies of reviews while they arrive: memory for what has come, never for what is announced.
//!
//! Owns the memory of all bodies together, and which of them gives its memory up while others need it. It never looks
//! into a body, and limits no time while there is room: the server's limits do. The webhook reads every body here.
//!
//! No body waits for ever for another one: a part of the room is for the first of the queue alone, so that it can always
//! come to its end, and one whose bytes do not come is never the first. Peers take turns in the queue, so a peer that fills it
//! delays those of another by one of its bodies.

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

use crate::http::Connection;

/// The largest review. etcd takes 1.5 MiB of an object in protobuf, whose JSON may be twice as long; the rest is
/// the review around it. What is larger could not be stored.
pub(super) const LARGEST: usize = 4 << 20;
/// Up to here a body takes nothing of the room: 256 connections hold 8 MiB of such at most. Nearly all are smaller.
pub(super) const SMALL: usize = 32 << 10;
/// What all bodies may hold beyond [`SMALL`]: half of it for the first alone, which may be one of [`LARGEST`].
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
    /// How many have wanted room so far.
    queued: u64,
    bodies: BTreeMap<u64, Arriving>,
}

/// The first of the queue is the smallest. A body's round is the one after that of its peer's last body, but no round
/// that is over: start-time fair queuing (Goyal, Vin and Cheng, SIGCOMM 1996).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    round: u64,
    number: u64,
}

/// One body on its way.
struct Arriving {
    peer: IpAddr,
    /// From the first time that it wants room.
    turn: Option<Turn>,
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
    /// Since when it is known to be slow, if nothing came since.
    slow: Option<Instant>,
    leave: Arc<Notify>,
}

impl Arriving {
    fn of(peer: IpAddr) -> Self {
        let ([wants, complete, leaving], debt, leave) =
            ([false; 3], Duration::ZERO, Arc::default());
        Self {
            peer,
            turn: None,
            held: 0,
            wants,
            complete,
            leaving,
            debt,
            since: None,
            slow: None,
            leave,
        }
    }

    fn debt(&self, now: Instant) -> Duration {
        self.debt
            + self
                .since
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// It holds or needs memory, and can still lose it.
    fn is_on_its_way(&self) -> bool {
        !self.complete && !self.leaving && (self.held > 0 || self.wants)
    }

    /// It has kept others waiting at this look and at the one before. One look is not enough: in a process that was
    /// stopped, or had no CPU, what has arrived is not read yet.
    fn is_slow(&mut self, now: Instant) -> bool {
        let is_slow = self.is_on_its_way() && self.held > 0 && self.debt(now) >= PATIENCE;
        is_slow && now.saturating_duration_since(*self.slow.get_or_insert(now)) >= LOOK_AGAIN
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
        let state = State {
            free: ROOM,
            entered: 0,
            queued: 0,
            bodies: BTreeMap::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
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
        let (place, leave) = self.enter(connection.peer());
        let mut bytes = Vec::new();
        loop {
            place.awaits_client();
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = leave.notified() => return Err(Problem::Slow),
            };
            let Some(frame) = frame else { break };
            let data = frame
                .map_err(|_| Problem::Cut)?
                .into_data()
                .unwrap_or_default();
            place.received(data.len());
            let needed = bytes.len() + data.len();
            if needed > bytes.capacity() {
                // Copied, not kept: a piece of one byte keeps all of hyper's buffer that it came in.
                let capacity = needed.max(length.min(2 * bytes.capacity()));
                tokio::select! {
                    () = place.grow_to(capacity, connection) => {}
                    () = leave.notified() => return Err(Problem::Slow),
                }
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&data);
        }
        place.change(|arriving| (arriving.complete, arriving.since) = (true, None));
        Ok(Whole {
            bytes,
            _place: place,
        })
    }

    fn enter(self: &Arc<Self>, peer: IpAddr) -> (Place, Arc<Notify>) {
        let (arriving, mut state) = (Arriving::of(peer), self.state());
        let (id, leave) = (state.entered, Arc::clone(&arriving.leave));
        state.entered += 1;
        state.bodies.insert(id, arriving);
        (
            Place {
                room: Arc::clone(self),
                id,
            },
            leave,
        )
    }

    /// Every change is whole before anything could panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn first(&self) -> Option<Turn> {
        self.bodies
            .values()
            .filter(|one| one.is_on_its_way())
            .filter_map(|one| one.turn)
            .min()
    }

    /// How much `id` lacks of what it wants to hold. The first time, it gets its turn.
    fn want(&mut self, id: u64, wanted: usize) -> usize {
        let Some(&Arriving {
            peer, held, turn, ..
        }) = self.bodies.get(&id)
        else {
            return 0;
        };
        let by = wanted.saturating_sub(held);
        let turn = turn.or_else(|| (by > 0).then(|| self.next_turn(peer)));
        self.bodies
            .entry(id)
            .and_modify(|arriving| (arriving.wants, arriving.turn) = (by > 0, turn));
        by
    }

    fn next_turn(&mut self, peer: IpAddr) -> Turn {
        let own = self
            .bodies
            .values()
            .filter(|one| one.peer == peer)
            .filter_map(|one| one.turn);
        let rounds = own
            .map(|turn| turn.round + 1)
            .chain(self.first().map(|turn| turn.round));
        self.queued += 1;
        Turn {
            round: rounds.max().unwrap_or_default(),
            number: self.queued,
        }
    }

    /// Takes `by` more for `id`. Where there is not enough, who is slow is asked to leave.
    fn take(&mut self, id: u64, by: usize, now: Instant) -> bool {
        let first = self.first();
        let arriving = self
            .bodies
            .get_mut(&id)
            .expect("it is here until its place is dropped");
        let needed = by + if arriving.turn == first { 0 } else { LARGEST };
        if self.free >= needed {
            self.free -= by;
            arriving.held += by;
            arriving.wants = false;
            return true;
        }
        let leaving: usize = self
            .bodies
            .values()
            .filter(|one| one.leaving)
            .map(|one| one.held)
            .sum();
        let mut missing = needed.saturating_sub(self.free + leaving);
        let others = self
            .bodies
            .iter_mut()
            .filter(|(other, _)| **other != id)
            .map(|(_, one)| one);
        let mut slow: Vec<_> = others
            .filter_map(|one| one.is_slow(now).then_some(one))
            .collect();
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
            // No more than makes it slow, so that what it sends now counts, however long we did not read it.
            arriving.debt = arriving
                .debt(Instant::now())
                .min(PATIENCE)
                .saturating_sub(paid);
            (arriving.since, arriving.slow) = (None, None);
        });
    }

    /// Waits until `capacity` bytes may be held.
    async fn grow_to(&self, capacity: usize, connection: &Connection) {
        let wanted = capacity.saturating_sub(SMALL);
        loop {
            let mut changed = std::pin::pin!(self.room.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            let by = self.room.state().want(self.id, wanted);
            if by == 0 || self.room.state().take(self.id, by, Instant::now()) {
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
