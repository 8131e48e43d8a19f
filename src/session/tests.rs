//! Scripted steps of one session, each rule in a sentence; the simulator covers the rest.
//!
//! A [`Stage`] holds the clocks and hands out replies; a step's actions are compared as one line of
//! text. The draw is 0.5, so the first refresh of an hour comes after 540 s and later ones after
//! 720 s.

mod calls;
mod chains;
mod failures;
mod identity;
mod longest;
mod postponed;
mod restored;
mod retried;
mod shown;
mod time;

use std::time::Duration;

use super::schedule::RefreshAt;
use super::snapshot::{Digest, Snapshot};
use super::{Action, Call, CallId, Content, Event, Session};
use crate::assume::{DurationSetting, ResponseDetails, SessionDuration, StsResponse};
use crate::credentials::{Credentials, Secret};
use crate::failure::{Class, Code, Failure, FileFault, OwnCode};
use crate::file_content::Form;
use crate::identity::Identity;
use crate::time::{Boot, Now, Wall};
use shown::shown;

const HOUR: DurationSetting = DurationSetting::Fixed(SessionDuration::HOUR);
const DIGEST: Digest = Digest([7; 32]);
/// The wall clock at boot.
const EPOCH: i64 = 1_800_000_000;

struct Stage {
    session: Session,
    now: Now,
    /// How far the server's clock is ahead of what ours was at boot.
    server_ahead: Duration,
    replies: u32,
    call: Option<Call>,
    saved: Option<Snapshot>,
    /// Each content of the source's file, the newest last.
    contents: Vec<Content>,
}

impl Stage {
    fn new(durations: &[DurationSetting]) -> Self {
        let now = Now {
            boot: Boot::default(),
            wall: Wall::from_unix_seconds(EPOCH),
            jitter: 0.5,
        };
        let content = content(0, 0);
        let session = Session::new(durations, RefreshAt::default(), DIGEST, content);
        let contents = vec![content];
        Self {
            session,
            now,
            server_ahead: Duration::ZERO,
            replies: 0,
            call: None,
            saved: None,
            contents,
        }
    }

    /// A session of one hour-long hop that holds its first credentials since 0 s.
    fn holding() -> Self {
        Self::chain_holding(1)
    }

    fn chain_holding(hops: usize) -> Self {
        let mut stage = Self::new(&vec![HOUR; hops]);
        stage.tick();
        (0..hops).for_each(|_| drop(stage.grant(3600)));
        stage
    }

    /// Moves both clocks to `seconds` after boot.
    fn at(&mut self, seconds: f64) -> &mut Self {
        let boot = Boot::from_duration(Duration::from_secs_f64(seconds));
        self.now.wall = self.now.wall.plus(boot.since(self.now.boot));
        self.now.boot = boot;
        self
    }

    fn step(&mut self, event: Event) -> String {
        let actions = self.session.step(event, self.now);
        let served = actions
            .iter()
            .position(|action| matches!(action, Action::Serve { .. }));
        let saved = actions
            .iter()
            .rposition(|action| matches!(action, Action::Save(_)));
        assert!(
            served.is_none() || saved < served,
            "kept after it was vended: {actions:?}"
        );
        for action in &actions {
            match action {
                Action::Call(call) => self.call = Some(call.clone()),
                Action::Save(snapshot) => self.saved = Some(snapshot.clone()),
                _ => {}
            }
        }
        actions.iter().map(shown).collect::<Vec<_>>().join("; ")
    }

    fn tick(&mut self) -> String {
        self.step(Event::Tick)
    }

    fn token(&mut self, generation: u64, identity_changed: bool) -> String {
        let former = self.contents.len() as u64;
        let identity = if identity_changed {
            content(generation, former).identity
        } else {
            self.newest().identity
        };
        let content = Content {
            generation,
            identity,
        };
        self.contents.push(content);
        self.step(Event::Token(content))
    }

    fn newest(&self) -> Content {
        *self.contents.last().expect("there is always one")
    }

    fn pending(&mut self) -> CallId {
        self.call.take().expect("a call was started").id
    }

    fn server(&self) -> Wall {
        Wall::from_unix_seconds(EPOCH)
            .plus(self.now.boot.as_duration())
            .plus(self.server_ahead)
    }

    /// The reply that STS would send now, its key named after its number.
    fn reply(&mut self, life: u64) -> StsResponse {
        self.replies += 1;
        let credentials = Credentials {
            access_key_id: format!("K{}", self.replies),
            secret_access_key: Secret::new("secret".into()),
            session_token: Secret::new("session".into()),
            expiration: self.server().plus(Duration::from_secs(life)),
            account: None,
        };
        StsResponse {
            credentials,
            date: Some(self.server()),
            details: ResponseDetails::default(),
        }
    }

    fn answer(&mut self, token_generation: u64, outcome: Result<StsResponse, Failure>) -> String {
        let call = self.pending();
        let known = self
            .contents
            .iter()
            .rev()
            .find(|content| content.generation <= token_generation);
        let sent = Content {
            generation: token_generation,
            ..*known.expect("the first is 0")
        };
        self.step(Event::Answered {
            call,
            sent,
            outcome,
        })
    }

    fn grant(&mut self, life: u64) -> String {
        let reply = self.reply(life);
        self.answer(0, Ok(reply))
    }

    /// As [`Self::grant`], to a call that carried this content.
    fn grant_sent(&mut self, token_generation: u64) -> String {
        let reply = self.reply(3600);
        self.answer(token_generation, Ok(reply))
    }

    /// As [`Self::grant`], to a call that carried a content of another identity than any before.
    fn grant_another(&mut self, token_generation: u64) -> String {
        self.contents
            .push(content(token_generation, token_generation));
        self.grant_sent(token_generation)
    }

    fn refuse(&mut self, class: Class) -> String {
        self.answer(0, Err(failure(class)))
    }

    /// Ticks at `seconds`, then refuses the call that this starts.
    fn refuse_at(&mut self, seconds: f64, class: Class) -> String {
        self.at(seconds).tick();
        self.refuse(class)
    }

    /// Another process on the same boot that finds `saved`.
    fn restarted(&self, saved: Snapshot) -> (Self, String) {
        let mut next = Self {
            now: self.now,
            replies: self.replies,
            ..Self::new(&vec![HOUR; self.session.hops().len()])
        };
        next.session.content.identity = self.newest().identity;
        next.contents = vec![next.session.content];
        let line = next.step(Event::Restored(saved));
        (next, line)
    }
}

/// A content that names the subject of this number.
fn content(generation: u64, subject: u64) -> Content {
    Content {
        generation,
        identity: Identity::named("token", None, &subject.to_string(), &[]),
    }
}

/// The token file is missing: nothing is sent.
fn no_token() -> Failure {
    Failure::local(
        OwnCode::File(Form::Token, FileFault::Missing),
        String::new(),
    )
}

fn failure(class: Class) -> Failure {
    Failure {
        class,
        code: Code::Sts {
            text: "Code".into(),
            cause: None,
        },
        message: String::new(),
        request_id: None,
        sent: true,
    }
}

/// A moment after the wake that a line ends with.
fn woken(line: &str) -> f64 {
    let wake: f64 = line
        .rsplit(' ')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a line that ends with a wake");
    wake + 0.001
}
