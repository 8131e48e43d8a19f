//! The open connections of one set of listeners: who is let in, who goes, and hyper's settings.
//!
//! Owns the connection limit and its victims, the sweep that ends what takes too long, and the
//! joining of every connection's task. It never accepts: `http.rs` does, and hands over what it
//! accepted.

use std::collections::{HashMap, hash_map};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::Service;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, Id, JoinSet};

use super::connection::Rank;
use super::refusal::HEAD_SIZE;
use super::sweeps::Sweeps;
use super::watched::Watched;
use super::{Activity, Connection, Limits, Request, Respond, Response, ResponseFuture, Transport};

/// hyper's buffer for each direction.
const BUFFER_SIZE: usize = HEAD_SIZE;

/// The connections of one [`serve`].
pub(super) struct Open<T> {
    transport: T,
    respond: Arc<dyn Respond>,
    most: usize,
    sweeps: Arc<Sweeps>,
    http: http1::Builder,
    tasks: JoinSet<()>,
    entries: HashMap<Id, Entry>,
    /// How many of them each peer has.
    peers: HashMap<IpAddr, usize>,
    /// Accepting fails since the last connection; said once.
    starving: bool,
    /// A connection lost its place to another since there were half as many; said once.
    crowded: bool,
}

struct Entry {
    connection: Arc<Connection>,
    task: AbortHandle,
}

impl Entry {
    /// How soon it goes, the smallest first: a connection that has kept others waiting, of any
    /// peer; then those of a peer that crowds others out, even if they only wait for their turn;
    /// then by rank.
    fn order(&self, crowding: Option<IpAddr>) -> Option<(bool, bool, Rank, u64)> {
        let (rank, until) = self.connection.precedence()?;
        let is_crowding = crowding == Some(self.connection.peer());
        (rank != Rank::Queued || is_crowding).then_some((
            rank != Rank::Slow,
            !is_crowding,
            rank,
            until,
        ))
    }
}

/// One connection of `peer` less.
fn leave(peers: &mut HashMap<IpAddr, usize>, peer: IpAddr) {
    if let hash_map::Entry::Occupied(mut places) = peers.entry(peer) {
        *places.get_mut() -= 1;
        if *places.get() == 0 {
            places.remove();
        }
    }
}

impl<T: Transport> Open<T> {
    pub(super) fn new(
        transport: T,
        respond: Arc<dyn Respond>,
        limits: &Limits,
        activity: Arc<Activity>,
    ) -> Self {
        let mut http = http1::Builder::new();
        // No max_headers: it moves hyper's table of 100 to the heap
        // (<https://docs.rs/hyper/latest/hyper/server/conn/http1/struct.Builder.html#method.max_headers>).
        http.header_read_timeout(None)
            .max_header_size(HEAD_SIZE)
            .max_buf_size(BUFFER_SIZE);
        // The end of a client's side is no end of the client
        // (<https://www.rfc-editor.org/rfc/rfc9293#section-3.6>). One that has gone looks the same
        // until something is written to it, so the limit of its answer ends its connection.
        http.half_close(true);
        let sweeps = Arc::new(Sweeps::new(limits, activity));
        let (tasks, entries, peers) = (JoinSet::new(), HashMap::new(), HashMap::new());
        let (most, starving, crowded) = (limits.connections.max(1), false, false);
        Self {
            transport,
            respond,
            most,
            sweeps,
            http,
            tasks,
            entries,
            peers,
            starving,
            crowded,
        }
    }

    pub(super) async fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        self.starving = false;
        if self.entries.len() >= self.most {
            self.say_crowded();
            self.evict();
            // The descriptor is free once the task was dropped, which happens when it is its turn.
            tokio::task::yield_now().await;
        }
        // Fails only when the peer is already gone, which reading will show.
        let _ = stream.set_nodelay(true);
        let connection = Arc::new(Connection::new(Arc::clone(&self.sweeps), peer.ip()));
        let respond = Arc::clone(&self.respond);
        let requests = Requests {
            respond: Arc::clone(&respond),
            connection: Arc::clone(&connection),
        };
        let (transport, http, of_task) = (
            self.transport.clone(),
            self.http.clone(),
            Arc::clone(&connection),
        );
        let task = self.tasks.spawn(async move {
            // A peer that speaks something else has no answer to wait for.
            let Ok(stream) = transport.establish(stream).await else {
                return;
            };
            let serving = http.serve_connection(
                Watched::new(stream, of_task, Arc::clone(&respond)),
                requests,
            );
            if let Err(error) = serving.await {
                // Too large is a kind of parse error.
                if error.is_parse_too_large() {
                    respond.refused(431);
                } else if error.is_parse() {
                    respond.refused(400);
                }
            }
        });
        *self.peers.entry(connection.peer()).or_default() += 1;
        self.entries.insert(task.id(), Entry { connection, task });
    }

    /// How often [`Open::sweep`] is to be called while there are connections.
    pub(super) fn every(&self) -> Duration {
        self.sweeps.every
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Waits for the end of a connection, and gives its place free; for ever while there is none.
    pub(super) async fn ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            None => return std::future::pending().await,
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                if error.is_panic() {
                    tracing::error!("a connection ended by a panic");
                }
                error.id()
            }
        };
        self.remove(id);
    }

    fn remove(&mut self, id: Id) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        leave(&mut self.peers, entry.connection.peer());
        Some(entry)
    }

    fn say_crowded(&mut self) {
        if !std::mem::replace(&mut self.crowded, true) {
            let connections = self.entries.len();
            tracing::warn!(
                connections,
                "all places are taken: those that send nothing, and then idle ones, give way"
            );
        }
    }

    /// Ends what has been in one phase for too long.
    pub(super) fn sweep(&mut self) {
        self.sweeps.advance();
        self.crowded &= self.entries.len() > self.most / 2;
        self.entries.retain(|_, entry| {
            let keep = !entry.connection.is_overdue();
            if !keep {
                entry.task.abort();
                leave(&mut self.peers, entry.connection.peer());
            }
            keep
        });
    }

    /// Whether a newcomer could be served, if need be in place of another.
    pub(super) fn has_room(&self) -> bool {
        let crowding = self.crowding();
        self.entries.len() < self.most
            || self
                .entries
                .values()
                .any(|entry| entry.order(crowding).is_some())
    }

    /// The peer that has more than half of the places, so that no peer has them all. A peer alone
    /// crowds out no other.
    fn crowding(&self) -> Option<IpAddr> {
        let mut peers = self.peers.iter().filter(|_| self.peers.len() > 1);
        peers
            .find(|(_, places)| **places > self.most / 2)
            .map(|(peer, _)| *peer)
    }

    fn evict(&mut self) {
        let crowding = self.crowding();
        let candidates = self
            .entries
            .iter()
            .filter_map(|(id, entry)| Some((entry.order(crowding)?, *id)));
        let victim = candidates.min_by_key(|(order, _)| *order).map(|(_, id)| id);
        if let Some(entry) = victim.and_then(|id| self.remove(id)) {
            entry.task.abort();
        }
    }

    /// Accepting failed: without descriptors a connection has to go for the next one to be served.
    pub(super) fn starved(&mut self, error: &std::io::Error) {
        if !self.starving {
            self.starving = true;
            tracing::warn!(%error, connections = self.entries.len(), "cannot accept connections, trying again");
        }
        self.evict();
    }
}

/// What hyper calls for each request of one connection.
struct Requests {
    /// A virtual call for each request, so that hyper's server is compiled once for both surfaces.
    respond: Arc<dyn Respond>,
    connection: Arc<Connection>,
}

impl Service<Request> for Requests {
    type Response = Response;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request) -> ResponseFuture {
        let has_body = !request.body().is_end_stream();
        self.connection.begin(has_body);
        let body_of = has_body.then(|| Arc::clone(&self.connection));
        self.respond
            .respond(request, &self.connection)
            .answering(body_of)
    }
}
