//! The driver: looks at everything, takes the due actions, and says what came of it.
//!
//! Owns the order within a look, the pauses between looks, and what is logged. It decides nothing
//! about certificates itself: `plan`, `record` and `serving` do, and `status` judges readiness. Run
//! by `certificates::keep`.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Clock;
use super::bundle::{self, Bundle};
use super::metrics::Metrics;
use super::object::{self, Object};
use super::pair::Servable;
use super::plan;
use super::reference::Reference;
use super::serving::{ServingCertificate, gives_way};
use super::sightings::Sightings;
use super::source::Source;
use crate::injector::config::Mode;
use crate::time::Wall;

/// The longest between two looks. A watch that hangs is not noticed, so this bounds
/// how long a wipe lasts then.
const LOOK: Duration = Duration::from_secs(4);

/// After a failed look: the API server may be restarting, so the first tries come quickly.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Writes without a quiet moment between them, after which they slow down: a fight with another
/// writer of the same objects. A first start takes two, the repair of a wipe two.
const IN_A_ROW: u32 = 6;

/// All that a look needs.
pub(super) struct Keeper {
    pub(super) mode: Mode,
    /// The name under which the API server calls the webhook.
    pub(super) name: String,
    pub(super) configuration: Object,
    pub(super) source: Source,
    pub(super) serving: Arc<ServingCertificate>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) known: Known,
}

/// What earlier looks left.
#[derive(Default)]
pub(super) struct Known {
    pub(super) served: Option<Servable>,
    /// Whether it was ready once. From then on a certificate is served only when it is
    /// trusted for long enough.
    pub(super) was_ready: bool,
    pub(super) sightings: Sightings,
    reference: Reference,
    /// As last logged; empty when all is well.
    pub(super) problems: String,
}

impl Keeper {
    /// Looks for ever: when `changed` says so, when a look failed, and at
    /// the latest after [`LOOK`].
    pub(super) async fn run(&mut self, changed: &Notify) {
        let (mut writes, mut failures) = (0, 0);
        loop {
            let (wrote, has_failed) = self.look().await;
            failures = if has_failed { failures + 1 } else { 0 };
            writes += u32::from(wrote);
            let slow = failures.max(writes.saturating_sub(IN_A_ROW));
            let pause = retry_after(slow, self.clock.jitter);
            if slow > 0 && wrote {
                // Not shortened by a change, which may be one of this replica's own
                // or of the other writer's.
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

    /// One look at everything; whether something was written, and whether something failed.
    async fn look(&mut self) -> (bool, bool) {
        let mut problems = Vec::new();
        let present = bundle::read(&self.configuration, &self.name).await;
        let present = note(present, &mut problems);
        let date = present.as_ref().and_then(|present| present.date);
        let now = self.known.reference.now((self.clock.wall)(), date);
        if let Some(present) = &present {
            let age = |ca: &CertificateDer<'_>| present.record.age(ca, date.unwrap_or(now));
            self.known.sightings.note(present.trusted(), age);
        }
        let overwriter = present.as_ref().and_then(Bundle::overwritten_by);
        let looked = self.source.look(&self.known.sightings, now).await;
        let wrote = note(looked, &mut problems).unwrap_or(false);
        let patched = match present {
            Some(present) => note(self.trust(&present, now).await, &mut problems).unwrap_or(false),
            None => false,
        };
        if let Some(candidate) = self.source.candidate() {
            self.serve(candidate, now);
        }
        let has_failed = !problems.is_empty();
        problems.extend(overwriter);
        self.complain(problems.join("; "));
        self.report(now);
        (wrote || patched, has_failed)
    }

    /// Writes caBundle and its record when they are not as they must be; whether it did.
    async fn trust(&mut self, present: &Bundle, now: Wall) -> Result<bool, object::Error> {
        let (anywhere, everywhere) = (present.present(), present.trusted());
        let needed = self.needed(&anywhere, now);
        // The clock of the record is the API server's, which all replicas share.
        let date = present.date.unwrap_or(now);
        let (wanted, record) = present.record.next(&anywhere, &everywhere, &needed, date);
        let is_right = present.is(&wanted) && present.record == record;
        // While this replica has no certificate, it does not know what caBundle must hold.
        if needed.is_empty() || wanted.is_empty() || is_right {
            return Ok(false);
        }
        match bundle::write(&self.configuration, present, &wanted, &record).await {
            // Another replica was quicker, or the webhooks were changed: the next look shows it.
            Err(object::Error::Conflict(_)) => return Ok(true),
            written => written?,
        }
        let configuration = self.configuration.title();
        info!(
            configuration,
            authorities = wanted.len(),
            "caBundle written"
        );
        Ok(true)
    }

    /// The CAs that must not leave caBundle: what certificates come from, and those of `present`
    /// that trust what is served or soon will be, whichever replica brought them.
    fn needed(
        &self,
        present: &[CertificateDer<'static>],
        now: Wall,
    ) -> Vec<CertificateDer<'static>> {
        let mut needed = self.source.authorities(now);
        let candidate = self.source.candidate();
        for ca in present {
            let mut servable = self.known.served.iter().chain(&candidate);
            let is_trusting = servable.any(|one| one.is_trusted_by(ca, &self.name, now));
            if is_trusting && !needed.contains(ca) {
                needed.push(ca.clone());
            }
        }
        needed
    }

    fn serve(&mut self, candidate: Servable, now: Wall) {
        let Known {
            served, sightings, ..
        } = &mut self.known;
        if served.as_ref() == Some(&candidate) {
            return;
        }
        let trust = |servable: &Servable| sightings.trust(servable, &self.name, now);
        let before = served.as_ref().map(|served| (served, trust(served)));
        if gives_way(before, trust(&candidate), now) {
            let not_after = candidate.life.not_after.rfc3339();
            info!(not_after, "certificate served");
            self.serving.serve(candidate.key.clone());
            *served = Some(candidate);
        }
    }

    fn report(&mut self, now: Wall) {
        if let Some(served) = &self.known.served {
            let due = plan::latest_leaf_due(self.mode, served.life);
            self.metrics.leaf(served.life.not_after, due);
            if let Some(life) = self.known.sightings.trusted_by(served, &self.name, now) {
                let due = plan::latest_authority_due(self.mode, life);
                self.metrics.authority(life.not_after, due);
            }
        }
        let readiness = self
            .known
            .readiness(&self.name, self.configuration.title(), now);
        self.known.was_ready |= readiness.ready;
        self.serving.report(readiness);
    }

    /// Logs what changed, not each failed look.
    fn complain(&mut self, problems: String) {
        if problems == self.known.problems {
            return;
        }
        if problems.is_empty() {
            info!("certificates are in order again");
        } else {
            warn!(%problems, "certificates are not in order; the last good one stays served");
        }
        self.known.problems = problems;
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
