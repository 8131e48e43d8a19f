//! Which time certificates are made and judged by: this node's, or the API server's.
//!
//! Owns what the API server last said of its time in `Date`
//! (<https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1>), and the choice between the two. It is
//! the API server that judges the served certificate, so a node whose clock is wrong goes by the
//! API server's: by its own it would replace what all replicas share by what no API server accepts.
//! Used by the driver at each look.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::time::Wall;

/// How far the two may differ: certificates begin five minutes before they are made.
const TOLERATED: Duration = Duration::from_mins(1);

/// What the API server said last; nothing before its first answer.
#[derive(Debug, Default)]
pub(super) struct Reference {
    said: Option<(Wall, Instant)>,
    differs: bool,
}

impl Reference {
    /// The time to go by, when this node's clock says `own` and an answer that has
    /// just come has this `Date`.
    pub(super) fn now(&mut self, own: Wall, date: Option<Wall>) -> Wall {
        self.said = date.map(|date| (date, Instant::now())).or(self.said);
        let Some((date, at)) = self.said else {
            return own;
        };
        let said = date.plus(at.elapsed());
        let differs = own.since(said).max(said.since(own)) > TOLERATED;
        if differs != self.differs {
            self.differs = differs;
            let (own, api_server) = (own.rfc3339(), said.rfc3339());
            if differs {
                warn!(
                    own,
                    api_server, "this node's clock is wrong; certificates go by the API server's"
                );
            } else {
                info!(own, api_server, "this node's clock is right again");
            }
        }
        if differs { said } else { own }
    }
}
