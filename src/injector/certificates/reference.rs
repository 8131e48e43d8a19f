//! Which time certificates are made and judged by: this node's, or the API server's.
//!
//! Owns what the API server last said of its time, and the choice between the two. It is the API server that judges
//! the served certificate, so a node whose clock is wrong goes by the API server's: by its own it would replace what
//! all replicas share by what nobody accepts. Used by the driver at each look.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use crate::time::Wall;

/// How far the two may differ: certificates begin five minutes before they are made.
const TOLERATED: Duration = Duration::from_mins(1);

/// What was told; nothing before the first answer.
#[derive(Debug, Default)]
pub(super) struct Reference {
    told: Option<(Wall, Instant)>,
    differs: bool,
}

impl Reference {
    /// Takes in the `Date` of an answer that has just come.
    pub(super) fn note(&mut self, date: Wall) {
        self.told = Some((date, Instant::now()));
    }

    /// The time to go by, when this node's clock says `own`.
    pub(super) fn now(&mut self, own: Wall) -> Wall {
        let Some((date, at)) = self.told else {
            return own;
        };
        let told = date.plus(at.elapsed());
        let differs = own.since(told).max(told.since(own)) > TOLERATED;
        if differs != self.differs {
            self.differs = differs;
            let (own, api_server) = (own.rfc3339(), told.rfc3339());
            if differs {
                warn!(
                    own,
                    api_server, "this node's clock is wrong; certificates go by the API server's"
                );
            } else {
                info!(own, api_server, "this node's clock is right again");
            }
        }
        if differs { told } else { own }
    }
}
