//! An incident of a profile: refreshes have been failing since the last success, and what is vended
//! will end.
//!
//! Owns which of its moments has come, and that each is announced once. Pure: times in, moments
//! out. The refresher keeps the incident and logs its moments, the admin surface hands them to the
//! kubelet's probe; each has an [`Announced`] of its own. It never knows why refreshes fail.

use std::time::Duration;

use crate::time::Boot;

/// The last moment before the end comes with this much left: time enough for an operator to look.
const SOON: Duration = Duration::from_mins(5);

/// A first failure may be the network of a pod that has just started, or pass by itself; by then
/// some tries have failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Refreshes that keep failing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incident {
    /// When the first of them failed. It names the incident.
    pub since: Boot,
    /// When what is vended is vended no longer; nothing without credentials. It moves where one
    /// step of a chain still succeeds.
    pub ends: Option<Boot>,
}

/// What is worth a line, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Half of the time is gone that was left when the incident began.
    HalfGone,
    /// Five minutes are left, or a quarter of that time where it was short.
    EndsSoon,
    /// Nothing is vended.
    Ended,
}

impl Incident {
    /// The newest moment that has come, or comes before the end of `ahead` where it warns of the
    /// end: a probe that asks every five minutes must ask for what the next five bring, however
    /// short the time is.
    #[must_use]
    pub fn reached(&self, now: Boot, ahead: Duration) -> Option<Moment> {
        let moments = self.moments(ahead).into_iter().flatten();
        moments
            .filter(|(_, at)| *at <= now)
            .map(|(moment, _)| moment)
            .max()
    }

    /// When the next moment comes.
    #[must_use]
    pub fn next(&self, now: Boot) -> Option<Boot> {
        self.moments(Duration::ZERO)
            .into_iter()
            .flatten()
            .map(|(_, at)| at)
            .filter(|at| *at > now)
            .min()
    }

    fn moments(&self, ahead: Duration) -> [Option<(Moment, Boot)>; 3] {
        let Some(end) = self.ends.filter(|end| *end > self.since) else {
            return [None, None, Some((Moment::Ended, self.since.plus(PATIENCE)))];
        };
        let left = end.since(self.since);
        let soon = end.minus(SOON.saturating_add(ahead).min(left / 4));
        // A probe that would ask next when it is over is warned now, unless the first failure may
        // still be a passing one.
        let soon = soon.min(end.minus(ahead).max(self.since.plus(PATIENCE)));
        [
            Some((Moment::HalfGone, self.since.plus(left / 2))),
            Some((Moment::EndsSoon, soon)),
            Some((Moment::Ended, end)),
        ]
    }
}

/// What has been announced of the newest incident.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Announced(Option<(Boot, Moment)>);

impl Announced {
    /// The moment that is to be announced now, if there is one: the newest that has come, never one
    /// twice, and none that a newer one has overtaken.
    pub fn announce(&mut self, incident: &Incident, now: Boot, ahead: Duration) -> Option<Moment> {
        let due = self.due(incident, now, ahead)?;
        self.0 = Some((incident.since, due));
        Some(due)
    }

    /// The same without announcing it.
    #[must_use]
    pub fn due(&self, incident: &Incident, now: Boot, ahead: Duration) -> Option<Moment> {
        incident
            .reached(now, ahead)
            .filter(|moment| Some(*moment) > self.of(incident))
    }

    /// The newest moment of this incident that was announced.
    #[must_use]
    pub fn of(&self, incident: &Incident) -> Option<Moment> {
        self.0
            .filter(|(since, _)| *since == incident.since)
            .map(|(_, moment)| moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Moment::{Ended, EndsSoon, HalfGone};

    const NONE: Duration = Duration::ZERO;
    const PERIOD: Duration = Duration::from_mins(5);

    fn at(seconds: u64) -> Boot {
        Boot::from_duration(Duration::from_secs(seconds))
    }

    fn between(since: u64, ends: u64) -> Incident {
        Incident {
            since: at(since),
            ends: Some(at(ends)),
        }
    }

    /// Everything that is announced to a probe that asks at these seconds.
    fn announced(
        incident: Incident,
        ahead: Duration,
        asked: impl IntoIterator<Item = u64>,
    ) -> Vec<(u64, Moment)> {
        let mut announced = Announced::default();
        let mut one = |second| Some((second, announced.announce(&incident, at(second), ahead)?));
        asked.into_iter().filter_map(&mut one).collect()
    }

    #[test]
    fn each_moment_comes_once_at_its_time() {
        let hour = between(720, 3590);
        assert_eq!(
            announced(hour, NONE, 720..8000),
            [(2155, HalfGone), (3290, EndsSoon), (3590, Ended)]
        );
        assert_eq!(hour.next(at(720)), Some(at(2155)));
        assert_eq!(
            (hour.next(at(2155)), hour.next(at(3590))),
            (Some(at(3290)), None)
        );
    }

    #[test]
    fn a_probe_with_a_long_period_is_warned_before_the_end() {
        for first in 720..1020 {
            let asked = announced(between(720, 3590), PERIOD, (first..8000).step_by(300));
            let moments: Vec<Moment> = asked.iter().map(|(_, moment)| *moment).collect();
            assert_eq!(moments, [HalfGone, EndsSoon, Ended], "{asked:?}");
            assert!(
                (3590 - 600..=3590 - 300).contains(&asked[1].0),
                "five to ten minutes before: {asked:?}"
            );
        }
    }

    #[test]
    fn moments_of_a_short_session_keep_their_order() {
        assert_eq!(
            announced(between(180, 890), PERIOD, 0..2000),
            [(535, HalfGone), (590, EndsSoon), (890, Ended)]
        );
        assert_eq!(
            announced(between(180, 890), NONE, 0..2000),
            [(535, HalfGone), (713, EndsSoon), (890, Ended)]
        );
        assert_eq!(
            announced(between(2, 12), PERIOD, 0..60),
            [(7, HalfGone), (10, EndsSoon), (12, Ended)]
        );
        let coincident = Incident {
            since: at(5),
            ends: Some(at(5).plus(Duration::from_nanos(1))),
        };
        assert_eq!(
            announced(coincident, NONE, 5..60),
            [(5, HalfGone), (6, Ended)]
        );
    }

    /// Sessions of 15 min and an hour, first failures early and late, chart's periods from the
    /// shortest to the longest.
    #[test]
    fn a_probe_half_a_minute_after_the_first_failure_is_warned_before_the_end() {
        for period in [1_u32, 60, 300, 900, 1800, 3600] {
            for left in [60, 300, 600, 710, 3050, 39_000] {
                let ahead = Duration::from_secs(period.into());
                for first in (PATIENCE.as_secs()..left.min(PATIENCE.as_secs() + u64::from(period)))
                    .step_by(7)
                {
                    let asked = announced(
                        between(0, left),
                        ahead,
                        (first..left).step_by(period.max(7) as usize),
                    );
                    assert!(
                        !asked.is_empty(),
                        "period {period} s, {left} s left, first asked after {first} s"
                    );
                }
            }
        }
    }

    #[test]
    fn of_moments_that_were_missed_only_the_newest_is_announced() {
        assert_eq!(
            announced(between(720, 3590), NONE, [800, 9000, 9001]),
            [(9000, Ended)]
        );
        assert_eq!(
            announced(between(720, 3590), NONE, [3400, 3401, 4000]),
            [(3400, EndsSoon), (4000, Ended)]
        );
    }

    #[test]
    fn without_credentials_there_is_one_moment_after_some_tries() {
        let starting = Incident {
            since: at(100),
            ends: None,
        };
        assert_eq!(announced(starting, PERIOD, 100..900), [(130, Ended)]);
        assert_eq!(
            announced(between(100, 40), PERIOD, 100..900),
            [(130, Ended)],
            "after a suspend"
        );
        assert_eq!(starting.next(at(100)), Some(at(130)));
    }

    #[test]
    fn an_end_that_moves_repeats_nothing_and_another_incident_begins_anew() {
        let mut announced = Announced::default();
        let mut incident = between(0, 1000);
        assert_eq!(announced.announce(&incident, at(500), NONE), Some(HalfGone));
        incident.ends = Some(at(3000));
        assert_eq!(announced.announce(&incident, at(1600), NONE), None);
        assert_eq!(
            announced.announce(&incident, at(2700), NONE),
            Some(EndsSoon)
        );
        let next = between(5000, 6000);
        assert_eq!(
            (announced.of(&next), announced.due(&next, at(5499), NONE)),
            (None, None)
        );
        assert_eq!(announced.announce(&next, at(5500), NONE), Some(HalfGone));
    }
}
