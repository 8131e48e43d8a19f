//! The admin surface as a task of the shared runtime.
//!
//! Owns what it shows of which profile and client. A port that is taken is waited for: a restart of
//! the sidecar takes its pod out of Services. `agent` starts it.

use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::profile::Assembled;
use super::supervision::Heartbeat;
use super::{Ending, Error};
use crate::admin::{self, Admin};
use crate::clock;
use crate::config::{AdminListen, Client};
use crate::http::{self, LastRequest, Limits};
use crate::metrics::Registry;

/// Probes, a scraper and the waiting `stsidecar status` are few.
const MOST_CONNECTIONS: usize = 64;

/// What the surface shows.
pub(super) struct Inputs<'a> {
    pub(super) profiles: &'a [Assembled],
    pub(super) clients: &'a [Client],
    /// In the order of the clients.
    pub(super) last_requests: &'a [Arc<LastRequest>],
    pub(super) settings_hash: Option<String>,
    pub(super) started: watch::Receiver<bool>,
    pub(super) listening: watch::Receiver<bool>,
    pub(super) heartbeat: Heartbeat,
}

/// Starts it.
pub(super) fn start(
    tasks: &mut JoinSet<&'static str>,
    registry: &Registry,
    listen: AdminListen,
    inputs: Inputs<'_>,
    ending: &Ending,
) -> Result<(), Error> {
    let names = inputs.clients.iter().map(|client| client.name.as_str());
    let metrics = admin::metrics::Metrics::register(registry, names)?;
    let heartbeat = inputs.heartbeat;
    let admin = Admin {
        profiles: inputs.profiles.iter().map(profile).collect(),
        clients: inputs
            .clients
            .iter()
            .zip(inputs.last_requests)
            .map(client)
            .collect(),
        clock: clock::now,
        since: clock::boot(),
        settings_hash: inputs.settings_hash,
        live: Box::new(move || heartbeat.is_fresh()),
        started: inputs.started,
        listening: inputs.listening,
        draining: ending.draining.subscribe(),
        metrics,
    };
    let stop = ending.closed.subscribe();
    tasks.spawn(async move {
        let listener = bind(&listen).await;
        let limits = Limits::new(MOST_CONNECTIONS);
        if let Err(error) = admin.serve(listener, limits, stop).await {
            tracing::error!(%error, "the admin surface cannot serve");
        }
        "admin surface"
    });
    Ok(())
}

fn profile(assembled: &Assembled) -> admin::Profile {
    admin::Profile {
        name: assembled.parts.profile.name.to_string(),
        answers: assembled.answers.clone(),
        report: assembled.report.clone(),
        retries: assembled.retries.clone(),
    }
}

fn client((client, last_request): (&Client, &Arc<LastRequest>)) -> admin::Client {
    admin::Client {
        name: client.name.to_string(),
        profile: client.profile.to_string(),
        last_request: Arc::clone(last_request),
    }
}

async fn bind(listen: &AdminListen) -> TcpListener {
    let listener = http::take(listen.address, listen.fallback).await;
    if let Ok(address) = listener.local_addr() {
        tracing::info!(%address, "admin surface is listening");
    }
    listener
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    /// Another process on `[::]` must be noticed: the kubelet's probes of an IPv6 pod would reach
    /// it.
    #[tokio::test]
    async fn an_admin_address_that_is_taken_is_waited_for_and_not_left_for_another_family() {
        // Two addresses that every machine has play the two families.
        let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = holder.local_addr().expect("bound");
        let fallback = Some(SocketAddr::from(([127, 0, 0, 2], address.port())));
        let listen = AdminListen { address, fallback };
        let mut binding = Box::pin(bind(&listen));
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
        let binding = tokio::time::timeout(Duration::from_mins(1), bind(&listen));
        assert!(
            binding
                .await
                .expect("at once")
                .local_addr()
                .expect("bound")
                .is_ipv4()
        );
    }
}
