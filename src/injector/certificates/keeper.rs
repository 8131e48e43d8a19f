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
use super::metrics::Metrics;
use super::object::{self, Object};
use super::origin::Origin;
use super::plan::PROPAGATION;
use super::reference::Reference;
use super::serving::{Readiness, Servable, ServingCertificate, Trust, gives_way};
use super::settings::{Clock, Settings};
use super::sightings::Sightings;
use crate::time::Wall;

/// The longest between two looks. A watch that hangs is not noticed, so this bounds how long a wipe lasts then.
const LOOK: Duration = Duration::from_secs(4);

/// After a failed look: the API server may be restarting, so the first tries come quickly.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Writes without a quiet moment between them, after which they slow down: a fight with somebody who writes the same
/// objects. A first start takes two, the repair of a wipe two.
const IN_A_ROW: u32 = 6;

/// All that a look needs.
pub(super) struct Keeper {
    name: String,
    configuration: Object,
    origin: Origin,
    serving: Arc<ServingCertificate>,
    served: Option<Servable>,
    /// Whether it was ready once. From then on a certificate is served only when it is trusted for long enough.
    was_ready: bool,
    sightings: Sightings,
    reference: Reference,
    metrics: Metrics,
    clock: Clock,
    /// The annotation of cainjector, while there is one. It is no failed look: those make the next one come later.
    overwriter: Option<String>,
    /// As last logged; empty when all is well.
    problems: String,
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
            was_ready: false,
            sightings: Sightings::default(),
            reference: Reference::default(),
            metrics,
            clock,
            overwriter: None,
            problems: String::new(),
        }
    }

    /// Looks for ever: when `changed` says so, when a look failed, and at the latest after [`LOOK`].
    pub(super) async fn run(mut self, changed: &Notify, ticker: &watch::Sender<u64>) {
        let (mut writes, mut failures) = (0, 0);
        loop {
            let wrote = self.look().await;
            failures = if self.problems.is_empty() {
                0
            } else {
                failures + 1
            };
            writes += u32::from(wrote);
            ticker.send_modify(|tick| *tick += 1);
            let slow = failures.max(writes.saturating_sub(IN_A_ROW));
            let pause = retry_after(slow, self.clock.jitter);
            if slow > 0 && wrote {
                // Not shortened by a change, which may be one of this replica's own or of whom it fights.
                sleep(pause).await;
            } else if slow > 0 {
                // What is missing may have been made again, and then lacks caBundle.
                let _ = timeout(pause, changed.notified()).await;
            }
            if failures == 0 && !wrote && timeout(LOOK, changed.notified()).await.is_err() {
                writes = 0;
            }
        }
    }

    /// One look at everything; whether something was written.
    async fn look(&mut self) -> bool {
        let mut problems: Vec<String> = Vec::new();
        let present = note(
            bundle::read(&self.configuration, &self.name).await,
            &mut problems,
        );
        if let Some(date) = present.as_ref().and_then(|present| present.date) {
            self.reference.note(date);
        }
        let now = self.reference.now((self.clock.wall)());
        if let Some(present) = &present {
            let age =
                |ca: &CertificateDer<'static>| present.record.age(ca, present.date.unwrap_or(now));
            self.sightings.note(present.trusted(), age);
            self.warn_of(present.overwriter.as_ref());
        }
        let wrote =
            note(self.origin.look(&self.sightings, now).await, &mut problems).unwrap_or(false);
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

    /// Writes caBundle and its record when they are not as they must be; whether it did.
    async fn trust(&mut self, present: &Bundle, now: Wall) -> Result<bool, object::Error> {
        let (anywhere, everywhere) = (present.present(), present.trusted());
        let needed = self.needed(&anywhere, now);
        // The clock of the record is the API server's, which all replicas share.
        let (wanted, record) =
            present
                .record
                .next(&anywhere, &everywhere, &needed, present.date.unwrap_or(now));
        // Where nothing is held yet, nothing is known of what caBundle must hold.
        if needed.is_empty()
            || wanted.is_empty()
            || (present.is(&wanted) && present.record == record)
        {
            return Ok(false);
        }
        let written =
            match bundle::write(&self.configuration, &self.name, present, &wanted, &record).await {
                // Another replica was quicker, or the webhooks were changed: the next look tells.
                Err(object::Error::Conflict(_)) => return Ok(true),
                written => written?,
            };
        self.sightings.note(written.trusted(), |_| Duration::ZERO);
        info!(
            configuration = self.configuration.title(),
            authorities = wanted.len(),
            "caBundle written"
        );
        Ok(true)
    }

    /// The CAs that must not leave caBundle: what certificates come from, and those of `present` that trust what is
    /// served or soon will be, whoever brought them.
    fn needed(
        &self,
        present: &[CertificateDer<'static>],
        now: Wall,
    ) -> Vec<CertificateDer<'static>> {
        let mut needed = self.origin.authorities(now);
        for servable in self.served.iter().chain(&self.origin.candidate()) {
            let trusting = present
                .iter()
                .filter(|ca| servable.is_trusted_by(ca, &self.name, now));
            for ca in trusting {
                if !needed.contains(ca) {
                    needed.push(ca.clone());
                }
            }
        }
        needed
    }

    fn serve(&mut self, candidate: Servable, now: Wall) {
        if self
            .served
            .as_ref()
            .is_some_and(|served| candidate.is_served_as(&served.key))
        {
            return;
        }
        let trust = |servable: &Servable| self.sightings.trust(servable, &self.name, now);
        let served = self.served.as_ref().map(|served| (served, trust(served)));
        if gives_way(served, trust(&candidate), now) {
            info!(
                not_after = candidate.life.not_after.rfc3339(),
                "certificate served"
            );
            self.serving.serve(candidate.key.clone());
            self.served = Some(candidate);
        }
    }

    fn report(&mut self, problems: &[String], now: Wall) {
        let Some(served) = &self.served else {
            let reason = format!("no certificate yet: {}", problems.join("; "));
            return self.serving.report(Readiness {
                ready: false,
                reason,
                ends: None,
            });
        };
        self.metrics
            .leaf(served.life.not_after, self.origin.leaf_due(served.life));
        if let Some(life) = self.sightings.trusted_by(served, &self.name, now) {
            self.metrics
                .authority(life.not_after, self.origin.authority_due(life));
        }
        let until = served.life.not_after.rfc3339();
        // Other replicas serve what is trusted besides, until this one is known to be reached through every API server.
        let at_once = self.was_ready || self.sightings.is_alone(served, &self.name, now);
        let (ready, how) = match self.sightings.trust(served, &self.name, now) {
            _ if !served.life.includes(now) => (false, "is not valid now".to_owned()),
            Trust::Since(seen) if at_once || seen >= PROPAGATION => {
                (true, "is trusted by caBundle".to_owned())
            }
            Trust::Since(_) => {
                let wait = PROPAGATION.as_secs();
                (
                    false,
                    format!(
                        "is trusted by caBundle, which every API server knows {wait} s after the change"
                    ),
                )
            }
            Trust::None => (
                false,
                format!(
                    "is not trusted by caBundle of {}",
                    self.configuration.title()
                ),
            ),
            Trust::Unknown => (
                false,
                format!(
                    "caBundle of {} was not read yet",
                    self.configuration.title()
                ),
            ),
        };
        self.was_ready |= ready;
        let mut reason = format!("certificate until {until} {how}");
        if !problems.is_empty() {
            reason = format!("{reason}; {}", problems.join("; "));
        }
        if let Some(annotation) = &self.overwriter {
            reason = format!(
                "{reason}; with {annotation} cainjector overwrites caBundle: remove the annotation"
            );
        }
        self.serving.report(Readiness {
            ready,
            reason,
            ends: Some(served.life.not_after),
        });
    }

    /// Logs once that another writes caBundle.
    fn warn_of(&mut self, overwriter: Option<&String>) {
        if self.overwriter.as_ref() != overwriter {
            if let Some(annotation) = overwriter {
                let configuration = self.configuration.title();
                warn!(
                    configuration,
                    annotation,
                    "cainjector overwrites caBundle, admissions fail: remove the annotation"
                );
            }
            self.overwriter = overwriter.cloned();
        }
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
    result
        .map_err(|error| problems.push(error.to_string()))
        .ok()
}

/// Doubling up to [`LOOK`]; the replica's own draw keeps two that collided apart.
fn retry_after(failures: u32, jitter: f64) -> Duration {
    let doubled = FIRST_RETRY.saturating_mul(2_u32.pow(failures.saturating_sub(1).min(8)));
    doubled.min(LOOK).mul_f64(0.75 + jitter / 2.0)
}
