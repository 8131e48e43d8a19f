//! Which body gets memory next, and which gives it up: the queue of all
//! bodies that are on their way.
//!
//! Owns the memory's account, the order of those that wait, and when a client counts as slow. It
//! reads nothing and waits for nothing; times are arguments. Used by `body` alone, behind its lock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::LARGEST;

/// What all bodies may hold beyond what small ones have for nothing: half of it for the first
/// alone, which may be one of [`LARGEST`].
pub(super) const ROOM: usize = 2 * LARGEST;
/// For how long a client may keep a large body waiting while others need its memory. The API server
/// has a review complete when it begins to send it, and is heard within milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_millis(250);
/// What each byte pays of a client's debt of waiting: a mebibyte a second. A byte
/// now and then pays nothing.
const PAID: Duration = Duration::from_nanos(1_000_000_000 >> 20);
/// How often a body that waits for room looks again for one that has become slow meanwhile.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The memory, and all bodies that are on their way.
pub(super) struct Queue {
    /// Of the room.
    pub(super) free: usize,
    /// How many bodies there were so far.
    entered: u64,
    /// How many of them have wanted room.
    queued: u64,
    pub(super) bodies: BTreeMap<u64, Arriving>,
}

/// The first of the queue is the smallest. A body's round is the one after that of its peer's last
/// body, but no round that is over: start-time fair queuing (Goyal, Vin and Cheng, SIGCOMM 1996,
/// <https://doi.org/10.1145/248156.248171>).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    round: u64,
    number: u64,
}

/// One body on its way.
pub(super) struct Arriving {
    peer: IpAddr,
    /// From the first time that it wants room.
    position: Option<Position>,
    /// Of the room.
    taken: usize,
    /// It needs more of it to go on.
    wants: bool,
    /// All of it is here, so an answer is on its way.
    is_complete: bool,
    /// It was asked to leave.
    is_leaving: bool,
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
        Self {
            peer,
            position: None,
            taken: 0,
            wants: false,
            is_complete: false,
            is_leaving: false,
            debt: Duration::ZERO,
            since: None,
            slow: None,
            leave: Arc::default(),
        }
    }

    /// Nothing is left to come.
    pub(super) fn complete(&mut self) {
        (self.is_complete, self.since) = (true, None);
    }

    pub(super) fn awaits_client(&mut self, now: Instant) {
        self.since = Some(now);
    }

    pub(super) fn received(&mut self, bytes: usize, now: Instant) {
        let paid = PAID.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        // No more than makes it slow, so that what it sends now counts, however
        // long we did not read it.
        self.debt = self.debt(now).min(PATIENCE).saturating_sub(paid);
        (self.since, self.slow) = (None, None);
    }

    fn debt(&self, now: Instant) -> Duration {
        let waited = self.since.map(|since| now.saturating_duration_since(since));
        self.debt + waited.unwrap_or_default()
    }

    /// It has or needs memory, and can still lose it.
    fn is_on_its_way(&self) -> bool {
        !self.is_complete && !self.is_leaving && (self.taken > 0 || self.wants)
    }

    /// It has kept others waiting at this look and at the one before. One look is not enough: in a
    /// process that was stopped, or had no CPU, what has arrived is not read yet.
    fn is_slow(&mut self, now: Instant) -> bool {
        let is_slow = self.is_on_its_way() && self.taken > 0 && self.debt(now) >= PATIENCE;
        is_slow && now.saturating_duration_since(*self.slow.get_or_insert(now)) >= LOOK_AGAIN
    }
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            free: ROOM,
            entered: 0,
            queued: 0,
            bodies: BTreeMap::new(),
        }
    }

    /// A new body: its number, and what notifies it when it has to leave.
    pub(super) fn enter(&mut self, peer: IpAddr) -> (u64, Arc<Notify>) {
        let (id, arriving) = (self.entered, Arriving::of(peer));
        let leave = Arc::clone(&arriving.leave);
        self.entered += 1;
        self.bodies.insert(id, arriving);
        (id, leave)
    }

    /// It is gone, and its memory free.
    pub(super) fn leave(&mut self, id: u64) {
        self.free += self.bodies.remove(&id).map_or(0, |gone| gone.taken);
    }

    fn first(&self) -> Option<Position> {
        let waiting = self.bodies.values().filter(|one| one.is_on_its_way());
        waiting.filter_map(|one| one.position).min()
    }

    /// How much `id` lacks of what it wants to have. The first time, it gets its position.
    pub(super) fn want(&mut self, id: u64, wanted: usize) -> usize {
        let Some(arriving) = self.bodies.get(&id) else {
            return 0;
        };
        let (by, peer) = (wanted.saturating_sub(arriving.taken), arriving.peer);
        let position = arriving.position;
        let position = position.or_else(|| (by > 0).then(|| self.next_position(peer)));
        if let Some(arriving) = self.bodies.get_mut(&id) {
            (arriving.wants, arriving.position) = (by > 0, position);
        }
        by
    }

    fn next_position(&mut self, peer: IpAddr) -> Position {
        let own = self.bodies.values().filter(|one| one.peer == peer);
        let after_own = own
            .filter_map(|one| one.position)
            .map(|last| last.round + 1);
        let present = self.first().map(|first| first.round);
        self.queued += 1;
        Position {
            round: after_own.chain(present).max().unwrap_or_default(),
            number: self.queued,
        }
    }

    /// Takes `by` more for `id`. Where there is not enough, slow bodies are asked to leave.
    pub(super) fn take(&mut self, id: u64, by: usize, now: Instant) -> bool {
        let first = self.first();
        let arriving = self.bodies.get_mut(&id);
        let arriving = arriving.expect("it is here until its place is dropped");
        let needed = by
            + if arriving.position == first {
                0
            } else {
                LARGEST
            };
        if self.free >= needed {
            self.free -= by;
            arriving.taken += by;
            arriving.wants = false;
            return true;
        }
        self.ask_to_leave(id, needed, now);
        false
    }

    /// Asks the slowest but `id` to leave, until `needed` bytes will be free.
    fn ask_to_leave(&mut self, id: u64, needed: usize, now: Instant) {
        let leaving = self.bodies.values().filter(|one| one.is_leaving);
        let coming: usize = leaving.map(|one| one.taken).sum();
        let mut missing = needed.saturating_sub(self.free + coming);
        let others = self.bodies.iter_mut().filter(|(other, _)| **other != id);
        let mut slow: Vec<_> = others
            .filter_map(|(_, one)| one.is_slow(now).then_some(one))
            .collect();
        slow.sort_by_key(|one| std::cmp::Reverse(one.debt(now)));
        for one in slow {
            if missing == 0 {
                break;
            }
            one.is_leaving = true;
            one.leave.notify_one();
            missing = missing.saturating_sub(one.taken);
        }
    }
}
