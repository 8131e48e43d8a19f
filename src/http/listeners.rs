//! The listeners of one surface: those that are there, and one that may come later.
//!
//! Owns accepting from whichever has a connection. It takes no port: `bind.rs` does, and the late
//! one with it. Surfaces hand them to [`serve`](super::serve).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream};

/// Ends with the late listener, if it comes at all.
pub(super) type Later = Pin<Box<dyn Future<Output = Option<std::net::TcpListener>> + Send>>;

/// What a surface is served on.
pub struct Listeners {
    bound: Vec<std::net::TcpListener>,
    later: Later,
}

impl From<Vec<std::net::TcpListener>> for Listeners {
    fn from(bound: Vec<std::net::TcpListener>) -> Self {
        Self {
            bound,
            later: Box::pin(std::future::pending()),
        }
    }
}

impl Listeners {
    /// `bound` from the start, and the one that `later` ends with: it is polled while the surface
    /// is served.
    #[must_use]
    pub fn and_later(
        bound: Vec<std::net::TcpListener>,
        later: impl Future<Output = Option<std::net::TcpListener>> + Send + 'static,
    ) -> Self {
        Self {
            bound,
            later: Box::pin(later),
        }
    }

    /// Both, the first on the current runtime.
    pub(super) fn register(self) -> io::Result<(Vec<TcpListener>, Later)> {
        let listeners = self
            .bound
            .into_iter()
            .map(TcpListener::from_std)
            .collect::<io::Result<_>>()?;
        Ok((listeners, self.later))
    }
}

/// The next connection of any of the listeners.
pub(super) async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        let mut polls = listeners.iter().map(|listener| listener.poll_accept(cx));
        polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}
