//! When the next call is due: refresh points and retry delays, from numbers alone.
//!
//! Owns the constants of refreshing; `tests/simulation.rs` holds them against outages, herds and
//! throttling. It holds no clock and no random source: both come in with each call.

use std::time::Duration;

use super::MIN_SERVE;
use crate::failure::Class;

/// When in its life a credential is refreshed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RefreshAt {
    /// This fraction of the lifetime after issue; 0.01 to 0.9.
    Fraction(f64),
    /// This long after issue, but never later than 90 % of the lifetime; at least 1 s.
    After(Duration),
}

/// Why a text is not a refresh point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the refresh point is 1% to 90% of the lifetime, or a duration of at least 1s")]
pub struct Error;

const LATEST: f64 = 0.9;

impl Default for RefreshAt {
    /// 20 %: an outage of 77 % of the lifetime stays invisible, at 120 calls a day for 1 h
    /// sessions.
    fn default() -> Self {
        Self::Fraction(0.2)
    }
}

impl RefreshAt {
    /// Reads `20%` or `10m`.
    ///
    /// # Errors
    /// When it is neither a percentage from 1 to 90 nor a duration of at least a second.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Some(percent) = text.strip_suffix('%') {
            let percent: f64 = percent.trim().parse().map_err(|_| Error)?;
            return if (1.0..=90.0).contains(&percent) {
                Ok(Self::Fraction(percent / 100.0))
            } else {
                Err(Error)
            };
        }
        let after = humantime::parse_duration(text).map_err(|_| Error)?;
        if after >= Duration::from_secs(1) {
            Ok(Self::After(after))
        } else {
            Err(Error)
        }
    }

    /// How long after issue the refresh of a credential that lives `lifetime` is due.
    ///
    /// The first one comes at half to all of that age, so that pods that start together do not
    /// refresh together
    /// (<https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/>); later
    /// ones at 90 to 110 % of it.
    #[must_use]
    pub fn age(self, lifetime: Duration, first: bool, jitter: f64) -> Duration {
        let at = match self {
            Self::Fraction(fraction) => lifetime.mul_f64(fraction),
            Self::After(after) => after.min(lifetime),
        };
        let spread = if first {
            0.5 + 0.5 * jitter
        } else {
            0.9 + 0.2 * jitter
        };
        // Sessions of less than three minutes are withdrawn before nine tenths of their life, less
        // a call, are over.
        let served = lifetime.saturating_sub(MIN_SERVE + CALL).max(lifetime / 4);
        at.mul_f64(spread).min(lifetime.mul_f64(LATEST)).min(served)
    }
}

/// What a retry delay depends on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempt {
    /// The class of the newest failure.
    pub class: Class,
    /// Failures of the streak before this one that wait on the same schedule.
    pub repeats: u32,
    /// How long anything has been failing.
    pub failing_for: Duration,
    /// How long it is until the last moment at which a success still comes before credentials are
    /// withdrawn; nothing when none are vended.
    pub remaining: Option<Duration>,
}

/// What a call may take, so that the last try before the end is no race with it: about the time-out
/// of an attempt.
pub const CALL: Duration = Duration::from_secs(5);

/// No retry is brought forward to less than this.
const SOONEST: Duration = Duration::from_secs(1);

/// After this long, `AccessDenied` is no longer taken for propagation (IAM is eventually
/// consistent,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_general.html#troubleshoot_general_eventual-consistency>).
pub const PROPAGATION: Duration = Duration::from_mins(10);

/// How long to wait before the next attempt; `jitter` is a uniform draw from `[0, 1)`.
///
/// Whatever the class, the last attempt comes before the end: a role that is repaired in time costs
/// no gap.
#[must_use]
pub fn retry_delay(attempt: Attempt, jitter: f64) -> Duration {
    let delay = delay_of_class(attempt, jitter);
    attempt
        .remaining
        .filter(|last| *last >= SOONEST)
        .map_or(delay, |last| delay.min(last))
}

fn delay_of_class(attempt: Attempt, jitter: f64) -> Duration {
    let settled = attempt.class == Class::Denied && attempt.failing_for >= PROPAGATION;
    let permanent = settled
        || matches!(
            attempt.class,
            Class::Config | Class::Role | Class::DurationTooLong
        );
    if attempt.class == Class::Token {
        return token_delay(attempt.repeats, jitter);
    }
    match attempt.remaining {
        Some(remaining) => {
            let left = remaining.as_secs_f64();
            let cap = if permanent {
                (left / 2.0).clamp(30.0, 300.0)
            } else {
                (left / 10.0).clamp(30.0, 120.0)
            };
            let step = if permanent {
                cap
            } else {
                doubled(0.5, attempt.repeats).min(cap)
            };
            Duration::from_secs_f64(step * (0.5 + 0.5 * jitter))
        }
        None if permanent => Duration::from_secs_f64(60.0 * (0.5 + 0.5 * jitter)),
        None => {
            Duration::from_secs_f64((jitter * doubled(1.0, attempt.repeats).min(20.0)).max(0.2))
        }
    }
}

/// Five looks a second apart, because a rotation is often under way; afterwards the watcher mostly
/// is first.
fn token_delay(repeats: u32, jitter: f64) -> Duration {
    if repeats < 5 {
        Duration::from_secs(1)
    } else {
        Duration::from_secs_f64(30.0 * (0.9 + 0.2 * jitter))
    }
}

fn doubled(first: f64, times: u32) -> f64 {
    first * 2f64.powi(times.min(30).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    #[test]
    fn refresh_points_are_percentages_or_durations() {
        assert_eq!(RefreshAt::parse("20%"), Ok(RefreshAt::default()));
        assert_eq!(
            RefreshAt::parse("90s"),
            Ok(RefreshAt::After(Duration::from_secs(90)))
        );
        for bad in ["", "0%", "91%", "nan%", "999ms", "soon", "-5%"] {
            assert_eq!(RefreshAt::parse(bad), Err(Error), "{bad}");
        }
    }

    #[test]
    fn the_first_refresh_is_spread_wide_and_later_ones_narrowly() {
        let age = |first, jitter| RefreshAt::default().age(HOUR, first, jitter).as_secs();
        assert_eq!((age(true, 0.0), age(true, 1.0)), (360, 720));
        assert_eq!((age(false, 0.0), age(false, 1.0)), (648, 792));
        assert_eq!(
            RefreshAt::After(HOUR * 9).age(HOUR, false, 0.5),
            HOUR.mul_f64(0.9)
        );
    }

    #[test]
    fn delays_stay_between_floor_and_cap_of_their_class() {
        let lease = |class, repeats, remaining| {
            let attempt = Attempt {
                class,
                repeats,
                failing_for: Duration::ZERO,
                remaining,
            };
            (
                retry_delay(attempt, 0.0).as_secs_f64(),
                retry_delay(attempt, 1.0).as_secs_f64(),
            )
        };
        let close = |got: (f64, f64), want: (f64, f64)| {
            assert!(
                (got.0 - want.0).abs() < 1e-6 && (got.1 - want.1).abs() < 1e-6,
                "{got:?} is not {want:?}"
            );
        };
        close(lease(Class::Transient, 0, Some(HOUR)), (0.25, 0.5));
        close(lease(Class::Transient, 40, Some(HOUR)), (60.0, 120.0));
        close(
            lease(Class::Transient, 40, Some(Duration::from_mins(1))),
            (15.0, 30.0),
        );
        close(lease(Class::Config, 0, Some(HOUR)), (150.0, 300.0));
        close(lease(Class::Transient, 0, None), (0.2, 1.0));
        close(lease(Class::Transient, 40, None), (0.2, 20.0));
        close(lease(Class::Config, 0, None), (30.0, 60.0));
        close(lease(Class::Token, 4, Some(HOUR)), (1.0, 1.0));
        close(lease(Class::Token, 5, None), (27.0, 33.0));
    }

    #[test]
    fn access_denied_is_propagation_for_ten_minutes() {
        let delay = |failing_for| {
            retry_delay(
                Attempt {
                    class: Class::Denied,
                    repeats: 40,
                    failing_for,
                    remaining: Some(HOUR),
                },
                1.0,
            )
        };
        assert_eq!(delay(PROPAGATION.mul_f64(0.99)), Duration::from_mins(2));
        assert_eq!(delay(PROPAGATION), Duration::from_mins(5));
    }
}
