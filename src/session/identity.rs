//! The identity that is asked for: what new content of the source's file means for the credentials.
//!
//! Owns the comparison of the credentials' identity with the source's. Another identity makes every
//! hop anew, one behind the other; what was issued to the former one is vended until it is replaced
//! or ends. It starts no call.

use super::{Action, Content, Notice, Published, Session, Snapshot};
use crate::identity::Identity;
use crate::time::Now;

impl Session {
    /// Whether `identity` is another than the source names now.
    pub(super) fn is_former(&self, identity: Identity) -> bool {
        identity.changes_to(self.content.identity)
    }

    /// Takes note of the file's content; a call that carried it may bring the news before the
    /// watcher does.
    pub(super) fn noticed(&mut self, content: Content, now: Now, actions: &mut Vec<Action>) {
        if content.generation <= self.content.generation {
            return;
        }
        let former = std::mem::replace(&mut self.content, content).identity;
        if former == Identity::Unknown {
            self.disown(now, actions);
        } else if former.changes_to(content.identity) {
            actions.push(Action::Report(Notice::IdentityChanged));
        } else if former != content.identity {
            self.rename(actions);
        }
        if self.hops[0].streak.is_some() || self.is_former(former) {
            self.hops[0].due = now.boot;
        }
    }

    /// Drops what was restored for another identity while the file was empty or missing.
    fn disown(&mut self, now: Now, actions: &mut Vec<Action>) {
        let own = self.content.identity;
        for hop in self
            .hops
            .iter_mut()
            .filter(|hop| hop.lease.is_some() && hop.identity() != own)
        {
            (hop.lease, hop.due) = (None, now.boot);
        }
        if self.published == Published::Served && self.vended().is_none() {
            actions.push(Action::Withdraw);
            self.refuse(now, actions);
        }
    }

    /// The successor of a content without a name: the credentials are its own.
    fn rename(&mut self, actions: &mut Vec<Action>) {
        for lease in self.hops.iter_mut().filter_map(|hop| hop.lease.as_mut()) {
            lease.identity = self.content.identity;
        }
        actions.push(Action::Save(Snapshot::of(self.digest, &self.hops)));
    }
}
