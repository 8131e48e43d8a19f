//! STS as its callers see it: latency, failures by class, and credentials that
//! say where they come from.
//!
//! A key id is `ASIA`, the hop, and the number of the issue, so that the
//! checks know the truth of each.

use fastrand::Rng;

use stsidecar::assume::{ResponseDetails, StsResponse};
use stsidecar::credentials::{Credentials, Secret};
use stsidecar::failure::{Class, Code, Failure, FileFault, OwnCode};
use stsidecar::file_content::Form;
use stsidecar::session::Call;
use stsidecar::time::Wall;

use super::clocks::{Clocks, HOUR};
use super::faults::{Fault, KINDS, Kind};
use super::kubelet::Kubelet;

/// The longest chain: a source and four hops.
pub const EXCHANGES: usize = 5;

/// What STS knows of one session that it issued.
#[derive(Clone, Copy, Debug)]
pub struct IssuedSession {
    pub hop: usize,
    /// The session that signed for it.
    pub parent: Option<usize>,
    pub at: u64,
    /// Of the token it stems from.
    pub identity: u64,
    /// By the server's clock, in seconds.
    pub expiration: i64,
}

#[derive(Debug)]
pub struct Sts {
    pub issued: Vec<IssuedSession>,
    /// Sessions before this number sign nothing any more.
    pub revoked: usize,
    /// The role's maximum session duration in seconds, before any fault lowers it.
    pub maximum: u32,
    /// What this server makes of a session above the maximum: AWS's own
    /// refusal, or one in other words.
    pub refusal: Class,
    /// How often each kind of fault made a difference.
    pub hits: [u64; KINDS],
}

pub struct StsAnswer {
    /// In milliseconds.
    pub latency: u64,
    pub outcome: Result<StsResponse, Failure>,
}

/// The number in a key id, once its form is right.
pub fn serial(key: &str) -> usize {
    key[6..].parse().expect("a key id of this server")
}

impl Sts {
    pub fn new(maximum: u32, refusal: Class) -> Self {
        Self {
            issued: Vec::new(),
            revoked: 0,
            maximum,
            refusal,
            hits: [0; KINDS],
        }
    }

    pub fn hit(&mut self, kind: Kind) {
        self.hits[kind as usize] += 1;
    }

    /// Whether a session lives by the server's own clock.
    pub fn is_alive(&self, serial: usize, clocks: &Clocks) -> bool {
        clocks.server_seconds(clocks.t) < self.issued[serial].expiration
    }

    pub fn answer(
        &mut self,
        call: &Call,
        now: &Clocks,
        kubelet: &Kubelet,
        active: &[Fault],
        random: &mut Rng,
    ) -> StsAnswer {
        let slow = self.active(active, Kind::SlowSts, |_| true);
        let latency = if slow {
            random.u64(200..2900)
        } else {
            random.u64(15..150)
        };
        if call.hop == 0 && self.active(active, Kind::TokenMissing, |_| true) {
            let failure = Failure::local(
                OwnCode::File(Form::Token, FileFault::Missing),
                String::new(),
            );
            return StsAnswer {
                latency: random.u64(0..2),
                outcome: Err(failure),
            };
        }
        if self.active(active, Kind::BlackHole, |_| true) {
            return StsAnswer {
                latency: 3000,
                outcome: Err(failure(Class::Transient)),
            };
        }
        let outcome = match self.refusal(call, now, kubelet, active, random) {
            Some(class) => Err(failure(class)),
            None => Ok(self.issue(call, now, kubelet.identity, latency, active, random)),
        };
        StsAnswer { latency, outcome }
    }

    fn active(
        &mut self,
        active: &[Fault],
        kind: Kind,
        applies: impl FnOnce(&Fault) -> bool,
    ) -> bool {
        let hit = active
            .iter()
            .find(|fault| fault.kind == kind)
            .is_some_and(applies);
        if hit {
            self.hit(kind);
        }
        hit
    }

    fn refusal(
        &mut self,
        call: &Call,
        now: &Clocks,
        kubelet: &Kubelet,
        active: &[Fault],
        random: &mut Rng,
    ) -> Option<Class> {
        let busy = random.f64();
        let hop = call.hop;
        let parent = call
            .parent
            .as_ref()
            .map(|parent| serial(&parent.access_key_id));
        let revoked = parent.is_some_and(|parent| parent < self.revoked);
        if revoked {
            self.hit(Kind::SignerRevoked);
            return Some(Class::Source);
        }
        if let Some(class) = self.faulty(call.hop, busy, active) {
            return Some(class);
        }
        if hop == 0 && !kubelet.is_accepted(now) {
            self.hit(if kubelet.is_early(now) {
                Kind::TokenFromFuture
            } else {
                Kind::KubeletStall
            });
            return Some(Class::Token);
        }
        if parent.is_some_and(|parent| !self.is_alive(parent, now)) {
            return Some(Class::Source);
        }
        let asked = call.duration.seconds();
        let lowered = asked > 3600 && self.active(active, Kind::MaximumLowered, |_| true);
        // A session that a session signed for lasts an hour at most
        // (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
        let chained = call.hop > 0 && u64::from(asked) * 1000 > HOUR;
        (lowered || chained || asked > self.maximum).then_some(self.refusal)
    }

    /// What the active faults make of a call; `busy` is its share of an overload.
    fn faulty(&mut self, hop: usize, busy: f64, active: &[Fault]) -> Option<Class> {
        let (outage, throttled) = if busy < 0.5 {
            (Class::Transient, Class::Throttled)
        } else {
            (Class::Throttled, Class::Transient)
        };
        let misfit = active
            .iter()
            .any(|fault| fault.kind == Kind::Misconfigured && fault.amount > 0.5);
        // An overloaded STS mixes 503 and throttling, each the rarer of the
        // two in the other's fault.
        let table = [
            (Kind::Outage, Class::Transient, true),
            (Kind::HopOutage, Class::Transient, true),
            (
                Kind::Throttling,
                if busy < 0.2 { outage } else { throttled },
                true,
            ),
            (Kind::SignerRefused, Class::Source, hop > 0),
            (Kind::TokenRefused, Class::Token, hop == 0),
            (Kind::ClockRefused, Class::Clock, true),
            (Kind::Denied, Class::Denied, true),
            (
                Kind::Misconfigured,
                if misfit { Class::Role } else { Class::Config },
                true,
            ),
        ];
        for (kind, class, concerned) in table {
            if concerned && self.active(active, kind, |fault| reaches(fault, hop, busy)) {
                return Some(class);
            }
        }
        None
    }

    fn issue(
        &mut self,
        call: &Call,
        now: &Clocks,
        identity: u64,
        latency: u64,
        active: &[Fault],
        random: &mut Rng,
    ) -> StsResponse {
        let at = now.t + random.u64(0..=latency);
        let bad = self.active(active, Kind::BadReply, |_| true);
        let life = if bad {
            *[0, 9, 400_000].get(random.usize(0..3)).unwrap_or(&0)
        } else {
            i64::from(call.duration.seconds())
        };
        let expiration = now.server_seconds(at) + life;
        let parent = call
            .parent
            .as_ref()
            .map(|parent| serial(&parent.access_key_id));
        let identity = parent.map_or(identity, |parent| self.issued[parent].identity);
        let number = self.issued.len();
        self.issued.push(IssuedSession {
            hop: call.hop,
            parent,
            at,
            identity,
            expiration,
        });
        // Without a Date our wall clock has to do: the run keeps to what
        // that can be expected to do.
        let dateless = now.disagreement() < 4000 && self.active(active, Kind::NoDate, |_| true);
        let date = Wall::from_unix_seconds(now.server_seconds(random.u64(at..=now.t + latency)));
        let credentials = Credentials {
            access_key_id: format!("ASIA{:02}{number}", call.hop),
            secret_access_key: Secret::new(format!("secret{number}")),
            session_token: Secret::new(format!("session{number}")),
            expiration: Wall::from_unix_seconds(expiration),
            account: None,
        };
        StsResponse {
            credentials,
            date: (!dateless).then_some(date),
            details: ResponseDetails::default(),
        }
    }
}

/// Whether a fault makes a difference to a call of this hop.
fn reaches(fault: &Fault, hop: usize, busy: f64) -> bool {
    match fault.kind {
        Kind::HopOutage => (fault.amount * EXCHANGES as f64) as usize == hop,
        Kind::Throttling => busy <= fault.amount,
        _ => true,
    }
}

pub fn failure(class: Class) -> Failure {
    Failure {
        class,
        code: Code::Sts {
            text: class.reason().to_owned(),
            cause: None,
        },
        message: String::new(),
        request_id: None,
        sent: true,
    }
}
