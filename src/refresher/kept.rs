//! What outlives a refresher: the newest snapshot of its session, in memory and in the state
//! directory.
//!
//! Owns which of it a new refresher goes on with: of the same configuration, and of the identity
//! that the source names. Whether credentials still live is the session's to judge. Called by the
//! driver.

use super::Refresher;
use crate::clock;
use crate::session::Event;
use crate::session::snapshot::Snapshot;
use crate::state::Saved;
use crate::sts::Assume;

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    /// Keeps the snapshot for a refresher or a process that comes after this one.
    pub(super) fn keep(&self, snapshot: Snapshot) {
        let saved = Saved {
            boot_id: self.parts.boot_id.clone(),
            named: self.named,
            session_names: self.session_names.clone(),
            snapshot,
        };
        if let Some(state) = &self.parts.state
            && let Err(error) = state.save(&self.parts.profile.name, &saved)
        {
            tracing::warn!(profile = %self.parts.profile.name, %error, "credentials would not survive a crash");
        }
        self.parts.kept.send_replace(Some(saved));
    }

    /// What was kept by an earlier process or an earlier refresher, if it is of this configuration.
    pub(super) fn restored(&mut self) -> Option<Event> {
        let saved = self.parts.kept.borrow().clone()?;
        let profile = &self.parts.profile.name;
        if saved.snapshot.digest != self.parts.digest {
            tracing::info!(%profile, "ignoring saved credentials: the profile's configuration has changed");
            return None;
        }
        let identity = self.content.identity;
        let all = saved.snapshot.hops.iter().flatten();
        match all.filter(|hop| !hop.is_of(identity)).count() {
            0 => tracing::info!(%profile, "going on with the credentials that were kept"),
            steps => {
                tracing::warn!(%profile, steps, "ignoring saved credentials: they belong to another identity");
            }
        }
        if saved.named.may_be_restored_for(identity) {
            self.named = saved.named;
            self.session_names
                .iter_mut()
                .zip(saved.session_names)
                .for_each(|(name, saved)| *name = saved);
        }
        let same_boot = !saved.boot_id.is_empty() && saved.boot_id == self.parts.boot_id;
        let snapshot = if same_boot {
            saved.snapshot
        } else {
            saved.snapshot.from_another_boot(clock::now())
        };
        Some(Event::Restored(snapshot))
    }
}
