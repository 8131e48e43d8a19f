//! An unbroken row of failures of one hop, and how long the hop waits after the newest.
//!
//! Owns the counting. The delays are `schedule`'s; what a failure means for other
//! hops is `session`'s. Pure.

use std::time::Duration;

use super::schedule::{Attempt, retry_delay};
use crate::failure::Class;
use crate::time::{Boot, Now};

/// An unbroken row of failures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Streak {
    /// When the first of them happened; a change of class does not reset it.
    pub since: Boot,
    /// When the newest of them happened.
    pub newest: Boot,
    /// The class of the newest.
    pub class: Class,
    /// Earlier failures of the streak that are retried on the newest one's schedule: the token's,
    /// or all others'.
    ///
    /// Each schedule slows down by itself: classes that alternate, as `Throttling` and a 503 do
    /// when STS is overloaded, must not start it over each time.
    pub repeats: u32,
    /// Failures of class `Token`.
    looks: u32,
    /// Failures in all.
    pub attempts: u32,
}

impl Streak {
    /// The streak with one more failure of `class`.
    #[must_use]
    pub fn grown(streak: Option<Self>, class: Class, now: Now) -> Self {
        let old = streak.unwrap_or(Self {
            since: now.boot,
            newest: now.boot,
            class,
            repeats: 0,
            looks: 0,
            attempts: 0,
        });
        let token = class == Class::Token;
        Self {
            newest: now.boot,
            class,
            repeats: if token {
                old.looks
            } else {
                old.attempts - old.looks
            },
            looks: old.looks.saturating_add(token.into()),
            attempts: old.attempts.saturating_add(1),
            ..old
        }
    }

    /// How long its hop waits after its newest failure.
    pub(super) fn delay(&self, remaining: Option<Duration>, now: Now) -> Duration {
        let failing_for = now.boot.since(self.since);
        retry_delay(
            Attempt {
                class: self.class,
                repeats: self.repeats,
                failing_for,
                remaining,
            },
            now.jitter,
        )
    }
}
