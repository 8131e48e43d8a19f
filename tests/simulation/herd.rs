//! Many agents against one STS with a quota: what a fleet does to it (faults F07 and F08).
//!
//! Each agent is a session of one hour-long hop; nothing but calls, answers and wakes happens.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use stsidecar::assume::{Reply, ReplyDetails};
use stsidecar::credentials::{Credentials, Secret};
use stsidecar::failure::Class;
use stsidecar::session::schedule::RefreshAt;
use stsidecar::session::{Action, CallId, Event, Session};
use stsidecar::time::Wall;

use super::agent::digest;
use super::clocks::{Clocks, EPOCH, HOUR};
use super::sts::failure;
use super::world::fixed;

/// What the fleet did.
#[derive(Debug)]
pub struct Herd {
    /// When the last agent held credentials for the first time, in milliseconds.
    pub all_ready: u64,
    /// Calls in each second.
    pub calls: Vec<u32>,
    /// How many answers were withdrawn.
    pub withdrawals: u32,
}

/// The fleet's STS: a quota, and times when it is down.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls a second that are answered; the rest is throttled.
    pub quota: u32,
    /// Every call fails from the first to the second moment, in milliseconds.
    pub outage: (u64, u64),
}

struct Agent {
    session: Session,
    call: Option<CallId>,
    wake: u64,
    is_ready: bool,
}

/// `agents` start in the same second and run until `until`.
pub fn run(agents: usize, limits: Limits, until: u64, seed: u64) -> Herd {
    let mut random = Rng::with_seed(seed);
    let mut herd = Herd { all_ready: 0, calls: vec![0; (until / 1000) as usize + 1], withdrawals: 0 };
    let mut fleet: Vec<Agent> = Vec::with_capacity(agents);
    let mut queue = BinaryHeap::new();
    for at in 0..agents {
        let session = Session::new(&[fixed(60)], RefreshAt::default(), digest(0, false));
        let wake = random.u64(0..1000);
        fleet.push(Agent { session, call: None, wake, is_ready: false });
        queue.push(Reverse((wake, at)));
    }
    let mut waiting = agents;
    while let Some(Reverse((t, at))) = queue.pop() {
        if t > until {
            break;
        }
        let agent = &mut fleet[at];
        if agent.wake != t {
            continue;
        }
        let clocks = Clocks { t, paused: 0, wall_error: 0, skew: 0 };
        let event = match agent.call.take() {
            Some(call) => {
                let sent = &mut herd.calls[(t / 1000) as usize];
                *sent += 1;
                let is_down = (limits.outage.0..limits.outage.1).contains(&t);
                let class =
                    if is_down { Some(Class::Transient) } else { (*sent > limits.quota).then_some(Class::Throttled) };
                let outcome = class.map_or_else(|| Ok(reply(&clocks)), |class| Err(failure(class)));
                Event::Answered { call, token_generation: 0, outcome }
            }
            None => Event::Tick,
        };
        let actions = agent.session.step(event, clocks.now(random.f64()));
        let mut next = None;
        for action in actions {
            match action {
                Action::Call(call) => {
                    agent.call = Some(call.id);
                    next = Some(t + random.u64(15..150));
                }
                Action::Serve { .. } if !agent.is_ready => {
                    agent.is_ready = true;
                    waiting -= 1;
                    herd.all_ready = t;
                }
                Action::Refuse { .. } if agent.is_ready => herd.withdrawals += 1,
                Action::WakeAt(Some(wake)) if agent.call.is_none() => next = Some(clocks.true_time(wake)),
                _ => {}
            }
        }
        agent.wake = next.expect("a session without a call asks to be woken");
        queue.push(Reverse((agent.wake, at)));
    }
    assert_eq!(waiting, 0, "agents that never held credentials");
    herd
}

fn reply(clocks: &Clocks) -> Reply {
    let now = (EPOCH + clocks.t.cast_signed()).div_euclid(1000);
    let credentials = Credentials {
        access_key_id: "ASIA".to_owned(),
        secret_access_key: Secret::new(String::new()),
        session_token: Secret::new(String::new()),
        expiration: Wall::from_unix_seconds(now + (HOUR / 1000).cast_signed()),
        account: None,
    };
    Reply { credentials, date: Some(Wall::from_unix_seconds(now)), details: ReplyDetails::default() }
}
