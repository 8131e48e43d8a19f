//! The driver: looks at everything, takes the due steps, and says how it stands.
//!
//! Owns the order within a look, the pauses between looks, and the readiness. It decides nothing about
//! certificates itself: `plan`, `files` and `serving` do. Run by `certificates::keep`.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::bundle::{self, Bundle};
use super::files::Files;
use super::inspect::Life;
use super::metrics::Metrics;
use super::object::{self, Object};
use super::own::Own;
use super::plan;
use super::reference::Reference;
use super::serving::{Readiness, Servable, ServingCertificate, Trust, gives_way};
use super::settings::{Clock, Durations, Mode, Settings};
use super::sightings::Sightings;
use crate::rotated_file::RotatedFile;
use crate::time::Wall;

/// The longest between two looks. A watch that hangs is not noticed, so this bounds how long a wipe lasts then.
const LOOK: Duration = Duration::from_secs(4);

/// After a failed look: the API server may be restarting, so the first tries come quickly.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Writes without a quiet moment between them, after which they slow down: a fight with somebody who writes the same
/// objects. A first start takes two, the repair of a wipe two.
const IN_A_ROW: u32 = 6;

/// Where certificates come from.
pub(super) enum Origin {
    Own(Box<Own>),
    /// Others renew them, of which the leaf's time may be known.
    Files {
        files: Files,
        renew_before: Option<Duration>,
    },
}

/// All that a look needs.
pub(super) struct Keeper {
    name: String,
    configuration: Object,
    origin: Origin,
    serving: Arc<ServingCertificate>,
    served: Option<Servable>,
    sightings: Sightings,
    reference: Reference,
    metrics: Metrics,
    clock: Clock,
    /// As last logged; empty when all is well.
    problems: String,
}

impl Origin {
    pub(super) fn new(settings: &Settings, secret: Object, jitter: f64, metrics: &Metrics) -> Self {
        let files = |writes_bundle| Files::new(&settings.folder, writes_bundle, metrics.clone());
        match settings.mode {
            Mode::CertManager { renew_before } => Self::Files { files: files(false), renew_before },
            Mode::External => Self::Files { files: files(true), renew_before: None },
            Mode::SelfSigned { ca_duration, leaf_duration } => {
                let lasts = Durations { authority: ca_duration, leaf: leaf_duration };
                Self::Own(Box::new(Own::new(secret, settings.names(), lasts, jitter, metrics.clone())))
            }
        }
    }

    /// The file whose changes call for a look.
    pub(super) fn watched(&self) -> Option<RotatedFile<Vec<CertificateDer<'static>>>> {
        match self {
            Self::Own(_) => None,
            Self::Files { files, .. } => Some(files.watched()),
        }
    }

    /// Whether it wrote, and so should be looked at again.
    async fn look(&mut self, sightings: &Sightings, now: Wall) -> Result<bool, String> {
        match self {
            Self::Own(own) => own.look(sightings, now).await.map_err(|error| error.to_string()),
            Self::Files { files, .. } => files.look().map(|()| false).map_err(|error| error.to_string()),
        }
    }

    fn candidate(&self) -> Option<Servable> {
        match self {
            Self::Own(own) => own.candidate(),
            Self::Files { files, .. } => files.candidate(),
        }
    }

    fn wanted(&self, present: &Bundle, now: Wall) -> Option<Vec<CertificateDer<'static>>> {
        match self {
            Self::Own(own) => own.wanted(now),
            Self::Files { files, .. } => files.wanted(&present.trusted(), now),
        }
    }

    /// When a leaf's renewal is due at the latest.
    fn leaf_due(&self, life: Life) -> Wall {
        match self {
            Self::Own(_) => plan::leaf_due(life, 0.0),
            Self::Files { renew_before, .. } => plan::others_due(life, *renew_before),
        }
    }

    /// When the renewal of the CA that a leaf is trusted by is due at the latest.
    fn authority_due(&self, life: Life) -> Wall {
        match self {
            Self::Own(_) => plan::authority_due(life, 0.0),
            Self::Files { .. } => plan::others_due(life, None),
        }
    }
}

impl Keeper {
    pub(super) fn new(
        settings: &Settings,
        configuration: Object,
        origin: Origin,
        serving: Arc<ServingCertificate>,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self {
            name: settings.names().called().to_owned(),
            configuration,
            origin,
            serving,
            served: None,
            sightings: Sightings::default(),
            reference: Reference::default(),
            metrics,
            clock,
            problems: String::new(),
        }
    }

    /// Looks for ever: when `changed` says so, when a look failed, and at the latest after [`LOOK`].
    pub(super) async fn run(mut self, changed: &Notify, ticker: &watch::Sender<u64>) {
        let (mut writes, mut failures) = (0, 0);
        loop {
            let wrote = self.look().await;
            failures = if self.problems.is_empty() { 0 } else { failures + 1 };
            writes += u32::from(wrote);
            ticker.send_modify(|tick| *tick += 1);
            let slow = failures.max(writes.saturating_sub(IN_A_ROW));
            if slow > 0 {
                // Not shortened by a change: what fails, or fights, may be what changes.
                sleep(retry_after(slow, self.clock.jitter)).await;
            }
            if failures == 0 && !wrote && timeout(LOOK, changed.notified()).await.is_err() {
                writes = 0;
            }
        }
    }

    /// One look at everything; whether something was written.
    async fn look(&mut self) -> bool {
        let mut problems: Vec<String> = Vec::new();
        let present = note(bundle::read(&self.configuration, &self.name).await, &mut problems);
        if let Some(present) = &present {
            self.sightings.note(present.trusted());
        }
        if let Some(date) = present.as_ref().and_then(|present| present.date) {
            self.reference.note(date);
        }
        let now = self.reference.now((self.clock.wall)());
        let wrote = note(self.origin.look(&self.sightings, now).await, &mut problems).unwrap_or(false);
        let patched = match present {
            Some(present) => note(self.trust(&present, now).await, &mut problems).unwrap_or(false),
            None => false,
        };
        if let Some(candidate) = self.origin.candidate() {
            self.serve(candidate, now);
        }
        self.report(&problems, now);
        self.complain(&problems);
        wrote || patched
    }

    /// Writes caBundle when it is not as it must be; whether it did.
    async fn trust(&mut self, present: &Bundle, now: Wall) -> Result<bool, object::Error> {
        let Some(wanted) = self.origin.wanted(present, now) else { return Ok(false) };
        if present.is(&wanted) {
            return Ok(false);
        }
        let written = match bundle::write(&self.configuration, &self.name, present, &wanted).await {
            // Another replica was quicker, or the webhooks were changed: the next look tells.
            Err(object::Error::Conflict(_)) => return Ok(true),
            written => written?,
        };
        self.sightings.note(written.trusted());
        info!(configuration = self.configuration.title(), authorities = wanted.len(), "caBundle written");
        Ok(true)
    }

    fn serve(&mut self, candidate: Servable, now: Wall) {
        if self.served.as_ref().is_some_and(|served| candidate.is_served_as(&served.key)) {
            return;
        }
        let trust = |servable: &Servable| self.sightings.trust(servable, &self.name, now);
        let served = self.served.as_ref().map(|served| (served, trust(served)));
        if gives_way(served, trust(&candidate), now) {
            info!(not_after = candidate.life.not_after.rfc3339(), "certificate served");
            self.serving.serve(candidate.key.clone());
            self.served = Some(candidate);
        }
    }

    fn report(&self, problems: &[String], now: Wall) {
        let Some(served) = &self.served else {
            let reason = format!("no certificate yet: {}", problems.join("; "));
            return self.serving.report(Readiness { ready: false, reason, ends: None });
        };
        self.metrics.leaf(served.life.not_after, self.origin.leaf_due(served.life));
        if let Some(life) = self.sightings.trusted_by(served, &self.name, now) {
            self.metrics.authority(life.not_after, self.origin.authority_due(life));
        }
        let until = served.life.not_after.rfc3339();
        let (ready, how) = match self.sightings.trust(served, &self.name, now) {
            _ if !served.life.includes(now) => (false, "is not valid now".to_owned()),
            Trust::Since(_) => (true, "is trusted by caBundle".to_owned()),
            Trust::None => (false, format!("is not trusted by caBundle of {}", self.configuration.title())),
            Trust::Unknown => (false, format!("caBundle of {} was not read yet", self.configuration.title())),
        };
        let mut reason = format!("certificate until {until} {how}");
        if !problems.is_empty() {
            reason = format!("{reason}; {}", problems.join("; "));
        }
        self.serving.report(Readiness { ready, reason, ends: Some(served.life.not_after) });
    }

    /// Logs what changed, not each failed look.
    fn complain(&mut self, problems: &[String]) {
        let problems = problems.join("; ");
        if problems != self.problems {
            if problems.is_empty() {
                info!("certificates are in order again");
            } else {
                warn!(%problems, "certificates are not in order; what is held stays served");
            }
            self.problems = problems;
        }
    }
}

fn note<T>(result: Result<T, impl ToString>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|error| problems.push(error.to_string())).ok()
}

/// Doubling up to [`LOOK`]; the replica's own draw keeps two that collided apart.
fn retry_after(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.pow(failures.saturating_sub(1).min(8)));
    doubled.min(LOOK).mul_f64(0.75 + jitter / 2.0)
}
