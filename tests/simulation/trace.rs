//! What happened in a run: a hash of everything and the last lines in readable form.

use std::collections::VecDeque;
use std::fmt;

const KEPT: usize = 40;

#[derive(Clone, Copy, Debug)]
struct Entry {
    t: u64,
    what: &'static str,
    numbers: [u64; 2],
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, [first, second]) = (self.t / 1000, self.numbers);
        let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
        let (seconds, rest) = (seconds % 60, self.t % 1000);
        write!(
            f,
            "day {days} {hours:02}:{minutes:02}:{seconds:02}.{rest:03}  {} {first} {second}",
            self.what
        )
    }
}

#[derive(Debug)]
pub struct Trace {
    hash: u64,
    last: VecDeque<Entry>,
}

impl Trace {
    pub fn new() -> Self {
        Self {
            hash: 0xcbf2_9ce4_8422_2325,
            last: VecDeque::with_capacity(KEPT + 1),
        }
    }

    pub fn note(&mut self, t: u64, what: &'static str, first: u64, second: u64) {
        let words = [
            t,
            what.len() as u64,
            u64::from(what.as_bytes()[0]),
            first,
            second,
        ];
        for word in words {
            self.hash = (self.hash ^ word)
                .wrapping_mul(0x0000_0100_0000_01b3)
                .rotate_left(23);
        }
        self.last.push_back(Entry {
            t,
            what,
            numbers: [first, second],
        });
        if self.last.len() > KEPT {
            self.last.pop_front();
        }
    }

    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.last
            .iter()
            .try_for_each(|entry| writeln!(f, "  {entry}"))
    }
}
