//! The agent of a run: the very same session, driven as the refresher drives it.

use std::sync::Arc;
use std::time::Duration;

use stsidecar::agent::fingerprint;
use stsidecar::assume::{Hop, Profile, ProfileName, WebIdentity};
use stsidecar::credentials::Credentials;
use stsidecar::role::RoleArn;
use stsidecar::session::schedule::RefreshAt;
use stsidecar::session::snapshot::{Digest, Snapshot};
use stsidecar::session::{Action, Call, CallId, Content, Event, Notice, Session};
use stsidecar::state::configuration_digest;
use stsidecar::sts;
use stsidecar::time::Boot;

use super::faults::Kind;
use super::rules;
use super::run::{Run, Scheduled};
use super::scenario::Scenario;
use super::sts::{StsAnswer, serial};

/// What a request to the endpoint gets.
#[derive(Debug)]
pub enum EndpointAnswer<T> {
    Vended(T),
    Refused,
    /// No process listens.
    Down,
}

/// What the cache has.
#[derive(Clone, Debug)]
pub struct Published {
    pub credentials: Credentials,
    pub deadline: Boot,
    pub lifetime: Duration,
    pub serial: usize,
}

#[derive(Debug)]
pub struct Agent {
    pub session: Session,
    pub published: Option<Published>,
    pub wake: Option<Boot>,
    /// How late the wake will be, when the process gets no processor.
    pub late: u64,
    pub in_flight: Option<CallId>,
    /// Counts processes, so that answers to a dead one are dropped.
    pub process: u64,
    pub is_down: bool,
    pub saved: Option<Snapshot>,
    pub stop_at: Option<Boot>,
    /// The identity that the newest content names that the process knows of.
    pub identity: u64,
}

impl Agent {
    pub fn new(scenario: &Scenario, digest: Digest, content: Content) -> Self {
        let session = Session::new(
            &scenario.durations,
            RefreshAt::Fraction(scenario.fraction),
            digest,
            content,
        );
        Self {
            session,
            published: None,
            wake: None,
            late: 0,
            in_flight: None,
            process: 0,
            is_down: false,
            saved: None,
            stop_at: None,
            identity: 0,
        }
    }

    /// The answer to a request at `now`, by the rule of the cache.
    pub fn answer(&self, now: Boot) -> EndpointAnswer<&Published> {
        if self.is_down {
            return EndpointAnswer::Down;
        }
        self.published
            .as_ref()
            .filter(|published| published.deadline.since(now).as_secs_f64() > 10.0)
            .map_or(EndpointAnswer::Refused, EndpointAnswer::Vended)
    }
}

/// Names the configuration as production does: of a role, or of another one.
pub fn digest(is_foreign: bool) -> Digest {
    let role_arn = format!(
        "arn:aws:iam::111122223333:role/{}",
        if is_foreign { "another" } else { "this" }
    );
    let role_arn = Some(RoleArn::parse(&role_arn).expect("a role"));
    let step = Hop::WebIdentity(WebIdentity {
        role_arn,
        ..WebIdentity::new("/var/run/token")
    });
    let profile = Profile {
        name: ProfileName::parse("default").expect("a name"),
        steps: vec![Arc::new(step)],
    };
    configuration_digest(&fingerprint(&profile, &sts::ClientSettings::default()))
}

impl Run {
    /// Steps the session and does what it says.
    pub fn step(&mut self, what: &'static str, event: Event) {
        self.tally.steps += 1;
        self.note(what, 0, 0);
        let before = self.before(&event);
        let now = self.clocks.now(self.random.f64());
        if let Event::Stopping { grace } = event {
            self.agent.stop_at = Some(now.boot.plus(grace));
        }
        let actions = self.agent.session.step(event, now);
        if !matches!(actions.last(), Some(Action::WakeAt(_))) {
            self.violated(rules::WAKES_IN_TIME, "this one does not");
        }
        for action in actions {
            self.act(action, now.boot);
        }
        self.check_step(before);
    }

    fn act(&mut self, action: Action, now: Boot) {
        match action {
            Action::Call(call) => self.call(&call),
            Action::Serve {
                credentials,
                deadline,
            } => self.publish(credentials, deadline),
            Action::Refuse { failure, permanent } => {
                self.note("refuse", u64::from(permanent), u64::from(failure.is_some()));
                self.check_refused(failure.as_ref(), permanent);
                self.agent.published = None;
            }
            Action::Save(snapshot) => self.agent.saved = Some(snapshot),
            Action::Report(report) => self.report(report),
            Action::Withdraw => self.violated(
                rules::VENDED_TO_THE_END,
                "withdrawn, and every process knows its content",
            ),
            Action::WakeAt(wake) => {
                if wake.is_some_and(|wake| wake <= now) {
                    self.violated(rules::WAKES_IN_TIME, "the next is due now");
                }
                let starved = self.is_active(Kind::LateWake);
                self.agent.late = if starved { self.random.u64(0..5000) } else { 0 };
                if starved {
                    self.sts.hit(Kind::LateWake);
                }
                self.agent.wake = wake;
            }
        }
    }

    fn publish(&mut self, credentials: Credentials, deadline: Boot) {
        let hop = self.agent.session.hops().last();
        let held = hop.and_then(|hop| hop.lease.as_ref());
        let published = Published {
            lifetime: held.map_or(Duration::ZERO, |held| held.lifetime),
            serial: serial(&credentials.access_key_id),
            credentials,
            deadline,
        };
        let end = self.clocks.true_time(deadline);
        self.note("serve", published.serial as u64, end);
        self.check_saved(&published);
        self.check_served(&published);
        self.agent.published = Some(published);
    }

    fn report(&mut self, report: Notice) {
        match report {
            Notice::Refreshed { hop, .. } => self.refreshed(hop),
            Notice::Failed { hop, failure, .. } => self.failed(hop, &failure),
            Notice::IdentityChanged => self.note("another identity", self.agent.identity, 0),
            Notice::RetryAsked { failing, wait } => {
                self.note("retry asked", failing as u64, wait.as_millis() as u64);
            }
            Notice::DurationRefused { hop, asked, .. } => {
                self.note("duration refused", hop as u64, asked.seconds().into());
            }
        }
    }

    fn call(&mut self, call: &Call) {
        self.note("call", call.hop as u64, call.duration.seconds().into());
        self.check_call(call);
        self.tally.calls[call.hop] += 1;
        self.agent.in_flight = Some(call.id);
        let StsAnswer { latency, outcome } = self.sts.answer(
            call,
            &self.clocks,
            &self.kubelet,
            &self.active,
            &mut self.random,
        );
        let sent = self.kubelet.content(self.kubelet.generation);
        let event = Event::Answered {
            call: call.id,
            sent,
            outcome,
        };
        if self.is_active(Kind::LateAnswers) {
            self.sts.hit(Kind::LateAnswers);
            let late = self.random.u64(1..60_000);
            self.post(latency + late, event.clone());
        }
        self.post(latency, event);
    }

    fn post(&mut self, latency: u64, event: Event) {
        let number = self.answers.len() as u64;
        self.answers.push(Some(event));
        let item = Scheduled::Answer {
            process: self.agent.process,
            number,
        };
        self.schedule(self.clocks.t + latency, item);
    }

    /// The process is gone; after a while another one takes its place.
    pub fn crash(&mut self, kind: Kind) {
        self.agent.is_down = true;
        self.agent.wake = None;
        let gap = self.random.u64(50..20_000);
        self.schedule(self.clocks.t + gap, Scheduled::Restart(kind));
    }

    pub fn restart(&mut self, kind: Kind) {
        let digest = digest(kind == Kind::CrashForeign);
        let (process, identity) = (self.agent.process + 1, self.kubelet.identity);
        let content = self.kubelet.content(self.kubelet.generation);
        let fresh = Agent {
            process,
            identity,
            ..Agent::new(&self.scenario, digest, content)
        };
        let old = std::mem::replace(&mut self.agent, fresh);
        self.forget();
        match old.saved.filter(|_| kind != Kind::CrashEmpty) {
            Some(saved) => {
                let is_ours = saved.digest == digest;
                self.agent.saved = is_ours.then(|| saved.clone());
                self.step("restored", Event::Restored(saved));
                if !is_ours && self.agent.published.is_some() {
                    self.violated(rules::OTHER_CONFIGURATION_IS_IGNORED, "they are vended");
                }
            }
            None => self.step("started", Event::Tick),
        }
    }
}
