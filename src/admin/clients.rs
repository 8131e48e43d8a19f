//! The clients of the credentials endpoint, as `/status` and the metrics show them: when each last
//! asked.
//!
//! Owns what is shown of a client. The request path notes the boot clock, which it reads anyway;
//! people and Prometheus see the wall clock. It keeps nothing: a client that has not asked since
//! the agent's start has asked never. `admin` calls it, and `stsidecar status` reads a
//! [`ClientStatus`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

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

    pub(super) fn status(&self, now: Now) -> ClientStatus {
        ClientStatus {
            name: self.name.clone(),
            profile: self.profile.clone(),
            last_request: self.last_request(now),
        }
    }
}

/// A client in the document of `/status`.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientStatus {
    /// Its name.
    pub name: String,
    /// Whose credentials it gets.
    pub profile: String,
    /// When it last asked; nothing when it never has since the agent's start.
    pub last_request: Option<Wall>,
}
