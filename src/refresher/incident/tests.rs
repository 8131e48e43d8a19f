//! When an incident begins, goes on and is over, over the steps of a real session.

use super::*;
use crate::assume::{DurationSetting, ResponseDetails, SessionDuration, StsResponse};
use crate::credentials::{Credentials, Secret};
use crate::failure::{Failure, OwnCode};
use crate::session::schedule::RefreshAt;
use crate::session::snapshot::Digest;
use crate::session::{Action, Call, Content, Event};
use crate::time::Wall;

/// A profile with this many steps, its session and what the refresher knows of its trouble.
struct Stage {
    session: Session,
    trouble: Trouble,
    now: Now,
    call: Option<Call>,
    over: usize,
    announced: Vec<Moment>,
}

impl Stage {
    /// All steps hold sessions of an hour since 0 s.
    fn holding(steps: usize) -> Self {
        let mut stage = Self::new(steps);
        stage.step(Event::Tick);
        (0..steps).for_each(|_| stage.grant());
        stage
    }

    fn new(steps: usize) -> Self {
        let hour = DurationSetting::Fixed(SessionDuration::HOUR);
        let session = Session::new(
            &vec![hour; steps],
            RefreshAt::default(),
            Digest([0; 32]),
            Content::default(),
        );
        let now = Now {
            boot: Boot::default(),
            wall: Wall::from_unix_seconds(1_800_000_000),
            jitter: 0.5,
        };
        Self {
            session,
            trouble: Trouble::default(),
            now,
            call: None,
            over: 0,
            announced: Vec::new(),
        }
    }

    fn step(&mut self, event: Event) {
        for action in self.session.step(event, self.now) {
            if let Action::Call(call) = action {
                self.call = Some(call);
            }
        }
        self.over += usize::from(self.trouble.follow(&self.session, self.now));
        let Some(incident) = self.trouble.current else {
            return;
        };
        self.announced.extend(self.trouble.announced.announce(
            &incident,
            self.now.boot,
            Duration::ZERO,
        ));
    }

    fn answer(&mut self, outcome: Result<StsResponse, Failure>) {
        let call = self.call.take().expect("a call").id;
        self.step(Event::Answered {
            call,
            sent: Content::default(),
            outcome,
        });
    }

    fn grant(&mut self) {
        let secret = || Secret::new("secret".into());
        let credentials = Credentials {
            access_key_id: "K".into(),
            secret_access_key: secret(),
            session_token: secret(),
            expiration: self.now.wall.plus(Duration::from_hours(1)),
            account: None,
        };
        self.answer(Ok(StsResponse {
            credentials,
            date: Some(self.now.wall),
            details: ResponseDetails::default(),
        }));
    }

    fn refuse(&mut self) {
        self.answer(Err(Failure {
            sent: true,
            ..Failure::local(OwnCode::Status(Some(500)), String::new())
        }));
    }

    fn at(&mut self, seconds: u64) -> &mut Self {
        let boot = Boot::from_duration(Duration::from_secs(seconds));
        self.now.wall = self.now.wall.plus(boot.since(self.now.boot));
        self.now.boot = boot;
        self
    }

    /// Answers each call until then, once a second: the steps in `failing` are refused.
    fn until(&mut self, seconds: u64, failing: &[usize]) {
        for second in self.now.boot.as_duration().as_secs() + 1..=seconds {
            self.at(second).step(Event::Tick);
            while let Some(call) = &self.call {
                if failing.contains(&call.hop) {
                    self.refuse();
                } else {
                    self.grant();
                }
            }
        }
    }

    fn since(&self) -> Option<u64> {
        self.trouble
            .current
            .map(|incident| incident.since.as_duration().as_secs())
    }
}

#[test]
fn an_incident_begins_with_the_first_failure_and_is_over_with_the_next_success() {
    let mut stage = Stage::holding(1);
    stage.until(530, &[0]);
    assert_eq!(stage.since(), None);
    stage.until(2000, &[0]);
    assert_eq!((stage.since(), &*stage.announced), (Some(540), &[][..]));
    stage.until(2100, &[0]);
    assert_eq!(
        stage.announced,
        [Moment::HalfGone],
        "of 3050 s that were left at 540 s"
    );
    stage.until(2400, &[]);
    assert_eq!((stage.since(), stage.over), (None, 1));
}

#[test]
fn a_short_failure_is_over_without_a_word() {
    let mut stage = Stage::holding(1);
    stage.until(600, &[0]);
    stage.until(800, &[]);
    assert_eq!(
        (stage.since(), stage.over, &*stage.announced),
        (None, 0, &[][..])
    );
}

#[test]
fn the_end_moves_while_the_last_step_still_succeeds_and_each_moment_comes_once() {
    let mut stage = Stage::holding(2);
    stage.until(20_000, &[0]);
    assert_eq!(stage.since(), Some(540));
    assert_eq!(
        stage.announced,
        [Moment::HalfGone, Moment::EndsSoon, Moment::Ended]
    );
}

#[test]
fn another_step_that_fails_meanwhile_is_the_same_incident() {
    let mut stage = Stage::holding(2);
    stage.until(700, &[0, 1]);
    let since = stage.since();
    assert!(since.is_some());
    stage.until(900, &[1]);
    assert_eq!(
        (stage.since(), stage.over),
        (since, 0),
        "the first step has recovered, the last has not"
    );
    stage.until(1300, &[]);
    assert_eq!(stage.since(), None);
}

#[test]
fn with_nothing_held_there_is_one_line_and_credentials_end_it() {
    let mut stage = Stage::new(1);
    stage.until(25, &[0]);
    assert!(stage.since().is_some() && stage.announced.is_empty());
    stage.until(7200, &[0]);
    assert_eq!(stage.announced, [Moment::Ended]);
    stage.until(7400, &[]);
    assert_eq!((stage.since(), stage.over), (None, 1));
}

/// A new incident has moments of its own, though one step has failed all the time.
#[test]
fn what_is_vended_again_after_the_end_begins_anew() {
    let mut stage = Stage::holding(2);
    stage.until(3700, &[1]);
    assert_eq!(
        stage.announced,
        [Moment::HalfGone, Moment::EndsSoon, Moment::Ended]
    );
    stage.until(3800, &[]);
    stage.until(9000, &[1]);
    assert_eq!(stage.announced.len(), 6, "{:?}", stage.announced);
}
