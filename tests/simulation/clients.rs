//! SDKs in the application: what they cache, when they ask again, and what they call a failure.

use super::agent::{Agent, EndpointAnswer};
use super::clocks::{Clocks, MINUTE, SECOND};
use super::sts::Sts;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// A new client for each call: asks each time.
    Fresh,
    /// botocore: tries again when 15 min are left, insists when 10 min are left
    /// (`RefreshableCredentials` in
    /// <https://github.com/boto/botocore/blob/develop/botocore/credentials.py>).
    Boto,
    /// aws-config: asks again when 10 s are left
    /// (<https://github.com/smithy-lang/smithy-rs/blob/main/rust-runtime/aws-smithy-runtime/src/client/identity/cache/lazy.rs>).
    Rust,
}

#[derive(Debug)]
pub struct Client {
    pub sdk: Sdk,
    cached: Option<(usize, i64)>,
    /// True time of the newest fetch.
    fetched: u64,
}

/// What a call to AWS came to for the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AwsCall {
    Worked,
    /// The endpoint had none and the client could not go on.
    NoCredentials,
    /// AWS refuses the credentials that the client has.
    Expired {
        serial: usize,
        fetched: u64,
    },
}

impl Client {
    pub fn new(sdk: Sdk) -> Self {
        Self {
            sdk,
            cached: None,
            fetched: 0,
        }
    }

    fn left(&self, clocks: &Clocks) -> Option<i64> {
        self.cached.map(|(_, expiration)| {
            expiration
                .saturating_mul(1000)
                .saturating_sub(clocks.wall().unix_milliseconds())
        })
    }

    /// Calls AWS once, and before it the agent's endpoint where the SDK would.
    pub fn act(&mut self, clocks: &Clocks, sts: &Sts, agent: &Agent) -> AwsCall {
        let left = self.left(clocks);
        let (wants, insists) = match self.sdk {
            Sdk::Fresh => (true, true),
            Sdk::Boto => (
                left < Some((15 * MINUTE).cast_signed()),
                left < Some((10 * MINUTE).cast_signed()),
            ),
            Sdk::Rust => (
                left < Some((10 * SECOND).cast_signed()),
                left < Some((10 * SECOND).cast_signed()),
            ),
        };
        if wants || left.is_none() {
            match agent.answer(clocks.boot()) {
                EndpointAnswer::Vended(published) => {
                    let expiration = published.credentials.expiration.unix_seconds();
                    self.cached = Some((published.serial, expiration));
                    self.fetched = clocks.t;
                }
                EndpointAnswer::Down => return AwsCall::Worked,
                EndpointAnswer::Refused if insists || left.is_none() => {
                    return AwsCall::NoCredentials;
                }
                EndpointAnswer::Refused => {}
            }
        }
        let dead = self
            .cached
            .filter(|(serial, _)| !sts.is_alive(*serial, clocks));
        dead.map_or(AwsCall::Worked, |(serial, _)| AwsCall::Expired {
            serial,
            fetched: self.fetched,
        })
    }
}
