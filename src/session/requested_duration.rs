//! Which `DurationSeconds` to ask for: a fixed one, or the longest that the role turns out to
//! allow.
//!
//! Owns the negotiation of `longest`. 1 h first, because every role allows it and the application
//! waits; from the first refresh on, once a day, a round of probes from 12 h down. In AWS's words a
//! refusal is certain, and the next step is asked for at once. In any other words it may mean
//! something else: the next call asks for what worked, and each later refresh tries one step. A
//! refused probe is no failure and never costs what worked.

use std::time::Duration;

use crate::assume::{DurationSetting, SessionDuration};
use crate::failure::{Class, Failure};
use crate::time::Boot;

const HOUR: Duration = Duration::from_hours(1);
const PROBE_EVERY: Duration = Duration::from_hours(24);
/// `Date` and `Expiration` are whole seconds, and servers may round the life.
const ROUNDING: Duration = Duration::from_mins(1);
/// A server may refuse with what looks like an outage; after this many in a row its next step is
/// tried.
const PROBES_UNANSWERED: u32 = 2;

/// The duration of one hop's calls.
#[derive(Clone, Debug)]
pub(super) enum RequestedDuration {
    Fixed(SessionDuration),
    Longest(Negotiation),
}

#[derive(Clone, Debug)]
pub(super) struct Negotiation {
    /// The longest that was granted; an hour until then.
    worked: SessionDuration,
    /// How long the sessions live that come of it, when this process has seen one.
    life: Option<Duration>,
    /// What the next refresh tries.
    probe: Option<SessionDuration>,
    /// When the newest round of probes began.
    began: Option<Boot>,
    /// Refused in words that may mean something else; whether `fallback` is granted decides.
    doubted: Option<SessionDuration>,
    /// What is asked after a refusal, and for as long as calls fail.
    fallback: SessionDuration,
    /// Tries of `probe` in a row that were neither granted nor refused.
    unanswered: u32,
}

impl RequestedDuration {
    pub(super) fn new(setting: DurationSetting) -> Self {
        match setting {
            DurationSetting::Fixed(duration) => Self::Fixed(duration),
            DurationSetting::Longest => Self::Longest(Negotiation::from(SessionDuration::HOUR)),
        }
    }

    /// The duration of the next call of a hop that has had `generation` replies; `failing` is what
    /// is left of its credentials when the call before failed.
    pub(super) fn next(
        &mut self,
        generation: u64,
        failing: Option<Duration>,
        now: Boot,
    ) -> SessionDuration {
        match self {
            Self::Fixed(duration) => *duration,
            // Longer than what is left, and allowed by every role: no refusal that looks like an
            // outage, and no maximum lowered meanwhile, may cost the last credentials.
            Self::Longest(_) if failing.is_some_and(|left| left < HOUR) => SessionDuration::HOUR,
            Self::Longest(talks)
                if generation == 0 || failing.is_some() || talks.doubted.is_some() =>
            {
                talks.fallback
            }
            Self::Longest(talks) => talks.at_refresh(now),
        }
    }

    /// STS granted a session that lives for `life`, to a hop that had been `failing` or not.
    pub(super) fn granted(&mut self, asked: SessionDuration, life: Duration, failing: bool) {
        if let Self::Longest(talks) = self {
            talks.granted(asked, life, failing);
        }
    }

    /// Whether `failure` is the refusal of a duration, so that a shorter one is to be asked for at
    /// once.
    pub(super) fn refused(&mut self, asked: SessionDuration, failure: &Failure, now: Boot) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Longest(talks) if failure.class == Class::DurationTooLong => {
                talks.step_down(asked, now)
            }
            Self::Longest(talks) => failure.is_refusal() && talks.fall_back(asked, now),
        }
    }

    /// The call failed, of which the duration was not the reason, as far as one can tell.
    pub(super) fn failed(&mut self, asked: SessionDuration) {
        if let Self::Longest(talks) = self {
            talks.unanswered += u32::from(asked > talks.worked);
            talks.fallback = asked.min(talks.worked);
            talks.doubted = None;
        }
    }

    /// What worked, for a snapshot.
    pub(super) fn remembered(&self) -> Option<SessionDuration> {
        match self {
            Self::Fixed(_) => None,
            Self::Longest(talks) => Some(talks.worked),
        }
    }

    /// Goes on with what worked in an earlier process; it is probed again like after a day.
    pub(super) fn remember(&mut self, duration: Option<SessionDuration>) {
        if let (Self::Longest(talks), Some(duration)) = (self, duration) {
            *talks = Negotiation::from(duration);
        }
    }
}

impl Negotiation {
    fn from(worked: SessionDuration) -> Self {
        Self {
            worked,
            life: None,
            probe: None,
            began: None,
            doubted: None,
            fallback: worked,
            unanswered: 0,
        }
    }

    fn at_refresh(&mut self, now: Boot) -> SessionDuration {
        let stale = self
            .began
            .is_none_or(|began| now.since(began) >= PROBE_EVERY);
        if stale && self.worked < SessionDuration::LONGEST {
            (self.probe, self.began, self.unanswered) =
                (Some(SessionDuration::LONGEST), Some(now), 0);
        }
        self.probe.unwrap_or(self.worked)
    }

    /// The next probe after `step`, which was tried.
    fn try_below(&mut self, step: SessionDuration) {
        self.probe = below(step).filter(|shorter| *shorter > self.worked);
        self.unanswered = 0;
    }

    fn granted(&mut self, asked: SessionDuration, life: Duration, failing: bool) {
        let doubted = self.doubted.take();
        if asked > self.worked {
            // Some servers give their default for what they find too long, instead of a refusal.
            if self.life.is_some_and(|worked| life + ROUNDING < worked) {
                self.try_below(asked);
            } else {
                (self.worked, self.life, self.probe) = (asked, Some(life), None);
            }
        } else if let (Some(refused), false) = (doubted, failing) {
            self.worked = if refused > self.worked {
                self.worked
            } else {
                asked
            };
            self.try_below(refused);
        } else if let Some(probe) = self.probe.filter(|_| self.unanswered >= PROBES_UNANSWERED) {
            self.try_below(probe);
        }
        if asked == self.worked {
            self.life = Some(life);
        }
        self.fallback = self.worked;
    }

    fn step_down(&mut self, refused: SessionDuration, now: Boot) -> bool {
        let Some(shorter) = below(refused) else {
            return false;
        };
        if refused > self.worked {
            self.try_below(refused);
        } else {
            *self = Self {
                began: Some(now),
                ..Self::from(shorter)
            };
        }
        true
    }

    /// To what worked, or from that to an hour, which every role allows; false where nothing
    /// shorter is left.
    fn fall_back(&mut self, refused: SessionDuration, now: Boot) -> bool {
        let fallback = if refused > self.worked {
            self.worked
        } else {
            SessionDuration::HOUR
        };
        if fallback >= refused {
            return false;
        }
        if refused == self.worked {
            self.began = Some(now);
        }
        (self.doubted, self.fallback) = (Some(refused), fallback);
        true
    }
}

fn below(step: SessionDuration) -> Option<SessionDuration> {
    SessionDuration::steps().find(|shorter| *shorter < step)
}
