//! Mode `self`: certificates made here, kept in the Secret that all replicas share.
//!
//! Owns the Secret, the annotation on it by which an operator asks for a rotation, and its content
//! as this replica last knew it; carries out one action of `plan` at a time. An error changes
//! nothing that is in memory. Called by the driver at each look.

use serde_json::{Value, json};
use tracing::{info, warn};

use super::keyring::{KEYS, Keyring};
use super::metrics::Metrics;
use super::object::{self, Object};
use super::pair::{self, Names, Terms};
use super::plan::{self, Action, Rotation, Situation};
use super::sightings::Sightings;
use crate::injector::config::Durations;
use crate::time::Wall;

/// `ca` or `leaf`; taken off by the write that begins the rotation.
const ROTATE: &str = "stsidecar.dev/rotate";

/// Why a look brought nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Object(#[from] object::Error),
    #[error(transparent)]
    Certificate(#[from] pair::Error),
}

/// The Secret and what is in memory of it.
pub(super) struct SelfSigned {
    pub(super) secret: Object,
    pub(super) names: Names,
    pub(super) lasts: Durations,
    pub(super) jitter: f64,
    pub(super) metrics: Metrics,
    pub(super) keyring: Option<Keyring>,
    /// The request that was last complained of.
    pub(super) misunderstood: Option<String>,
}

impl SelfSigned {
    /// Reads the Secret and takes one action; whether it wrote, and so should look again.
    pub(super) async fn look(&mut self, sightings: &Sightings, now: Wall) -> Result<bool, Error> {
        let secret = self.secret.read().await?;
        let (stored, faults) = Keyring::from_data(&secret["data"], &self.names);
        let request = self.request(&secret["metadata"]["annotations"][ROTATE]);
        let next = stored.as_ref().and_then(|stored| stored.next.as_ref());
        let action = plan::next(&Situation {
            current: self.keyring.as_ref(),
            stored: stored.as_ref(),
            faulty: !faults.is_empty(),
            request,
            next_trusted: next.and_then(|next| sightings.seen_for(next.certificate())),
            now,
            jitter: self.jitter,
        });
        if action == Action::Adopt {
            self.keyring = stored;
            return Ok(false);
        }
        if !faults.is_empty() {
            let (secret, faults) = (self.secret.title(), faults.join("; "));
            warn!(secret, faults, "content is not usable and is replaced");
        }
        let done = request.is_some_and(|request| action.fulfils(request));
        match self.carry_out(action, stored, secret, done, now).await {
            Ok(()) if action.renews() => self.metrics.renewed(),
            // Of a conflict another replica is the cause, which was quicker: that is no failure.
            Ok(()) | Err(Error::Object(object::Error::Conflict(_))) => {}
            Err(error) => {
                if action.renews() {
                    self.metrics.failed();
                }
                return Err(error);
            }
        }
        Ok(true)
    }

    /// Stores what the action makes of `stored` in place of what was read, and takes the
    /// request off when it is `done`.
    async fn carry_out(
        &mut self,
        action: Action,
        stored: Option<Keyring>,
        mut secret: Value,
        done: bool,
        now: Wall,
    ) -> Result<(), Error> {
        let Some(keyring) = self.outcome(action, stored, now)? else {
            return Ok(());
        };
        if !secret["data"].is_object() {
            secret["data"] = json!({});
        }
        if let Some(data) = secret["data"].as_object_mut() {
            data.retain(|key, _| !KEYS.contains(&key.as_str()));
            data.extend(keyring.to_data());
        }
        if done && let Some(annotations) = secret["metadata"]["annotations"].as_object_mut() {
            annotations.remove(ROTATE);
        }
        self.secret.replace(&secret).await?;
        let newest = keyring.leaf.as_ref().unwrap_or(&keyring.authority);
        info!(
            secret = self.secret.title(),
            step = action.name(),
            not_after = newest.life().not_after.rfc3339(),
            "secret written"
        );
        self.keyring = Some(keyring);
        Ok(())
    }

    /// What the Secret is to hold after the action.
    fn outcome(
        &self,
        action: Action,
        stored: Option<Keyring>,
        now: Wall,
    ) -> Result<Option<Keyring>, pair::Error> {
        let current = self.keyring.as_ref();
        let terms = Terms {
            names: &self.names,
            lasts: self.lasts,
            now,
        };
        let keyring = match (action, stored) {
            (Action::Adopt, _) => return Ok(None),
            (Action::WriteBack, _) => return Ok(current.cloned()),
            (Action::Remember, Some(stored)) => {
                return Ok(current.map(|current| stored.remembering(current, now)));
            }
            (Action::IssueLeaf, Some(stored)) => stored.with_new_leaf(terms)?,
            (Action::Announce, Some(stored)) => stored.with_next(terms)?,
            (Action::Promote, Some(stored)) => stored.promoted(terms)?,
            (_, None) | (Action::IssueAll, _) => Keyring::fresh(terms)?,
        };
        Ok(Some(keyring))
    }

    /// What an operator asks for by the annotation; a value that means
    /// nothing is complained of once.
    fn request(&mut self, annotation: &Value) -> Option<Rotation> {
        let asked = annotation.as_str();
        let request = match asked {
            Some("ca") => Some(Rotation::Authority),
            Some("leaf") => Some(Rotation::Leaf),
            _ => None,
        };
        let misunderstood = asked.filter(|_| request.is_none());
        if misunderstood != self.misunderstood.as_deref() {
            self.misunderstood = misunderstood.map(str::to_owned);
            if let Some(value) = misunderstood {
                let secret = self.secret.title();
                warn!(
                    secret,
                    value, "annotation {ROTATE} is neither ca nor leaf; nothing is rotated"
                );
            }
        }
        request
    }
}
