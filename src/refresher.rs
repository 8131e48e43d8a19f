//! The driver: one task for each profile that turns events into actions of its `session`.
//!
//! Owns the session, the call in flight and what is published; hands time, token contents and
//! answers in, and carries actions out: calls, answers for the endpoint, snapshots, log lines,
//! metrics, the status report. It decides nothing by itself. `agent` starts one for each profile
//! and restarts it, from what it kept, should it panic.

mod answer;
mod call;
mod extras;
mod incident;
mod kept;
mod log;
pub mod metrics;
mod retry;
mod source;
mod status;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::assume::{Hop, Profile};
use crate::cache::Publisher;
use crate::clock::{self, Alarm};
use crate::file_content::FileContent;
use crate::identity::Identity;
use crate::report::{ProfileReport, Retry};
use crate::role::SessionName;
use crate::rotated_file::{Latest, RotatedFile};
use crate::session::schedule::RefreshAt;
use crate::session::snapshot::Digest;
use crate::session::{Action, Call, Content, Event, Session};
use crate::state::{Saved, StateDirectory};
use crate::sts::Assume;
use crate::time::{Boot, Now};

pub use answer::NOT_READY;
use call::{Finished, InFlight};
pub use extras::{CallError, ExtraFiles, SentCodes};
use metrics::ProfileMetrics;
pub use source::{of_source, session_name, unreadable};

/// What a refresher is made of; shared, because it outlives a refresher that panics.
pub struct Parts<A> {
    /// The profile with all parameters.
    pub profile: Profile,
    /// When refreshes are due.
    pub refresh_at: RefreshAt,
    /// Names the configuration, for snapshots.
    pub digest: Digest,
    /// The source's file, which proves the profile's identity.
    pub source: RotatedFile<FileContent>,
    /// What goes with the calls of each step.
    pub extras: Vec<ExtraFiles>,
    /// Makes the exchanges.
    pub sts: Arc<A>,
    /// Takes the answer that the endpoint gives.
    pub publisher: Publisher,
    /// Takes what `/status` shows.
    pub report: watch::Sender<ProfileReport>,
    /// This profile's series.
    pub metrics: ProfileMetrics,
    /// Where snapshots survive a crash.
    pub state: Option<StateDirectory>,
    /// The newest snapshot, for a restart within this process.
    pub kept: watch::Sender<Option<Saved>>,
    /// Names this boot, for snapshots; empty where the kernel does not say.
    pub boot_id: String,
    /// Replaces the pod's name when the token has none.
    pub host_name: String,
}

/// What a refresher listens to besides its token and its calls.
#[derive(Clone)]
pub struct Inputs {
    /// Fires at each tick of the process (30 s).
    pub ticks: watch::Receiver<u64>,
    /// Fires when the wall clock was set.
    pub wall_steps: watch::Receiver<u64>,
    /// Counts the retries that were asked for.
    pub retries: watch::Receiver<u64>,
    /// Holds the grace once the process is stopping.
    pub stopping: watch::Receiver<Option<Duration>>,
    /// Takes a sign of life at each tick.
    pub heartbeat: Arc<dyn Fn() + Send + Sync>,
}

/// The task of one profile.
pub struct Refresher<A> {
    parts: Arc<Parts<A>>,
    inputs: Inputs,
    session: Session,
    alarm: Alarm,
    in_flight: Option<InFlight>,
    /// Constant once known, for one identity; in the order of the steps.
    session_names: Vec<Option<SessionName>>,
    /// The identity that the source named when they were chosen.
    named: Identity,
    /// The newest content of the source's file that the session knows of.
    content: Content,
    log: log::Throttle,
    retry: Retry,
    trouble: incident::Trouble,
}

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    /// A refresher that goes on where the kept snapshot ended.
    #[must_use]
    pub fn new(parts: Arc<Parts<A>>, inputs: Inputs) -> Self {
        let steps = &parts.profile.steps;
        let durations: Vec<_> = steps.iter().map(|step| step.duration()).collect();
        let content = content(&parts.source.latest());
        Self {
            session: Session::new(&durations, parts.refresh_at, parts.digest, content),
            alarm: Alarm::new(),
            in_flight: None,
            session_names: vec![None; steps.len()],
            named: Identity::Unknown,
            content,
            log: log::Throttle::default(),
            retry: Retry::default(),
            trouble: incident::Trouble::default(),
            parts,
            inputs,
        }
    }

    /// Runs until the process drops it.
    pub async fn run(mut self) {
        let mut token = self.parts.source.subscribe();
        self.show_end();
        let first = self.restored().unwrap_or(Event::Tick);
        self.advance(first);
        loop {
            let event = tokio::select! {
                finished = call::finished(&mut self.in_flight) => self.finished(finished),
                () = changed(&mut token) => self.token_changed(),
                () = changed(&mut self.inputs.ticks) => {
                    (self.inputs.heartbeat)();
                    Event::Tick
                }
                () = changed(&mut self.inputs.wall_steps) => Event::WallStepped,
                () = changed(&mut self.inputs.retries) => self.retry(),
                () = changed(&mut self.inputs.stopping) => self.stopping(),
                () = self.alarm.wait() => Event::Tick,
            };
            self.advance(event);
        }
    }

    /// One step of the session, with everything that follows from it.
    fn advance(&mut self, event: Event) {
        let now = clock::now();
        let mut wake = None;
        for action in self.session.step(event, now) {
            match action {
                Action::Call(call) => self.start(&call, now.boot),
                Action::Serve {
                    credentials,
                    deadline,
                } => self.serve(&credentials, deadline),
                Action::Refuse { failure, permanent } => self.refuse(failure.as_ref(), permanent),
                Action::Save(snapshot) => self.keep(snapshot),
                Action::Withdraw => self.parts.publisher.withdraw(),
                Action::Report(report) => self.log_and_count(&report, now),
                Action::WakeAt(at) => wake = at,
            }
        }
        let moment = self.watch_incident(now);
        self.alarm.set([wake, moment].into_iter().flatten().min());
        self.show(now);
    }

    fn token_changed(&mut self) -> Event {
        let content = content(&self.parts.source.latest());
        // An error that came or went is no new content, and no reason to ask STS again.
        if std::mem::replace(&mut self.content, content) == content {
            return Event::Tick;
        }
        self.show_end();
        Event::Token(content)
    }

    fn show_end(&self) {
        if let Some(material) = self.parts.source.latest().value.as_deref() {
            self.parts.metrics.token(material.expires_at());
        }
    }

    fn stopping(&mut self) -> Event {
        let grace = *self.inputs.stopping.borrow_and_update();
        grace.map_or(Event::Tick, |grace| Event::Stopping { grace })
    }

    fn start(&mut self, call: &Call, now: Boot) {
        self.in_flight = Some(self.prepare(call).launch(call, &self.parts.sts, now));
    }

    fn finished(&mut self, (started, outcome): Finished) -> Event {
        let took = clock::boot().since(started.at);
        if started.is_sent {
            let operation = self.step_of(started.hop).operation();
            self.parts.metrics.exchange(operation, took);
        }
        self.log.took = took;
        let (call, sent) = (started.call, started.content);
        let outcome = match outcome {
            Err(CallError::Postponed(wait)) => return Event::Postponed { call, wait },
            Err(CallError::Failed(failure)) => Err(failure),
            Ok(reply) => Ok(reply),
        };
        Event::Answered {
            call,
            sent,
            outcome,
        }
    }

    fn show(&self, now: Now) {
        let retry = Retry {
            is_calling: self.session.is_calling(now.boot),
            ..self.retry
        };
        let report = status::report(
            &self.parts,
            &self.session,
            &self.session_names,
            (retry, self.trouble.current),
            now,
        );
        self.parts.metrics.schedule(&report.hops);
        self.parts.report.send_replace(report);
    }

    fn step_of(&self, hop: usize) -> &Hop {
        &self.parts.profile.steps[hop]
    }
}

/// What the session knows of a file's content; one that was never readable is none.
fn content(latest: &Latest<FileContent>) -> Content {
    let Some(material) = latest.value.as_deref() else {
        return Content::default();
    };
    Content {
        generation: latest.generation,
        identity: material.identity(),
    }
}

/// Waits for a new value; for ever without a sender, which only happens at the end.
async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;
