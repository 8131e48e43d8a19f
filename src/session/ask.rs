//! Which `DurationSeconds` to ask for: a fixed one, or the longest that the role turns out to allow.
//!
//! Owns the negotiation of `longest` (agent decision A8): 1 h first, because every role allows it and the
//! application waits; at the first refresh 12 h, stepping down at once when STS refuses; then what worked,
//! probed again after a day or when it is refused. A refused duration is not a failure.

use std::time::Duration;

use crate::assume::{DurationSetting, SessionDuration};
use crate::time::Boot;

const STEPS_HOURS: [u64; 5] = [12, 6, 4, 2, 1];
const PROBE_EVERY: Duration = Duration::from_hours(24);

/// The duration of one hop's calls.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Fixed(SessionDuration),
    Longest(Negotiation),
}

#[derive(Clone, Debug)]
pub(super) struct Negotiation {
    next: SessionDuration,
    worked: Option<SessionDuration>,
    probed: Option<Boot>,
}

impl Ask {
    pub(super) fn new(setting: DurationSetting) -> Self {
        match setting {
            DurationSetting::Fixed(duration) => Self::Fixed(duration),
            DurationSetting::Longest => {
                Self::Longest(Negotiation { next: SessionDuration::HOUR, worked: None, probed: None })
            }
        }
    }

    /// The duration of the next call of a hop that has had `generation` replies.
    pub(super) fn next(&mut self, generation: u64, now: Boot) -> SessionDuration {
        match self {
            Self::Fixed(duration) => *duration,
            Self::Longest(talks) => {
                let stale = talks.probed.is_none_or(|last| now.since(last) >= PROBE_EVERY);
                let at_most = talks.worked == Some(SessionDuration::LONGEST);
                if generation > 0 && stale && !at_most {
                    talks.probed = Some(now);
                    talks.next = SessionDuration::LONGEST;
                }
                talks.next
            }
        }
    }

    /// STS granted a session of this duration.
    pub(super) fn worked(&mut self, duration: SessionDuration) {
        if let Self::Longest(talks) = self
            && talks.probed.is_some()
        {
            (talks.next, talks.worked) = (duration, Some(duration));
        }
    }

    /// STS refused this duration; false when there is no shorter one to ask for.
    pub(super) fn step_down(&mut self, refused: SessionDuration, now: Boot) -> bool {
        let Self::Longest(talks) = self else { return false };
        let shorter = steps().find(|step| *step < refused);
        if let Some(shorter) = shorter {
            *talks = Negotiation { next: shorter, worked: None, probed: Some(now) };
        }
        shorter.is_some()
    }

    /// What worked, for a snapshot.
    pub(super) fn remembered(&self) -> Option<SessionDuration> {
        match self {
            Self::Fixed(_) => None,
            Self::Longest(talks) => talks.worked,
        }
    }

    /// Goes on with what worked in an earlier process; it is probed again like after a day.
    pub(super) fn remember(&mut self, duration: Option<SessionDuration>) {
        if let (Self::Longest(talks), Some(duration)) = (self, duration) {
            (talks.next, talks.worked) = (duration, Some(duration));
        }
    }
}

fn steps() -> impl Iterator<Item = SessionDuration> {
    STEPS_HOURS.into_iter().filter_map(|hours| SessionDuration::from_duration(Duration::from_hours(hours)).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Boot {
        Boot::from_duration(Duration::from_hours(hours))
    }

    fn hours(duration: SessionDuration) -> u32 {
        duration.seconds() / 3600
    }

    #[test]
    fn longest_starts_with_an_hour_then_steps_down_from_twelve() {
        let mut ask = Ask::new(DurationSetting::Longest);
        let first = ask.next(0, at(0));
        ask.worked(first);
        assert_eq!(hours(first), 1);
        let mut asked = vec![];
        loop {
            let next = ask.next(1, at(1));
            asked.push(hours(next));
            if hours(next) == 4 {
                ask.worked(next);
                break;
            }
            assert!(ask.step_down(next, at(1)));
        }
        assert_eq!(asked, [12, 6, 4]);
        assert_eq!(hours(ask.next(2, at(5))), 4, "what worked is remembered");
        assert_eq!(hours(ask.next(3, at(25))), 12, "and probed again after a day");
    }

    #[test]
    fn a_remembered_duration_that_is_refused_steps_down_further() {
        let mut ask = Ask::new(DurationSetting::Longest);
        ask.next(1, at(0));
        ask.worked(SessionDuration::LONGEST);
        assert_eq!(hours(ask.next(2, at(30))), 12, "nothing longer to probe for");
        assert!(ask.step_down(SessionDuration::LONGEST, at(30)));
        assert_eq!(hours(ask.next(2, at(30))), 6, "the next shorter one at once");
        assert!(!ask.step_down(SessionDuration::HOUR, at(30)));
    }
}
