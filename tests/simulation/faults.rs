//! What goes wrong, when and how badly: a plan drawn from the seed, each seed with another subset.

use fastrand::Rng;

use super::clocks::{DAY, HOUR, MINUTE, SECOND};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Every call answers 503.
    Outage,
    /// Calls of one hop answer 503.
    HopOutage,
    /// Calls end in our own time-out.
    BlackHole,
    /// A part of the calls is throttled.
    Throttling,
    /// The role's trust policy has not arrived everywhere yet.
    Denied,
    /// `InvalidIdentityToken`: STS cannot fetch the issuer's keys.
    TokenRefused,
    /// Sessions issued so far no longer sign.
    SignerRevoked,
    /// No session signs, not even a new one.
    SignerRefused,
    /// STS says that a clock is off.
    ClockRefused,
    /// A 200 with an end that makes no sense.
    BadReply,
    /// Another role, or a setting that STS refuses.
    Misconfigured,
    /// Answers take up to 2.9 s.
    SlowSts,
    /// Answers without a `Date`.
    NoDate,
    /// Answers come twice, the second one late.
    LateAnswers,
    /// The role's maximum session duration is an hour for a while.
    MaximumLowered,
    /// The server's clock is off for the whole run.
    ServerSkew,
    /// The token file is not there.
    TokenMissing,
    /// The kubelet does not rotate.
    KubeletStall,
    /// The kubelet's issuer is ahead: tokens become valid later.
    TokenFromFuture,
    /// The token gets another subject.
    IdentityChange,
    /// Rotations are seen by polling alone.
    WatcherLost,
    /// The wall clock is set, to anything.
    WallStep,
    /// The node sleeps; its boot clock runs on.
    Suspend,
    /// The machine is stopped; no clock of it runs, later the wall clock is set right.
    Pause,
    /// The process dies and comes back with its state directory.
    Crash,
    /// The process dies and comes back with nothing.
    CrashEmpty,
    /// The process comes back with another configuration and the old state.
    CrashForeign,
    /// The process gets no processor for seconds.
    LateWake,
    /// Users ask for retries, more often than the admin surface allows.
    Retries,
}

use Kind::*;

pub const KINDS: usize = 29;

pub const ALL: [Kind; KINDS] = [
    Outage,
    HopOutage,
    BlackHole,
    Throttling,
    Denied,
    TokenRefused,
    SignerRevoked,
    SignerRefused,
    ClockRefused,
    BadReply,
    Misconfigured,
    SlowSts,
    NoDate,
    LateAnswers,
    MaximumLowered,
    ServerSkew,
    TokenMissing,
    KubeletStall,
    TokenFromFuture,
    IdentityChange,
    WatcherLost,
    WallStep,
    Suspend,
    Pause,
    Crash,
    CrashEmpty,
    CrashForeign,
    LateWake,
    Retries,
];

impl Kind {
    /// Whether calls may fail while it lasts.
    pub fn troubles(self) -> bool {
        !matches!(
            self,
            SlowSts
                | NoDate
                | LateAnswers
                | ServerSkew
                | KubeletStall
                | WatcherLost
                | WallStep
                | LateWake
                | Retries
        )
    }

    /// Whether the session may wait five minutes before it notices the end: refusals that only a
    /// person can repair are retried that slowly.
    pub fn is_slow(self) -> bool {
        matches!(self, Denied | Misconfigured | MaximumLowered)
    }

    fn longest(self) -> u64 {
        match self {
            Outage | HopOutage | BlackHole | TokenRefused | Throttling => 3 * HOUR,
            Suspend => 30 * HOUR,
            Pause | Denied | ClockRefused | BadReply => HOUR,
            KubeletStall | TokenFromFuture | MaximumLowered | WatcherLost | LateWake | NoDate
            | SlowSts => 2 * DAY,
            Misconfigured | SignerRefused | TokenMissing | LateAnswers | Retries => 4 * HOUR,
            WallStep => 6 * HOUR,
            ServerSkew => 100 * DAY,
            Crash | CrashEmpty | CrashForeign | IdentityChange | SignerRevoked => 10 * SECOND,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Fault {
    pub kind: Kind,
    pub from: u64,
    pub until: u64,
    /// How bad, from 0 to 1; each kind reads it in its own way.
    pub amount: f64,
}

impl Fault {
    pub fn new(kind: Kind, from: u64, lasts: u64) -> Self {
        Self {
            kind,
            from,
            until: from + lasts,
            amount: 1.0,
        }
    }
}

/// A random subset of the kinds, each at a random rate and intensity, over `until`.
pub fn swarm(random: &mut Rng, until: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    let density = random.f64() * 0.4;
    for kind in ALL {
        if random.f64() > density {
            continue;
        }
        let gap = 2.0 * HOUR as f64 * 30f64.powf(random.f64());
        let scale = random.f64();
        let mut at = if kind == ServerSkew {
            0
        } else {
            (random.f64() * gap) as u64
        };
        while at < until {
            let lasts = SECOND + (kind.longest() as f64 * scale * random.f64().powi(3)) as u64;
            faults.push(Fault {
                kind,
                from: at,
                until: at + lasts,
                amount: random.f64(),
            });
            at += lasts + MINUTE + (2.0 * random.f64() * gap) as u64;
            if kind == ServerSkew {
                break;
            }
        }
    }
    // A crash on the way of another identity through the chain, which
    // chance alone would hardly hit.
    let changes: Vec<u64> = faults
        .iter()
        .filter(|fault| fault.kind == IdentityChange)
        .map(|fault| fault.from)
        .collect();
    for from in changes {
        if random.bool() {
            faults.push(Fault::new(
                Crash,
                from + 1 + random.u64(0..2 * SECOND),
                SECOND,
            ));
        }
    }
    // Without a Date the life is counted by our wall clock, so no run may both want that and move
    // the clock.
    let moves = faults
        .iter()
        .any(|fault| matches!(fault.kind, WallStep | Pause));
    faults.retain(|fault| !(moves && fault.kind == NoDate));
    faults
}
