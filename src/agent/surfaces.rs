//! Binding and running the two surfaces; a port that is taken is waited for, because it may become free.
//!
//! Owns the endpoint's thread and the admin surface's task. A restart of the sidecar takes its pod out of
//! Services, so nothing here ends the process while waiting could still help.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::profile::Assembled;
use super::supervision::Heartbeat;
use super::{Ending, Error};
use crate::admin::{self, Admin};
use crate::config::{AdminListen, Client, Listen};
use crate::credentials::Secret;
use crate::endpoint::{self, Endpoint, HOLD};
use crate::http::{self, Activity, Limits, Listeners};
use crate::metrics::Registry;
use crate::{authorization, clock};

/// Descriptors that connections must leave to everything else.
const RESERVED_DESCRIPTORS: u64 = 64;
/// A connection that sends the longest head byte by byte costs 30 kB, most of it a buffer of hyper: this many stay
/// at 16 MB, well below the 32 MiB of the injected container, and no pod has so many clients.
const MOST_CONNECTIONS: u64 = 512;
/// Probes, a scraper and `status --wait`ers are few.
const MOST_ADMIN_CONNECTIONS: usize = 64;

/// The endpoint while it runs.
pub(super) struct Running {
    pub(super) requests: Arc<Activity>,
    /// Who may ask, for the admin surface.
    pub(super) clients: Vec<admin::Client>,
    bound: watch::Receiver<bool>,
    ended: watch::Receiver<bool>,
}

impl Running {
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
/// A file that is there is kept, so two of them may hold the same token (copies, one Secret mounted twice). The
/// token decides who asks, so then one client would be given the other's profile.
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
pub(super) fn start_endpoint(
    registry: &Registry,
    listen: &Listen,
    clients: &[Client],
    tokens: Vec<Secret>,
    assembled: &[Assembled],
    descriptors: u64,
    ending: &Ending,
) -> Result<Running, Error> {
    let metrics = endpoint::metrics::Metrics::register(registry)?;
    let answers = |client: &Client| {
        let profile = assembled
            .iter()
            .find(|one| one.parts.profile.name == client.profile);
        profile
            .expect("the configuration lets no client name a profile that is not there")
            .answers
            .clone()
    };
    let shown: Vec<admin::Client> = clients.iter().map(shown).collect();
    let clients: Vec<endpoint::Client> = clients
        .iter()
        .zip(tokens)
        .zip(&shown)
        .map(|((client, token), shown)| endpoint::Client {
            token,
            answers: answers(client),
            last_request: Arc::clone(&shown.last_request),
        })
        .collect();
    let room = descriptors
        .saturating_sub(RESERVED_DESCRIPTORS)
        .clamp(1, MOST_CONNECTIONS);
    let limits = Limits::new(usize::try_from(room).unwrap_or(usize::MAX));
    let (requests, listen, stop) = (
        Arc::new(Activity::default()),
        *listen,
        ending.closed.subscribe(),
    );
    let (bound_sender, bound) = watch::channel(false);
    let (ended_sender, ended) = watch::channel(false);
    let activity = Arc::clone(&requests);
    let runtime = endpoint::runtime()?;
    let serve = move || {
        // Dropped when the thread ends, by a panic too.
        let _ended = ended_sender;
        let endpoint = |port| Endpoint::new(clients, port, clock::boot, metrics, HOLD, activity);
        if let Err(error) =
            runtime.block_on(serve_endpoint(listen, bound_sender, endpoint, limits, stop))
        {
            tracing::error!(%error, "the credentials endpoint ended");
        }
    };
    std::thread::Builder::new()
        .name("endpoint".to_owned())
        .spawn(serve)?;
    Ok(Running {
        requests,
        clients: shown,
        bound,
        ended,
    })
}

/// A client as the admin surface shows it.
fn shown(client: &Client) -> admin::Client {
    let Client { name, profile, .. } = client;
    admin::Client {
        name: name.to_string(),
        profile: profile.to_string(),
        last_request: Arc::default(),
    }
}

/// Waits until the endpoint's address is ours, then serves it. Who asks `localhost` may mean the second one, and would
/// show its token to whoever has that: so it is waited for too, and left out only where it does not exist.
async fn serve_endpoint(
    listen: Listen,
    bound: watch::Sender<bool>,
    endpoint: impl FnOnce(u16) -> Endpoint,
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

/// What the admin surface shows of the whole agent.
pub(super) struct Shown {
    pub(super) settings_hash: Option<String>,
    pub(super) clients: Vec<admin::Client>,
    pub(super) started: watch::Receiver<bool>,
    pub(super) listening: watch::Receiver<bool>,
}

/// Starts the admin surface on the shared runtime.
pub(super) fn start_admin(
    tasks: &mut JoinSet<&'static str>,
    registry: &Registry,
    listen: AdminListen,
    assembled: &[Assembled],
    Shown {
        settings_hash,
        clients,
        started,
        listening,
    }: Shown,
    heartbeat: &Heartbeat,
    ending: &Ending,
) -> Result<(), Error> {
    let heartbeat = heartbeat.clone();
    let metrics = admin::metrics::Metrics::register(
        registry,
        clients.iter().map(|client| client.name.as_str()),
    )?;
    let admin = Admin {
        profiles: assembled
            .iter()
            .map(|one| admin::Profile {
                name: one.parts.profile.name.to_string(),
                answers: one.answers.clone(),
                report: one.report.clone(),
                retries: one.retries.clone(),
            })
            .collect(),
        settings_hash,
        clients,
        clock: clock::now,
        since: clock::boot(),
        live: Box::new(move || heartbeat.is_fresh()),
        started,
        listening,
        draining: ending.draining.subscribe(),
        metrics,
    };
    let stop = ending.closed.subscribe();
    tasks.spawn(async move {
        let listener = bind_admin(&listen).await;
        if let Err(error) = admin
            .serve(listener, Limits::new(MOST_ADMIN_CONNECTIONS), stop)
            .await
        {
            tracing::error!(%error, "the admin surface cannot serve");
        }
        "admin surface"
    });
    Ok(())
}

async fn bind_admin(listen: &AdminListen) -> TcpListener {
    let listener = http::take(listen.address, listen.fallback).await;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "admin surface is listening");
    }
    listener
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::assume::ProfileName;

    /// Another process on `[::]` must be noticed: the kubelet's probes of an IPv6 pod would reach it.
    #[tokio::test]
    async fn an_admin_address_that_is_taken_is_waited_for_and_not_left_for_another_family() {
        // Two addresses that every machine has play the two families.
        let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = holder.local_addr().expect("bound");
        let fallback = Some(SocketAddr::from(([127, 0, 0, 2], address.port())));
        let listen = AdminListen { address, fallback };
        let mut binding = Box::pin(bind_admin(&listen));
        let early = tokio::time::timeout(Duration::ZERO, &mut binding).await;
        assert!(
            early.is_err(),
            "it listens on {:?}",
            early.map(|listener| listener.local_addr())
        );
        drop(holder);
        let listener = tokio::time::timeout(Duration::from_mins(1), binding)
            .await
            .expect("tried again");
        assert_eq!(listener.local_addr().expect("bound"), address);
    }

    /// No host has 192.0.2.1 (RFC 5737): what a host without IPv6 says of `[::]`.
    #[tokio::test]
    async fn an_admin_address_that_does_not_exist_gives_way_to_the_other_family() {
        let absent = SocketAddr::from(([192, 0, 2, 1], 9912));
        let listen = AdminListen {
            address: absent,
            fallback: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        };
        let binding = tokio::time::timeout(Duration::from_mins(1), bind_admin(&listen));
        assert!(
            binding
                .await
                .expect("at once")
                .local_addr()
                .expect("bound")
                .is_ipv4()
        );
    }

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
        let error = tokens(&clients).expect_err("nobody could tell them apart");
        assert_eq!(error.exit_code(), 78);
        let told = error.to_string();
        assert!(
            told.contains("/app") && told.contains("/exporter"),
            "{told}"
        );
        assert!(!told.contains(apart[0].expose()), "{told}");
    }
}
