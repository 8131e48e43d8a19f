//! The credentials endpoint on a thread of its own, and the token files of its clients.
//!
//! Owns which client gets which profile's answers, and the endpoint's limits. A port that is taken
//! is waited for: a restart of the sidecar takes its pod out of Services, so nothing here ends the
//! process while waiting could still help. `agent` starts it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use super::profile::Assembled;
use super::{Ending, Error};
use crate::config::{Client, Listen};
use crate::credentials::Secret;
use crate::endpoint::{self, HOLD};
use crate::http::{self, Activity, LastRequest, Limits, Listeners};
use crate::metrics::Registry;
use crate::{authorization, clock};

/// Descriptors that connections must leave to everything else.
const RESERVED_DESCRIPTORS: u64 = 64;
/// A connection that sends the longest head byte by byte costs 30 kB, most of it a buffer of hyper:
/// this many stay at 16 MB, well below the 32 MiB of the injected container, and no pod has so many
/// clients.
const MOST_CONNECTIONS: u64 = 512;

/// The endpoint while it runs.
pub(super) struct Endpoint {
    pub(super) requests: Arc<Activity>,
    /// When each client last asked, in the order of the clients.
    pub(super) last_requests: Vec<Arc<LastRequest>>,
    bound: watch::Receiver<bool>,
    ended: watch::Receiver<bool>,
}

impl Endpoint {
    /// Becomes true when the endpoint's port is ours, on all of its addresses that exist.
    pub(super) fn bound(&self) -> watch::Receiver<bool> {
        self.bound.clone()
    }

    /// Waits for the thread's end, however it came.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}

/// Writes the token file of every client, and gives the tokens in the same order.
///
/// A file that is there is kept, so two of them may hold the same token (copies, one Secret mounted
/// twice). The token decides who asks, so then one client would be given the other's profile.
pub(super) fn tokens(clients: &[Client]) -> Result<Vec<Secret>, Error> {
    let mut tokens: Vec<Secret> = Vec::with_capacity(clients.len());
    for client in clients {
        let token = authorization::ensure(&client.token_file, client.authorization_token.as_ref())?;
        if let Some(first) = tokens.iter().position(|other| *other == token) {
            let (first, second) = (clients[first].token_file.clone(), client.token_file.clone());
            return Err(Error::SharedToken { first, second });
        }
        tokens.push(token);
    }
    Ok(tokens)
}

/// Starts the credentials endpoint on its own thread.
pub(super) fn start(
    registry: &Registry,
    listen: Listen,
    clients: &[Client],
    tokens: Vec<Secret>,
    assembled: &[Assembled],
    descriptors: u64,
    ending: &Ending,
) -> Result<Endpoint, Error> {
    let metrics = endpoint::metrics::Metrics::register(registry)?;
    let last_requests: Vec<Arc<LastRequest>> = clients.iter().map(|_| Arc::default()).collect();
    let clients: Vec<endpoint::Client> = clients
        .iter()
        .zip(tokens)
        .zip(&last_requests)
        .map(|((client, token), last_request)| endpoint::Client {
            token,
            answers: of_profile(assembled, client).answers.clone(),
            last_request: Arc::clone(last_request),
        })
        .collect();
    let (requests, stop) = (Arc::new(Activity::default()), ending.closed.subscribe());
    let (bound_sender, bound) = watch::channel(false);
    let (ended_sender, ended) = watch::channel(false);
    let activity = Arc::clone(&requests);
    let runtime = endpoint::runtime()?;
    let serve = move || {
        // Dropped when the thread ends, by a panic too.
        let _ended = ended_sender;
        let endpoint =
            |port| endpoint::Endpoint::new(clients, port, clock::boot, metrics, HOLD, activity);
        let serving = serve(listen, bound_sender, endpoint, limits(descriptors), stop);
        if let Err(error) = runtime.block_on(serving) {
            tracing::error!(%error, "the credentials endpoint ended");
        }
    };
    std::thread::Builder::new()
        .name("endpoint".to_owned())
        .spawn(serve)?;
    Ok(Endpoint {
        requests,
        last_requests,
        bound,
        ended,
    })
}

fn of_profile<'a>(assembled: &'a [Assembled], client: &Client) -> &'a Assembled {
    let profile = assembled
        .iter()
        .find(|one| one.parts.profile.name == client.profile);
    profile.expect("the configuration lets no client name a profile that is not there")
}

fn limits(descriptors: u64) -> Limits {
    let room = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS)
        .clamp(1, MOST_CONNECTIONS);
    Limits::new(usize::try_from(room).unwrap_or(usize::MAX))
}

/// Waits until the endpoint's address is ours, then serves it. A client that asks `localhost` may
/// mean the second one, and would show its token to the process that has that: so it is waited for
/// too, and left out only where it does not exist.
async fn serve(
    listen: Listen,
    bound: watch::Sender<bool>,
    endpoint: impl FnOnce(u16) -> endpoint::Endpoint,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let first = http::take(listen.address, None).await;
    let address = first.local_addr()?;
    tracing::info!(%address, "credentials endpoint is listening");
    let second = async move {
        let listener = match listen.also {
            Some(also) => {
                http::take_unless_absent(SocketAddr::new(also.ip(), address.port())).await
            }
            None => None,
        };
        if let Some(address) = listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
        {
            tracing::info!(%address, "credentials endpoint is listening");
        }
        bound.send_replace(true);
        listener
    };
    endpoint(address.port())
        .serve(Listeners::and_later(vec![first], second), limits, stop)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assume::ProfileName;

    #[test]
    fn two_clients_with_the_same_token_are_refused_by_their_files() {
        let directory = tempfile::tempdir().expect("a directory");
        let client = |name: &str| {
            let token_file = directory.path().join(name);
            let name = ProfileName::parse(name).expect("a name");
            Client {
                profile: name.clone(),
                name,
                token_file,
                authorization_token: None,
            }
        };
        let clients = [client("app"), client("exporter")];
        let apart = tokens(&clients).expect("random ones");
        assert_ne!(apart[0], apart[1]);
        std::fs::remove_file(&clients[1].token_file).expect("removed");
        std::fs::copy(&clients[0].token_file, &clients[1].token_file).expect("copied");
        let error = tokens(&clients).expect_err("the token decides who asks");
        assert_eq!(error.exit_code(), 78);
        let message = error.to_string();
        assert!(
            message.contains("/app") && message.contains("/exporter"),
            "{message}"
        );
        assert!(!message.contains(apart[0].expose()), "{message}");
    }
}
