//! The published answer of a profile: already serialised, swapped atomically, read without a lock.
//!
//! Owns the rule that an error never replaces a credential and that a credential is never vended in
//! its last [`MIN_SERVE`]. It never refreshes anything: `refresher` holds the [`Publisher`], the
//! surfaces hold [`Reader`]s, on whichever runtime they live.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::watch;

use crate::response;
pub use crate::session::MIN_SERVE;
use crate::time::Boot;

/// What a request for credentials is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// Credentials, with status 200.
    Served(Served),
    /// An error.
    Refused(Refused),
}

/// Serialised credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Served {
    /// From [`response::credentials_body`].
    pub body: Bytes,
    /// When they expire: the true end on the boot clock, without any margin.
    pub deadline: Boot,
}

/// A serialised error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// 403 when asking again is useless, else 503.
    pub status: u16,
    /// From [`response::error_body`].
    pub body: Bytes,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Served")
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl Served {
    fn is_alive(&self, now: Boot) -> bool {
        self.deadline.since(now) > MIN_SERVE
    }
}

/// The newest credentials, and what to say once they have ended.
struct State {
    served: Option<Served>,
    refused: Refused,
}

impl State {
    fn at(&self, now: Boot) -> Published {
        match &self.served {
            Some(served) if served.is_alive(now) => Published::Served(served.clone()),
            _ => Published::Refused(self.refused.clone()),
        }
    }
}

/// Makes both ends, with `initial` published and `clock` as the reading of the boot clock.
#[must_use]
pub fn channel(initial: Published, clock: fn() -> Boot) -> (Publisher, Reader) {
    let state = match initial {
        Published::Served(served) => State {
            served: Some(served),
            refused: expired(),
        },
        Published::Refused(refused) => State {
            served: None,
            refused,
        },
    };
    let state = Arc::new(ArcSwap::from_pointee(state));
    let (wake, changes) = watch::channel(());
    (
        Publisher {
            state: Arc::clone(&state),
            wake,
        },
        Reader {
            state,
            changes,
            clock,
        },
    )
}

/// What credentials that ended without a later word from the session are followed by.
fn expired() -> Refused {
    let message =
        "the credentials have expired and could not be refreshed: see the log of stsidecar";
    Refused {
        status: 503,
        body: response::error_body("CredentialsExpired", message),
    }
}

/// The writing end; one for each profile.
pub struct Publisher {
    state: Arc<ArcSwap<State>>,
    wake: watch::Sender<()>,
}

impl Publisher {
    /// Makes `answer` what readers see from now on.
    ///
    /// A refusal does not take credentials away: it is kept beside them for when they have ended.
    pub fn publish(&self, answer: Published) {
        let state = match answer {
            Published::Served(served) => State {
                served: Some(served),
                refused: expired(),
            },
            Published::Refused(refused) => State {
                served: self.state.load().served.clone(),
                refused,
            },
        };
        self.state.store(Arc::new(state));
        self.wake.send_replace(());
    }

    /// Takes credentials away that must not be vended any more although they live: they belong to
    /// another identity.
    pub fn withdraw(&self) {
        let refused = self.state.load().refused.clone();
        self.state.store(Arc::new(State {
            served: None,
            refused,
        }));
        self.wake.send_replace(());
    }
}

/// The reading end; clones see the same answers.
#[derive(Clone)]
pub struct Reader {
    state: Arc<ArcSwap<State>>,
    changes: watch::Receiver<()>,
    clock: fn() -> Boot,
}

impl Reader {
    /// The answer at `now`. Takes no lock and never waits.
    #[must_use]
    pub fn at(&self, now: Boot) -> Published {
        self.state.load().at(now)
    }

    /// The answer now.
    #[must_use]
    pub fn current(&self) -> Published {
        self.at((self.clock)())
    }

    /// Whether a request would be answered with credentials now.
    #[must_use]
    pub fn is_available(&self) -> bool {
        let now = (self.clock)();
        self.state
            .load()
            .served
            .as_ref()
            .is_some_and(|served| served.is_alive(now))
    }

    /// Waits until credentials can be vended; for ever when none are published, so bound it.
    pub async fn available(&self) -> Served {
        let mut changes = self.changes.clone();
        loop {
            // Before the look, so that a change between the look and the wait ends the wait.
            changes.borrow_and_update();
            if let Published::Served(served) = self.current() {
                return served;
            }
            if changes.changed().await.is_err() {
                // The publisher is gone for good; the caller has a limit of its own.
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
