//! The composition: takes a configuration apart, makes every stage, joins every task, and ends in
//! order.
//!
//! Owns the process while it runs: its two runtimes, which stage gets which end of which channel,
//! the drain at the end. It holds no rule of any stage. `cli` calls [`run`] and turns its error
//! into an exit code.
//!
//! Order at start: token files first (the application may be waiting for them), then the listeners,
//! then the first exchange; the watches last, because start-up should not pay for them.

mod admin_task;
mod endpoint_thread;
mod fingerprint;
mod profile;
mod supervision;
mod trust;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::{Config, Loaded, Shutdown};
use crate::role::{Region, RoleArn};
use crate::rotated_file::metrics::Reloads;
use crate::rotated_file::{RotatedFile, Watches};
use crate::shutdown::{Signals, drained};
use crate::state::StateDirectory;
use crate::sts::Client;
use crate::telemetry::Dropped;
use crate::{authorization, clock, process, rotated_file, state, sts, version};
use endpoint_thread::Endpoint;
use profile::Assembled;
use supervision::{Heartbeat, RESTART_EVERY};

pub use fingerprint::fingerprint;
pub use supervision::Pace;

/// Name look-ups block a thread each, and may hang for longer than the attempt that asked.
const MOST_LOOK_UPS: usize = 4;

/// Why the agent did not run, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A client's token file cannot be written.
    #[error(transparent)]
    Authorization(#[from] authorization::Error),
    /// Two clients would present the same token, and the token decides who asks.
    #[error(
        "the authorization token files {} and {} hold the same token: delete one of them, and a new one is written",
        first.display(),
        second.display()
    )]
    SharedToken {
        /// Of the client that is listed first.
        first: PathBuf,
        /// Of the other.
        second: PathBuf,
    },
    /// The state directory cannot be written.
    #[error(transparent)]
    State(#[from] state::Error),
    /// The CA bundle is not usable, and there is no earlier content of it.
    #[error("AWS_CA_BUNDLE: {0}")]
    CaBundle(Arc<rotated_file::Error>),
    /// STS cannot be reached as configured.
    #[error(transparent)]
    Sts(#[from] sts::Error),
    /// The system refused something that the agent cannot do without.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
    /// Two stages registered one name: a fault of the program.
    #[error("cannot register a metric: {0}")]
    Metrics(#[from] crate::metrics::RegistrationError),
    /// A stage ended by itself.
    #[error("the {0} ended unexpectedly")]
    Ended(&'static str),
}

impl Error {
    /// The exit code of `run`: 77 a file that must be written, 78 the configuration, else 70.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Authorization(_) | Self::State(_) => 77,
            Self::CaBundle(_) | Self::Sts(_) | Self::SharedToken { .. } => 78,
            Self::System(_) | Self::Metrics(_) | Self::Ended(_) => 70,
        }
    }
}

/// Runs until a signal has been followed and the drain is over. `dropped` counts the lines that the
/// log loses.
///
/// # Errors
/// When the agent cannot start, or one of its stages ends by itself.
pub fn run(loaded: Loaded, dropped: &Dropped, pace: Pace) -> Result<(), Error> {
    for warning in process::harden() {
        tracing::warn!(warning, "the process is less protected than it should be");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(MOST_LOOK_UPS)
        .build()?;
    let ended = runtime.block_on(live(loaded, dropped, pace));
    // A plain drop would wait for a name look-up that is under way.
    runtime.shutdown_background();
    ended
}

/// How far the end has come, for every stage.
struct Ending {
    draining: watch::Sender<bool>,
    stopping: watch::Sender<Option<Duration>>,
    closed: watch::Sender<bool>,
}

impl Ending {
    fn not_yet() -> Self {
        let (draining, closed) = (watch::Sender::new(false), watch::Sender::new(false));
        Self {
            draining,
            stopping: watch::Sender::new(None),
            closed,
        }
    }
}

async fn live(
    Loaded { config, warnings }: Loaded,
    dropped: &Dropped,
    pace: Pace,
) -> Result<(), Error> {
    let signals = Signals::catch()?;
    let descriptors = process::raise_nofile();
    // Before anything that takes time: the application may be waiting for them.
    let tokens = endpoint_thread::tokens(&config.clients)?;
    let registry = crate::metrics::registry()?;
    dropped.register(&registry)?;
    let ca_bundle = trust::ca_bundle(&config.sts, Reloads::of_ca_bundle(&registry)?)?;
    let followed = ca_bundle.as_ref().map(trust::followed);
    let sts = Arc::new(Client::following(&config.sts, followed, clock::now)?);
    announce(&config, &warnings, &sts);
    let state = config.state_dir.as_deref().map(opened).transpose()?;
    let (ending, heartbeat) = (Ending::not_yet(), Heartbeat::new(clock::boot(), pace));

    let stages = profile::Stages::register(&registry)?;
    let shared = profile::Shared {
        refresh_at: config.refresh_at,
        sts,
        settings: &config.sts,
        state: state.as_ref(),
    };
    let assembled = profile::assemble(config.profiles, &shared, &stages);
    let clients = &config.clients;
    let endpoint = endpoint_thread::start(
        &registry,
        config.listen,
        clients,
        tokens,
        &assembled,
        descriptors,
        &ending,
    )?;
    let mut tasks = JoinSet::new();
    let wait = config.wait_for_credentials;
    let started = supervision::started(&mut tasks, &assembled, state, wait, endpoint.bound());
    let inputs = admin_task::Inputs {
        profiles: &assembled,
        clients,
        last_requests: &endpoint.last_requests,
        settings_hash: config.settings_hash,
        started,
        listening: endpoint.bound(),
        heartbeat: heartbeat.clone(),
    };
    admin_task::start(&mut tasks, &registry, config.admin_listen, inputs, &ending)?;
    start_profiles(&mut tasks, &assembled, ca_bundle, pace, &heartbeat, &ending);
    heartbeat.watch()?;
    end(signals, tasks, &endpoint, &ending, config.shutdown).await
}

/// What refreshes each profile, and follows its file and the CA bundle.
fn start_profiles<T: Send + Sync + 'static>(
    tasks: &mut JoinSet<&'static str>,
    assembled: &[Assembled],
    ca_bundle: Option<RotatedFile<T>>,
    pace: Pace,
    heartbeat: &Heartbeat,
    ending: &Ending,
) {
    let watches = Watches::default();
    let (ticks, wall_steps) = supervision::time(tasks, pace.tick);
    for Assembled { parts, retries, .. } in assembled {
        let inputs = supervision::inputs(&ticks, &wall_steps, retries, &ending.stopping, heartbeat);
        tasks.spawn(supervision::refresh(
            Arc::clone(parts),
            inputs,
            RESTART_EVERY,
        ));
        let (source, report) = (parts.source.clone(), parts.report.subscribe());
        tasks.spawn(supervision::watch_source(
            source,
            watches.clone(),
            report,
            ticks.clone(),
        ));
    }
    if let (Some(file), Some(first)) = (ca_bundle, assembled.first()) {
        tasks.spawn(supervision::watch_source(
            file,
            watches,
            first.report.clone(),
            ticks,
        ));
    }
}

/// The state directory, with a warning where its files outlive the pod.
fn opened(directory: &Path) -> Result<StateDirectory, state::Error> {
    let state = StateDirectory::open(directory)?;
    if !state.is_memory_backed() {
        tracing::warn!(
            "the state directory is not on tmpfs: credentials are written to a disk; use an emptyDir with medium Memory"
        );
    }
    Ok(state)
}

/// Waits for the wish to stop, then for the end of the drain; whatever ends before is an error.
async fn end(
    mut signals: Signals,
    mut tasks: JoinSet<&'static str>,
    endpoint: &Endpoint,
    ending: &Ending,
    shutdown: Shutdown,
) -> Result<(), Error> {
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, grace = ?shutdown.grace, "draining"),
        ended = ended(&mut tasks, endpoint) => return Err(ended),
    }
    ending.draining.send_replace(true);
    ending.stopping.send_replace(Some(shutdown.grace));
    tokio::select! {
        () = drained(&endpoint.requests, shutdown.grace, shutdown.idle) => tracing::info!("drained"),
        signal = signals.next() => tracing::info!(signal, "ending at once"),
        ended = ended(&mut tasks, endpoint) => return Err(ended),
    }
    ending.closed.send_replace(true);
    Ok(())
}

/// What runs here, for which roles and against which STS, in one line; then everything a support
/// case needs.
fn announce(config: &Config, warnings: &[String], sts: &Client) {
    let profiles: Vec<&str> = config
        .profiles
        .iter()
        .map(|profile| profile.name.as_str())
        .collect();
    let vended = config
        .profiles
        .iter()
        .filter_map(|profile| profile.steps.last());
    let roles: Vec<&str> = vended
        .filter_map(|step| step.role_arn())
        .map(RoleArn::as_str)
        .collect();
    tracing::info!(
        version = version::VERSION,
        commit = version::COMMIT,
        profiles = profiles.join(","),
        roles = roles.join(","),
        region = config.sts.region.as_ref().map(Region::as_str),
        sts = sts.host(),
        "stsidecar is starting"
    );
    tracing::info!(configuration = %config.describe(), "effective configuration");
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

/// Waits for the end of anything that runs for ever; there is no such end while all is well.
async fn ended(tasks: &mut JoinSet<&'static str>, endpoint: &Endpoint) -> Error {
    tokio::select! {
        () = endpoint.ended() => Error::Ended("credentials endpoint"),
        Some(task) = tasks.join_next() => match task {
            Ok(name) => Error::Ended(name),
            Err(_) => Error::Ended("task that panicked"),
        },
    }
}
