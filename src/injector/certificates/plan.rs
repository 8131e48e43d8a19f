//! What to do about the Secret, given what it holds, what is in memory, and the time.
//!
//! Owns when certificates are renewed, also those of others, and in which order a CA is replaced.
//! Pure: values in, one action out; `self_signed` carries it out and asks again. It never makes a
//! certificate and never talks to the API server.
//!
//! A CA is replaced in three steps, each of which every replica sees in the Secret. Announce: the
//! next CA is stored beside the signing one, and caBundle made to hold both. Promote, when both
//! have been in caBundle for
//! [`PROPAGATION`]: it signs a leaf, which all replicas serve. Afterwards the CA before stays
//! in caBundle until the last leaf of it has ended, because a replica cut off from the API
//! server still serves that one.

use std::time::Duration;

use super::inspect::Life;
use super::keyring::Keyring;
use super::pair::Pair;
use crate::injector::config::Mode;
use crate::time::Wall;

/// How long a CA must have been in caBundle before a leaf of it replaces one
/// that is trusted already.
///
/// API servers call webhooks by what their watch has shown them last, normally within a second;
/// each of several has its own, and one that reconnects its watch is behind by up to the 30 s
/// that its health checks take.
pub(super) const PROPAGATION: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_hours(24);

/// What an operator asks for by the annotation on the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// A new CA, and then a leaf of it.
    Authority,
    /// A new leaf of the same CA.
    Leaf,
}

/// Everything that the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    /// What this replica has in memory.
    pub(super) current: Option<&'a Keyring>,
    /// What the Secret holds, unless it has no data, or none with a usable CA.
    pub(super) stored: Option<&'a Keyring>,
    /// Something in the Secret was not usable.
    pub(super) faulty: bool,
    pub(super) request: Option<Rotation>,
    /// For how long this replica has seen the next CA in caBundle of every webhook;
    /// none when it is not there.
    pub(super) next_trusted: Option<Duration>,
    pub(super) now: Wall,
    /// A uniform draw from `[0, 1)`, the replica's own.
    pub(super) jitter: f64,
}

/// What can be done about the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Take over what the Secret holds.
    Adopt,
    /// Store what is in memory: the Secret lost it.
    WriteBack,
    /// Store what the Secret holds, and that the CA in memory is trusted until its leaf ends.
    Remember,
    /// Store a new CA with a new leaf; nothing usable is left.
    IssueAll,
    /// Store a new leaf of the Secret's CA.
    IssueLeaf,
    /// Store a CA that will sign next.
    Announce,
    /// Let the announced CA sign.
    Promote,
}

impl Action {
    /// Whether the action is, or begins, what was asked for: the request is
    /// then taken off the Secret.
    pub(super) fn fulfils(self, request: Rotation) -> bool {
        match self {
            Self::IssueAll | Self::Promote => true,
            Self::Announce => request == Rotation::Authority,
            Self::IssueLeaf => request == Rotation::Leaf,
            Self::Adopt | Self::WriteBack | Self::Remember => false,
        }
    }

    /// For the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::WriteBack => "write back",
            Self::Remember => "remember",
            Self::IssueAll => "new CA and certificate",
            Self::IssueLeaf => "new certificate",
            Self::Announce => "next CA announced",
            Self::Promote => "next CA signs",
        }
    }

    /// Whether new certificates are made.
    pub(super) fn renews(self) -> bool {
        matches!(
            self,
            Self::IssueAll | Self::IssueLeaf | Self::Announce | Self::Promote
        )
    }
}

/// The next action.
pub(super) fn next(situation: &Situation<'_>) -> Action {
    let now = situation.now;
    let current = situation.current.filter(|current| current.is_alive(now));
    match (situation.stored, current) {
        (Some(stored), _) if stored.authority.life().includes(now) => {
            with_authority(situation, current, stored)
        }
        (_, Some(_)) => Action::WriteBack,
        (Some(stored), None) if valid_next(stored, now).is_some() => Action::Promote,
        (_, None) => Action::IssueAll,
    }
}

/// The Secret holds a CA that is valid.
fn with_authority(
    situation: &Situation<'_>,
    current: Option<&Keyring>,
    stored: &Keyring,
) -> Action {
    let (request, now, jitter) = (situation.request, situation.now, situation.jitter);
    let authority = current.map(|current| &current.authority);
    if situation.faulty && authority == Some(&stored.authority) {
        return Action::WriteBack;
    }
    let Some(leaf) = stored
        .leaf
        .as_ref()
        .filter(|leaf| leaf.life().includes(now))
    else {
        return Action::IssueLeaf;
    };
    if authority.is_some_and(|ours| !stored.trusted(now).contains(ours.certificate())) {
        return Action::Remember;
    }
    let life = stored.authority.life();
    if valid_next(stored, now).is_some() {
        // Replicas spread over a few seconds: one promotes, the others find it done.
        let wait = PROPAGATION.mul_f64(1.0 + jitter / 10.0);
        let is_trusted = situation
            .next_trusted
            .is_some_and(|trusted| trusted >= wait);
        if is_trusted || life.not_after.since(now) < wait {
            return Action::Promote;
        }
    } else if request == Some(Rotation::Authority) || now >= authority_due(life, jitter) {
        return Action::Announce;
    }
    if request == Some(Rotation::Leaf) || now >= leaf_due(leaf.life(), jitter) {
        Action::IssueLeaf
    } else {
        Action::Adopt
    }
}

fn valid_next(stored: &Keyring, now: Wall) -> Option<&Pair> {
    stored
        .next
        .as_ref()
        .filter(|next| next.life().includes(now))
}

/// A CA is replaced with 45 days left, one that lasts less than 135 days with
/// a third of its life left.
///
/// An alert fires when a third of what is left then has passed. A `jitter` of 0 gives the latest.
pub(super) fn authority_due(life: Life, jitter: f64) -> Wall {
    due(life, (lasts(life) / 3).min(45 * DAY), jitter)
}

/// A leaf is replaced at two thirds of its life, and with a day left at the latest; one that lasts
/// less than two days cannot keep that day.
pub(super) fn leaf_due(life: Life, jitter: f64) -> Wall {
    let (lasts, third) = (lasts(life), lasts(life) / 3);
    let remaining = if lasts < 2 * DAY {
        third
    } else {
        third.max(DAY)
    };
    due(life, remaining, jitter)
}

/// When a leaf's renewal is due at the latest.
pub(super) fn latest_leaf_due(mode: Mode, life: Life) -> Wall {
    match mode {
        Mode::SelfSigned(_) => leaf_due(life, 0.0),
        Mode::CertManager { renew_before } => others_due(life, renew_before),
        Mode::External => others_due(life, None),
    }
}

/// The same of the CA that a leaf is trusted by.
pub(super) fn latest_authority_due(mode: Mode, life: Life) -> Wall {
    match mode {
        Mode::SelfSigned(_) => authority_due(life, 0.0),
        Mode::CertManager { .. } | Mode::External => others_due(life, None),
    }
}

/// When a certificate of others ought to have been renewed.
///
/// cert-manager renews `renew_before` its end, or with a third left when the issuer made it shorter
/// than that (<https://cert-manager.io/docs/usage/certificate/>). Of others nothing is known: a
/// tenth of the life, but 30 days at most, is late for all of them.
pub(in crate::injector) fn others_due(life: Life, renew_before: Option<Duration>) -> Wall {
    let lasts = lasts(life);
    let remaining = match renew_before {
        Some(before) if before < lasts => before,
        Some(_) => lasts / 3,
        None => (lasts / 10).min(30 * DAY),
    };
    due(life, remaining, 0.0)
}

fn lasts(life: Life) -> Duration {
    life.not_after.since(life.not_before)
}

/// The replica's draw spreads it over the twentieth of a life before `remaining` is left.
fn due(life: Life, remaining: Duration, jitter: f64) -> Wall {
    life.not_after
        .minus(remaining)
        .minus((lasts(life) / 20).mul_f64(jitter.clamp(0.0, 1.0)))
}
