//! The clients of the credentials endpoint, as `/status` and the metrics show them: who last asked when.
//!
//! Owns what is shown of a client. The request path notes the boot clock, which it reads anyway; people and Prometheus
//! see the wall clock. It keeps nothing: a client that has not asked since the agent's start has asked never. `admin`
//! calls it.

use std::sync::Arc;

use serde::Serialize;

use crate::http::LastRequest;
use crate::time::{Now, Wall};

/// One container that may ask.
pub struct Client {
    /// Its name, of those that the configuration gives; never what a request says.
    pub name: String,
    /// Whose credentials it gets.
    pub profile: String,
    /// Its newest request with its own token, whatever the answer was.
    pub last_request: Arc<LastRequest>,
}

impl Client {
    /// When it last asked, by the wall clock of `now`.
    pub(super) fn last_request(&self, now: Now) -> Option<Wall> {
        self.last_request.at().map(|at| now.on_the_wall(at))
    }
}

/// A client in the document of `/status`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    name: &'a str,
    profile: &'a str,
    /// Null: never, since the agent's start.
    last_request: Option<String>,
}

pub(super) fn shown<'c>(clients: &'c [Client], now: Now) -> Vec<Shown<'c>> {
    let one = |client: &'c Client| Shown {
        name: &client.name,
        profile: &client.profile,
        last_request: client.last_request(now).map(Wall::rfc3339),
    };
    clients.iter().map(one).collect()
}
