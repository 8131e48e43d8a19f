//! The call budget: what keeps a profile from calling STS without end, whatever fails.
//!
//! Owns how many calls may be made, in boot time. It decides nothing about which call is made.
//! Called by `session` before each call.

use std::time::Duration;

use crate::time::Boot;

/// The call budget of a profile: one call a second, five at once, in boot time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    full_at: Boot,
}

const BURST: u32 = 5;
const REFILL: Duration = Duration::from_secs(1);

impl Bucket {
    /// A full bucket.
    pub(super) fn full() -> Self {
        Self {
            full_at: Boot::default(),
        }
    }

    /// Takes one call out, if one is in.
    pub(super) fn take(&mut self, now: Boot) -> bool {
        if self.next(now) > now {
            return false;
        }
        self.full_at = self.full_at.max(now).plus(REFILL);
        true
    }

    /// Puts back a call that was never made.
    pub(super) fn put_back(&mut self) {
        self.full_at = self.full_at.minus(REFILL);
    }

    /// When a call will be in; `now` when one is.
    pub(super) fn next(&self, now: Boot) -> Boot {
        self.full_at.minus(REFILL * (BURST - 1)).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Boot {
        Boot::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn the_budget_is_five_at_once_then_one_a_second() {
        let mut bucket = Bucket::full();
        let taken = (0..10).filter(|_| bucket.take(at(100))).count();
        assert_eq!(taken, 5);
        assert_eq!(bucket.next(at(100)), at(101));
        assert!(bucket.take(at(101)) && !bucket.take(at(101)));
        bucket.put_back();
        assert!(bucket.take(at(101)));
        assert_eq!((0..10).filter(|_| bucket.take(at(1000))).count(), 5);
    }
}
