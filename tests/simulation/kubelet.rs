//! The kubelet as the agent sees it: a token that is replaced at 80 % of its life or after a day,
//! or is not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use stsidecar::session::Content;
use stsidecar::token::WebIdentityToken;

use super::clocks::{Clocks, DAY};

#[derive(Debug)]
pub struct Kubelet {
    /// Counts contents.
    pub generation: u64,
    /// The subject of the token, as a number.
    pub identity: u64,
    /// The first content with each identity.
    since: Vec<u64>,
    /// How long a token lives.
    life: u64,
    issued: u64,
    /// When STS begins to accept it: later than `issued` when the issuer's clock is ahead.
    begins: u64,
}

impl Kubelet {
    pub fn new(life: u64) -> Self {
        Self {
            generation: 1,
            identity: 0,
            since: vec![1],
            life,
            issued: 0,
            begins: 0,
        }
    }

    /// When the kubelet means to rotate
    /// (<https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/token/token_manager.go>).
    pub fn next(&self) -> u64 {
        self.issued + (self.life * 4 / 5).min(DAY)
    }

    pub fn rotate(&mut self, t: u64, ahead: u64, identity_changed: bool) {
        self.generation += 1;
        if identity_changed {
            self.identity += 1;
            self.since.push(self.generation);
        }
        self.issued = t;
        self.begins = t + ahead;
    }

    /// A content as the agent knows it: its identity is read off a token, as in production. Every
    /// other time, the same audiences are in another order.
    pub fn content(&self, generation: u64) -> Content {
        let audiences = if generation.is_multiple_of(2) {
            r#"["a","b"]"#
        } else {
            r#"["b","a"]"#
        };
        let subject = self.identity_of(generation);
        let claims = format!(
            r#"{{"iss":"https://k","sub":"{subject}","aud":{audiences},"jti":"{generation}"}}"#
        );
        let token = WebIdentityToken::parse(
            format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)).as_bytes(),
        );
        Content {
            generation,
            identity: token.expect("a token").identity(),
        }
    }

    /// The identity that a content names, as a number.
    pub fn identity_of(&self, generation: u64) -> u64 {
        self.since
            .iter()
            .rposition(|since| *since <= generation)
            .map_or(0, |at| at as u64)
    }

    pub fn is_early(&self, now: &Clocks) -> bool {
        now.t < self.begins
    }

    pub fn begins_after(&self, t: u64) -> bool {
        self.begins > t
    }

    pub fn is_accepted(&self, now: &Clocks) -> bool {
        !self.is_early(now) && now.t < self.issued + self.life
    }
}
