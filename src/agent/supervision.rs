//! Keeping the tasks alive: restarts, the tick, the heartbeat, and the moment everything has
//! started.
//!
//! Owns two rules. A refresher that panics is restarted from what it kept, at most once a minute: a
//! fault that repeats must not become a flood of calls. A runtime that shows no life for six
//! minutes ends the process, and the kubelet restarts it: a blocked runtime cannot answer, nor end
//! in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::profile::Assembled;
use crate::refresher::{Inputs, Parts, Refresher};
use crate::report::ProfileReport;
use crate::rotated_file::{RotatedFile, Watches};
use crate::state::StateDirectory;
use crate::sts::Assume;
use crate::time::Boot;
use crate::{clock, process};

/// At most so often a refresher is started.
pub(super) const RESTART_EVERY: Duration = Duration::from_mins(1);

/// How often the agent shows life, and how often something looks for that.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two ticks; each tick is a sign of life.
    pub tick: Duration,
    /// Without a sign of life for so long, the shared runtime is taken for blocked.
    pub dead_after: Duration,
    /// Between two looks of the watchdog.
    pub look_every: Duration,
    /// From a look that found no life to the one that decides: right after a suspend the first may
    /// come before the tick.
    pub look_again: Duration,
}

impl Default for Pace {
    /// Two wake-ups a minute for the ticks, one in three minutes for the watchdog.
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(30),
            dead_after: Duration::from_mins(6),
            look_every: Duration::from_mins(3),
            look_again: Duration::from_secs(20),
        }
    }
}

/// When the shared runtime last showed life.
#[derive(Clone)]
pub(super) struct Heartbeat {
    /// In milliseconds of the boot clock.
    last: Arc<AtomicU64>,
    pace: Pace,
}

impl Heartbeat {
    pub(super) fn new(now: Boot, pace: Pace) -> Self {
        Self {
            last: Arc::new(AtomicU64::new(milliseconds(now))),
            pace,
        }
    }

    fn beat(&self) {
        self.last.store(milliseconds(clock::boot()), Relaxed);
    }

    pub(super) fn is_fresh(&self) -> bool {
        let silence = milliseconds(clock::boot()).saturating_sub(self.last.load(Relaxed));
        Duration::from_millis(silence) < self.pace.dead_after
    }

    /// Looks at the heartbeat from a thread of its own: a blocked runtime cannot look at itself.
    /// That thread takes no lock that another one could hold, and logs nothing.
    pub(super) fn watch(&self) -> std::io::Result<()> {
        let heartbeat = self.clone();
        let look = move || {
            loop {
                std::thread::sleep(heartbeat.pace.look_every);
                if !heartbeat.is_fresh() {
                    std::thread::sleep(heartbeat.pace.look_again);
                    if !heartbeat.is_fresh() {
                        process::end_stuck();
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(look)
            .map(drop)
    }
}

fn milliseconds(at: Boot) -> u64 {
    u64::try_from(at.as_duration().as_millis()).unwrap_or(u64::MAX)
}

/// The tick and the wall clock's steps, for every subscriber.
pub(super) fn time(
    tasks: &mut JoinSet<&'static str>,
    tick: Duration,
) -> (watch::Receiver<u64>, watch::Receiver<u64>) {
    let (ticks, every_tick) = watch::channel(0);
    let (steps, every_step) = watch::channel(0);
    tasks.spawn(async move {
        let mut ticker = clock::Ticker::new(tick);
        let mut wall = clock::WallSteps::new();
        loop {
            tokio::select! {
                () = ticker.tick() => ticks.send_modify(|count| *count += 1),
                step = wall.step() => {
                    tracing::warn!(from = step.from.rfc3339(), to = step.to.rfc3339(), "the wall clock was set; credentials are refreshed");
                    steps.send_modify(|count| *count += 1);
                }
            }
        }
    });
    (every_tick, every_step)
}

pub(super) fn inputs(
    ticks: &watch::Receiver<u64>,
    wall_steps: &watch::Receiver<u64>,
    retries: &watch::Sender<u64>,
    stopping: &watch::Sender<Option<Duration>>,
    heartbeat: &Heartbeat,
) -> Inputs {
    let heartbeat = heartbeat.clone();
    Inputs {
        ticks: ticks.clone(),
        wall_steps: wall_steps.clone(),
        retries: retries.subscribe(),
        stopping: stopping.subscribe(),
        heartbeat: Arc::new(move || heartbeat.beat()),
    }
}

/// Runs a profile's refresher for ever; one that panics is started again `restart_every` after its
/// start, or at once when it lived longer.
pub(super) async fn refresh<A>(
    parts: Arc<Parts<A>>,
    inputs: Inputs,
    restart_every: Duration,
) -> &'static str
where
    A: Assume + Send + Sync + 'static,
{
    loop {
        let began = clock::boot();
        let refresher = Refresher::new(Arc::clone(&parts), inputs.clone());
        if let Err(error) = tokio::spawn(refresher.run()).await
            && error.is_panic()
        {
            tracing::error!(profile = %parts.profile.name, "the refresher panicked and is restarted from what it kept");
        }
        let mut alarm = clock::Alarm::new();
        alarm.set(Some(began.plus(restart_every)));
        alarm.wait().await;
    }
}

/// Whether the source's first exchange has ended.
fn is_answered(report: &ProfileReport) -> bool {
    let source = report.hops.first();
    report.last_error.is_some() || source.is_some_and(|source| source.generation > 0)
}

/// Watches a profile's source file, or the CA bundle, once the first exchange of the profile has
/// ended, well or not: until then every call reads it anyway.
pub(super) async fn watch_source<T: Send + Sync + 'static>(
    source: RotatedFile<T>,
    watches: Watches,
    mut report: watch::Receiver<ProfileReport>,
    ticks: watch::Receiver<u64>,
) -> &'static str {
    if report.wait_for(is_answered).await.is_ok() {
        source.run(&watches, ticks, std::future::pending()).await;
    }
    "watcher of a file"
}

/// Becomes true for good once the endpoint's port is ours (`bound`) and, where that is waited for,
/// all profiles have held credentials at the same time: an application that starts while another
/// process has the port would hand its authorization token to that one. The kubelet learns it from
/// the admin surface, so the other port is bound too. A mark in the state directory says it was so
/// before a restart.
pub(super) fn started(
    tasks: &mut JoinSet<&'static str>,
    assembled: &[Assembled],
    state: Option<StateDirectory>,
    wait_for_credentials: bool,
    mut bound: watch::Receiver<bool>,
) -> watch::Receiver<bool> {
    let before = state.as_ref().is_some_and(StateDirectory::has_started);
    let (sender, receiver) = watch::channel(before);
    if before {
        return receiver;
    }
    let mut profiles: Vec<_> = assembled
        .iter()
        .map(|one| (one.answers.clone(), one.report.clone()))
        .collect();
    tasks.spawn(async move {
        // An error means that the endpoint has ended, which `agent` reports.
        let _ = bound.wait_for(|bound| *bound).await;
        if wait_for_credentials {
            all_hold(&mut profiles).await;
        }
        sender.send_replace(true);
        if let Some(Err(error)) = state.map(|state| state.mark_started()) {
            tracing::warn!(%error, "a restarted container will wait for credentials again");
        }
        // For ever: the admin surface holds a receiver.
        sender.closed().await;
        "startup"
    });
    receiver
}

async fn all_hold(profiles: &mut [(crate::cache::Reader, watch::Receiver<ProfileReport>)]) {
    loop {
        let waiting = profiles
            .iter_mut()
            .find(|(answers, _)| !answers.is_available());
        let Some((answers, _)) = waiting else { return };
        answers.available().await;
    }
}

#[cfg(test)]
mod tests;
