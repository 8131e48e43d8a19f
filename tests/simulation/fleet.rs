//! Many agents against one STS with a quota: what a fleet does to it in an outage, after it, and
//! when it starts at once.
//!
//! Each agent is a session of one hour-long hop; nothing but calls, answers and wakes happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use stsidecar::assume::{ResponseDetails, StsResponse};
use stsidecar::credentials::{Credentials, Secret};
use stsidecar::failure::Class;
use stsidecar::session::schedule::RefreshAt;
use stsidecar::session::{Action, CallId, Content, Event, Session};
use stsidecar::time::Wall;

use super::agent::digest;
use super::clocks::{Clocks, EPOCH, HOUR, MINUTE};
use super::scenario::fixed;
use super::sts::failure;

/// What the fleet did.
#[derive(Debug)]
struct FleetRecord {
    /// When the last agent held credentials for the first time, in milliseconds.
    all_ready: u64,
    /// Calls in each second.
    calls: Vec<u32>,
    /// How many answers were withdrawn.
    withdrawals: u32,
}

/// The fleet's STS: a quota, and times when it is down.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Calls a second that are answered; the rest is throttled.
    quota: u32,
    /// Every call fails from the first to the second moment, in milliseconds.
    outage: (u64, u64),
}

struct Agent {
    session: Session,
    call: Option<CallId>,
    is_ready: bool,
}

/// `agents` start in the same second and run until `until`.
fn run(agents: usize, limits: Limits, until: u64, seed: u64) -> FleetRecord {
    let mut random = Rng::with_seed(seed);
    let mut record = FleetRecord {
        all_ready: 0,
        calls: vec![0; (until / 1000) as usize + 1],
        withdrawals: 0,
    };
    let mut fleet: Vec<Agent> = Vec::with_capacity(agents);
    let mut queue = BinaryHeap::new();
    for at in 0..agents {
        let session = Session::new(
            &[fixed(60)],
            RefreshAt::default(),
            digest(false),
            Content::default(),
        );
        fleet.push(Agent {
            session,
            call: None,
            is_ready: false,
        });
        queue.push(Reverse((random.u64(0..1000), at)));
    }
    while let Some(Reverse((t, at))) = queue.pop() {
        if t > until {
            break;
        }
        let event = fleet[at].event(t, limits, &mut record);
        let next = fleet[at].step(t, event, &mut random, &mut record);
        queue.push(Reverse((next, at)));
    }
    assert!(
        fleet.iter().all(|agent| agent.is_ready),
        "agents that never held credentials"
    );
    record
}

impl Agent {
    /// What happens at `t`: the answer to the call that was made, or that time has passed.
    fn event(&mut self, t: u64, limits: Limits, record: &mut FleetRecord) -> Event {
        let Some(call) = self.call.take() else {
            return Event::Tick;
        };
        let calls = &mut record.calls[(t / 1000) as usize];
        *calls += 1;
        let is_down = (limits.outage.0..limits.outage.1).contains(&t);
        let outcome = if is_down {
            Err(failure(Class::Transient))
        } else if *calls > limits.quota {
            Err(failure(Class::Throttled))
        } else {
            Ok(reply(t))
        };
        Event::Answered {
            call,
            sent: Content::default(),
            outcome,
        }
    }

    /// Steps the session, and returns when the next event is.
    fn step(&mut self, t: u64, event: Event, random: &mut Rng, record: &mut FleetRecord) -> u64 {
        let clocks = Clocks {
            t,
            paused: 0,
            wall_error: 0,
            skew: 0,
        };
        let mut next = None;
        for action in self.session.step(event, clocks.now(random.f64())) {
            match action {
                Action::Call(call) => {
                    self.call = Some(call.id);
                    next = Some(t + random.u64(15..150));
                }
                Action::Serve { .. } if !self.is_ready => {
                    (self.is_ready, record.all_ready) = (true, t);
                }
                Action::Refuse { .. } if self.is_ready => record.withdrawals += 1,
                Action::WakeAt(Some(wake)) if self.call.is_none() => {
                    next = Some(clocks.true_time(wake));
                }
                _ => {}
            }
        }
        next.expect("a session without a call asks to be woken")
    }
}

fn reply(t: u64) -> StsResponse {
    let now = (EPOCH + t.cast_signed()).div_euclid(1000);
    let credentials = Credentials {
        access_key_id: "ASIA".to_owned(),
        secret_access_key: Secret::new(String::new()),
        session_token: Secret::new(String::new()),
        expiration: Wall::from_unix_seconds(now + (HOUR / 1000).cast_signed()),
        account: None,
    };
    StsResponse {
        credentials,
        date: Some(Wall::from_unix_seconds(now)),
        details: ResponseDetails::default(),
    }
}

#[test]
fn a_warm_fleet_stays_below_the_quota_through_an_outage_and_after_it() {
    let limits = Limits {
        quota: 600,
        outage: (2 * HOUR, 2 * HOUR + 45 * MINUTE),
    };
    let record = run(10_000, limits, 3 * HOUR, 7);
    let during = &record.calls[7200..9900];
    let (most, mean) = (
        during.iter().max().unwrap(),
        during.iter().sum::<u32>() as usize / during.len(),
    );
    let after = record.calls[9900..].iter().max().unwrap();
    println!(
        "an outage, 10,000 agents: at most {most} calls a second in the outage, {mean} on average, \
         at most {after} after it"
    );
    assert!(*most <= 300 && mean <= 150 && *after <= 300 && record.withdrawals == 0);
}

#[test]
fn ten_thousand_pods_that_start_in_one_second_are_ready_soon_and_spread_afterwards() {
    let record = run(
        10_000,
        Limits {
            quota: 600,
            outage: (0, 0),
        },
        40 * MINUTE,
        8,
    );
    let most = record.calls[60..].iter().max().unwrap();
    println!(
        "a start in one second, 10,000 agents: all ready after {} ms, \
         at most {most} calls a second after the first minute",
        record.all_ready
    );
    assert!(record.all_ready <= 45_000 && *most <= 60 && record.withdrawals == 0);
}
