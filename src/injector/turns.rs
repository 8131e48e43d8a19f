//! Memory for reviews that are being decided, granted in turn.
//!
//! Owns the order of waiting. Each peer waits behind itself first, and what it may have in the
//! queue of all is as much as is granted at a time: one that asks for a thousand reviews delays
//! those of another by one turn. It measures nothing. The webhook asks it before each decision.
//!
//! A peer that does not read its answers waits behind them too, and delays no other.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An amount of memory, in KiB, and its queues.
pub(super) struct Turns {
    most: u32,
    all: Arc<Semaphore>,
    /// Those that have or want something of it.
    peers: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

/// A turn; it ends when it is dropped, or with its answer.
pub(super) struct Turn {
    of_all: OwnedSemaphorePermit,
    of_peer: OwnedSemaphorePermit,
}

impl Turn {
    /// Ends the turn for all others. For the peer itself it ends when its answer has left,
    /// or its connection ended.
    pub(super) fn answer(self, bytes: Vec<u8>) -> Bytes {
        drop(self.of_all);
        Bytes::from_owner(ReservedBytes {
            bytes,
            _of_peer: self.of_peer,
        })
    }
}

struct ReservedBytes {
    bytes: Vec<u8>,
    _of_peer: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for ReservedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Turns {
    /// `most` KiB at a time.
    pub(super) fn new(most: u32) -> Self {
        Self {
            most,
            all: room(most),
            peers: Mutex::default(),
        }
    }

    /// Waits for `kib`, or for all there is if that is less.
    pub(super) async fn take(&self, peer: IpAddr, kib: u32) -> Turn {
        let kib = kib.min(self.most);
        let of_peer = self
            .of(peer)
            .acquire_many_owned(kib)
            .await
            .expect("never closed");
        let of_all = Arc::clone(&self.all)
            .acquire_many_owned(kib)
            .await
            .expect("never closed");
        Turn { of_all, of_peer }
    }

    /// The queue of one peer; empty ones are forgotten.
    fn of(&self, peer: IpAddr) -> Arc<Semaphore> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = peers.get(&peer).and_then(Weak::upgrade) {
            return queue;
        }
        peers.retain(|_, queue| queue.strong_count() > 0);
        let queue = room(self.most);
        peers.insert(peer, Arc::downgrade(&queue));
        queue
    }
}

fn room(most: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(
        usize::try_from(most).expect("a machine of 32 bits or more"),
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    /// Whether it is granted without anything else happening; the time is tokio's.
    async fn granted(turns: &Turns, peer: IpAddr, kib: u32) -> Option<Turn> {
        timeout(Duration::from_millis(1), turns.take(peer, kib))
            .await
            .ok()
    }

    #[tokio::test(start_paused = true)]
    async fn one_peer_may_have_all_and_more_than_all_is_all() {
        let turns = Turns::new(100);
        let first = granted(&turns, A, 500).await.expect("free");
        assert!(granted(&turns, A, 1).await.is_none() && granted(&turns, B, 1).await.is_none());
        drop(first);
        assert!(granted(&turns, B, 100).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_for_much_delays_another_peer_by_one_turn() {
        let turns = Arc::new(Turns::new(100));
        let (grants, mut order) = tokio::sync::mpsc::unbounded_channel();
        let ask = |peer| {
            let (turns, grants) = (Arc::clone(&turns), grants.clone());
            tokio::spawn(async move {
                let _turn = turns.take(peer, 100).await;
                grants.send(peer).expect("heard");
                tokio::time::sleep(Duration::from_secs(1)).await;
            })
        };
        let mut tasks: Vec<_> = (0..50).map(|_| ask(A)).collect();
        tokio::time::sleep(Duration::from_millis(1)).await;
        tasks.push(ask(B));
        let mut before = 0;
        while order.recv().await.expect("all are granted") == A {
            before += 1;
        }
        assert_eq!(before, 1, "the turn that was being taken");
        drop(tasks);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_read_keeps_its_own_peer_waiting_and_no_other() {
        let turns = Turns::new(100);
        let answer = granted(&turns, A, 60)
            .await
            .expect("free")
            .answer(vec![1, 2, 3]);
        assert_eq!(answer, [1, 2, 3].as_slice());
        assert!(granted(&turns, A, 60).await.is_none());
        assert!(granted(&turns, B, 100).await.is_some());
        drop(answer);
        assert!(granted(&turns, A, 60).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_leaves_nothing_behind() {
        let turns = Turns::new(100);
        let turn = granted(&turns, A, 100).await.expect("free");
        for _ in 0..3 {
            assert!(
                granted(&turns, A, 100).await.is_none() && granted(&turns, B, 60).await.is_none()
            );
        }
        drop(turn);
        assert!(granted(&turns, B, 100).await.is_some());
        drop(granted(&turns, A, 100).await.expect("free"));
        let known = turns.peers.lock().expect("no panic").len();
        assert!(known <= 2, "{known}");
    }
}
