//! Mode `self`: certificates made here, kept in the Secret that all replicas share.
//!
//! Owns what is held in memory and carries out one step of `plan` at a time. An error changes nothing that is
//! held. Called by the driver at each look.

use rustls::pki_types::CertificateDer;
use tracing::{info, warn};

use super::authority::{self, Names};
use super::held::Held;
use super::metrics::Metrics;
use super::object::{self, Object};
use super::plan::{self, Rotation, Situation, Step};
use super::secret::{self, ROTATE};
use super::serving::Servable;
use super::settings::Durations;
use super::sightings::Sightings;
use crate::time::Wall;

/// Why a look brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Object(#[from] object::Error),
    #[error(transparent)]
    Certificate(#[from] authority::Error),
}

/// The Secret and what is in memory of it.
pub(super) struct Own {
    secret: Object,
    names: Names,
    lasts: Durations,
    jitter: f64,
    metrics: Metrics,
    held: Option<Held>,
    servable: Option<Servable>,
    /// The request that was last complained of.
    misunderstood: Option<String>,
}

impl Own {
    pub(super) fn new(
        secret: Object,
        names: Names,
        lasts: Durations,
        jitter: f64,
        metrics: Metrics,
    ) -> Self {
        Self {
            secret,
            names,
            lasts,
            jitter,
            metrics,
            held: None,
            servable: None,
            misunderstood: None,
        }
    }

    /// Reads the Secret and takes one step; whether it wrote, and so should look again.
    pub(super) async fn look(&mut self, sightings: &Sightings, now: Wall) -> Result<bool, Error> {
        let read = secret::read(&self.secret, &self.names).await?;
        let request = self.understand(read.request.as_ref());
        let next = read.held.as_ref().and_then(|held| held.next.as_ref());
        let step = plan::next(&Situation {
            held: self.held.as_ref(),
            stored: read.held.as_ref(),
            faulty: !read.faults.is_empty(),
            request,
            next_trusted: next.and_then(|next| sightings.seen_for(&next.certificate)),
            now,
            jitter: self.jitter,
        });
        if step == Step::Adopt {
            if self.held != read.held {
                self.servable = read
                    .held
                    .as_ref()
                    .and_then(|held| held.leaf.as_ref())
                    .map(Servable::of)
                    .transpose()?;
                self.held = read.held;
            }
            return Ok(false);
        }
        let done = self
            .carry_out(
                step,
                &read,
                request.is_some_and(|request| step.fulfils(request)),
                now,
            )
            .await;
        match (done, step.renews()) {
            // Another replica was quicker: that is no failure.
            (Err(Error::Object(object::Error::Conflict(_))), _) | (Ok(()), false) => {}
            (Ok(()), true) => self.metrics.renewed(),
            (Err(error), renews) => {
                if renews {
                    self.metrics.failed();
                }
                return Err(error);
            }
        }
        Ok(true)
    }

    async fn carry_out(
        &mut self,
        step: Step,
        read: &secret::Read,
        done: bool,
        now: Wall,
    ) -> Result<(), Error> {
        if !read.faults.is_empty() {
            warn!(
                secret = self.secret.title(),
                faults = read.faults.join("; "),
                "content is not usable and is replaced"
            );
        }
        let Some(held) = self.outcome(step, read.held.as_ref(), now)? else {
            return Ok(());
        };
        let servable = held.leaf.as_ref().map(Servable::of).transpose()?;
        secret::write(&self.secret, read, &held, done).await?;
        let life = held
            .leaf
            .as_ref()
            .map_or(held.authority.life, |leaf| leaf.life);
        info!(
            secret = self.secret.title(),
            step = step.name(),
            not_after = life.not_after.rfc3339(),
            "secret written"
        );
        (self.held, self.servable) = (Some(held), servable);
        Ok(())
    }

    /// What the Secret is to hold after the step.
    fn outcome(
        &self,
        step: Step,
        stored: Option<&Held>,
        now: Wall,
    ) -> Result<Option<Held>, authority::Error> {
        let (names, lasts) = (&self.names, self.lasts);
        let held = match (step, stored) {
            (Step::Adopt, _) => None,
            (Step::WriteBack, _) => self.held.clone(),
            (Step::IssueLeaf, Some(stored)) => Some(stored.with_new_leaf(names, lasts, now)?),
            (Step::Announce, Some(stored)) => Some(stored.with_next(lasts, now)?),
            (Step::Promote, Some(stored)) => Some(stored.promoted(names, lasts, now)?),
            (Step::Remember, Some(stored)) => self
                .held
                .as_ref()
                .map(|held| stored.clone().remembering(held, now)),
            (_, None) | (Step::IssueAll, _) => Some(Held::fresh(names, lasts, now)?),
        };
        Ok(held)
    }

    /// What an operator asks for; a value that means nothing is complained of once.
    fn understand(&mut self, request: Option<&Result<Rotation, String>>) -> Option<Rotation> {
        let misunderstood = request.and_then(|request| request.as_ref().err());
        if misunderstood != self.misunderstood.as_ref() {
            self.misunderstood = misunderstood.cloned();
            if let Some(value) = misunderstood {
                let secret = self.secret.title();
                warn!(
                    secret,
                    value, "annotation {ROTATE} is neither ca nor leaf; nothing is rotated"
                );
            }
        }
        request.and_then(|request| request.as_ref().ok().copied())
    }

    /// The leaf that is held.
    pub(super) fn candidate(&self) -> Option<Servable> {
        self.servable.clone()
    }

    /// The CAs of which a leaf is served by a replica of this mode, may still be, or soon will be.
    pub(super) fn authorities(&self, now: Wall) -> Vec<CertificateDer<'static>> {
        self.held
            .as_ref()
            .map(|held| held.trusted(now))
            .unwrap_or_default()
    }
}
