//! What a connection is doing, and since when: its socket (`watched.rs`) records it, the server's
//! sweep reads it.
//!
//! Owns the phases, and which connection gives way to another. Their limits replace hyper's header
//! timer, which would also close idle connections after 2 s and costs each request a timer
//! (<https://docs.rs/hyper/latest/hyper/server/conn/http1/struct.Builder.html#method.header_read_timeout>);
//! hyper has no limit on writing at all. Only `http.rs` makes connections; surfaces see them with
//! each request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

#[cfg(test)]
use super::Limits;
use super::sweeps::{Sweeps, sweeps};

/// The phases of a connection, in the order of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Between two requests.
    Idle = 0,
    /// A request's head is awaited (on a new connection) or has begun to arrive.
    Head = 1,
    /// The head announced a body, whose end is awaited.
    Body = 2,
    /// All of the body is here, and waits for its turn.
    Queued = 3,
    /// The service works on a request; nothing of the answer is written.
    Answering = 4,
    /// Some of the answer is written.
    Writing = 5,
    /// The socket is closed.
    Ended = 6,
}

/// Which connections go first when another needs a place; of one rank, the one whose phase ends
/// first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Its head or body is awaited for so long that it is no client in the middle of sending one,
    /// proven or not.
    Slow,
    /// It has proven nothing, and its head or body is awaited.
    Stranger,
    /// It has proven nothing, and asks for nothing.
    IdleStranger,
    /// It has proven itself, and asks for nothing.
    Idle,
    /// It has proven itself, and its body is awaited.
    Sending,
    /// Its request waits for those before it; it goes only if its peer has more than its share of
    /// the places.
    Queued,
}

/// Sweeps after which a head or a body counts as slow: more than one, since a phase begins within a
/// sweep.
const SLOW: u32 = 2;

/// One accepted connection, as its service and the sweep see it.
pub struct Connection {
    sweeps: Arc<Sweeps>,
    peer: IpAddr,
    phase: AtomicU8,
    until: AtomicU64,
    authenticated: AtomicBool,
    held_up: AtomicBool,
}

impl Connection {
    pub(super) fn new(sweeps: Arc<Sweeps>, peer: IpAddr) -> Self {
        let [authenticated, held_up] = [false; 2].map(AtomicBool::new);
        sweeps.activity.open.fetch_add(1, Relaxed);
        let (phase, until) = (
            AtomicU8::new(Phase::Head as u8),
            AtomicU64::new(sweeps.after(sweeps.head)),
        );
        Self {
            sweeps,
            peer: peer.to_canonical(),
            phase,
            until,
            authenticated,
            held_up,
        }
    }

    /// A connection of its own, for tests of the surfaces.
    #[cfg(test)]
    pub(crate) fn from_peer(peer: IpAddr) -> Self {
        Self::new(Arc::new(Sweeps::new(&Limits::new(1), Arc::default())), peer)
    }

    /// Who connected; an IPv4 peer of a dual-stack listener as IPv4.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Remembers that this peer has proven itself: it is not the first to go when connections run
    /// out.
    pub fn authenticate(&self) {
        self.authenticated.store(true, Relaxed);
    }

    /// Allows the answer that is being made this much more time.
    pub fn extend(&self, by: Duration) {
        let until = self
            .until
            .load(Relaxed)
            .saturating_add(u64::from(sweeps(by, self.sweeps.every)) << 32);
        self.until.store(until, Relaxed);
    }

    /// The service reads no more of the body for now, so that the client cannot end it within the
    /// limit of bodies: that of the whole answer counts instead. It may still lose its place to
    /// others.
    pub fn hold_up(&self) {
        self.held_up.store(true, Relaxed);
    }

    /// Whether the body of the current request was held up.
    pub(crate) fn is_held_up(&self) -> bool {
        self.held_up.load(Relaxed)
    }

    /// All of the request's body is here. For services that wait for one: until then, and until
    /// [`Connection::take_up`], the connection may lose its place to others.
    pub fn arrived(&self) {
        if self.phase() == Phase::Body {
            self.phase.store(Phase::Queued as u8, Relaxed);
            // The limit of an answer goes on from the end of the head.
            let rest = self.sweeps.answering - self.sweeps.body;
            self.until.store(
                self.until
                    .load(Relaxed)
                    .saturating_add(u64::from(rest) << 32),
                Relaxed,
            );
        }
    }

    /// The answer to a request with a body is being made, or is there.
    pub fn take_up(&self) {
        self.arrived();
        if self.phase() == Phase::Queued {
            self.phase.store(Phase::Answering as u8, Relaxed);
        }
    }

    /// A request's head was read and goes to the service. A pipelined one may come before the
    /// answer to the one before it has left.
    pub(super) fn begin(&self, has_body: bool) {
        if self.awaits_request() {
            self.sweeps.activity.busy.fetch_add(1, Relaxed);
        }
        self.held_up.store(false, Relaxed);
        if has_body {
            self.enter(Phase::Body, self.sweeps.body);
        } else {
            self.enter(Phase::Answering, self.sweeps.answering);
        }
    }

    pub(super) fn is_overdue(&self) -> bool {
        let is_held_up = self.phase() == Phase::Body && self.is_held_up();
        let more = if is_held_up {
            self.sweeps.answering - self.sweeps.body
        } else {
            0
        };
        // One more than the limit: the phase began somewhere within the sweep it is counted from.
        self.sweeps.now() > (self.until.load(Relaxed) >> 32) + u64::from(more)
    }

    /// How soon it goes when another needs its place; the smallest goes first, `None` never goes.
    pub(super) fn precedence(&self) -> Option<(Rank, u64)> {
        let (phase, until, is_known) = (
            self.phase(),
            self.until.load(Relaxed),
            self.authenticated.load(Relaxed),
        );
        let limit = if phase == Phase::Body {
            self.sweeps.body
        } else {
            self.sweeps.head
        };
        let is_slow = || self.sweeps.now() + u64::from(limit) >= (until >> 32) + u64::from(SLOW);
        let rank = match phase {
            Phase::Head | Phase::Body if is_slow() => Rank::Slow,
            Phase::Head | Phase::Body if !is_known => Rank::Stranger,
            Phase::Idle if !is_known => Rank::IdleStranger,
            Phase::Idle => Rank::Idle,
            Phase::Body => Rank::Sending,
            Phase::Queued => Rank::Queued,
            Phase::Head | Phase::Answering | Phase::Writing | Phase::Ended => return None,
        };
        Some((rank, until))
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            3 => Phase::Queued,
            4 => Phase::Answering,
            5 => Phase::Writing,
            _ => Phase::Ended,
        }
    }

    /// No service has seen the request yet: what hyper writes now is a refusal of its own.
    pub(super) fn awaits_request(&self) -> bool {
        self.phase() < Phase::Body
    }

    fn enter(&self, phase: Phase, limit: u32) {
        self.phase.store(phase as u8, Relaxed);
        self.until.store(self.sweeps.after(limit), Relaxed);
    }

    pub(super) fn received(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head, self.sweeps.head);
        }
    }

    /// Something was written. While a body is awaited that is hyper's `100 Continue`, and no part
    /// of an answer.
    pub(super) fn wrote(&self) {
        // The limit of the whole answer goes on: a client that reads a byte a second is not
        // progress.
        if self.phase() == Phase::Answering {
            self.phase.store(Phase::Writing as u8, Relaxed);
        }
    }

    /// hyper flushes the socket only when its own buffer is empty; before the first byte of an
    /// answer that says nothing.
    pub(super) fn flushed(&self) {
        if self.phase() == Phase::Writing {
            self.sweeps.activity.busy.fetch_sub(1, Relaxed);
            self.enter(Phase::Idle, self.sweeps.idle);
        }
    }

    pub(super) fn ended(&self) {
        if (Phase::Body..=Phase::Writing).contains(&self.phase()) {
            self.sweeps.activity.busy.fetch_sub(1, Relaxed);
        }
        self.phase.store(Phase::Ended as u8, Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sweeps.activity.open.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests;
