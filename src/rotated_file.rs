//! A file that others replace: the web identity token, an assertion, a credentials file, a
//! TLS pair.
//!
//! Owns the last good content, on a watch channel with a generation, and the error of the newest
//! read beside it; a failed read never takes a good content away. It never decides what a rotation
//! means and never writes. Read by the refresher before each STS call; [`RotatedFile::run`] reads
//! it between the calls.
//!
//! Reading on use and comparing content is what makes this right; the watcher only makes it quick
//! (inotify crosses neither gVisor nor Kata, and its instances run out).

pub mod metrics;
mod read;
mod watcher;
mod watches;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::digest::{Digest, SHA256, digest};
use tokio::sync::watch;
use tracing::{debug, info, warn};

pub use read::Error;
pub use watches::Watches;

use metrics::Reloads;
use watcher::Watcher;

/// What is known of the file. Clones share the content.
pub struct Latest<T> {
    /// The last good content, if there ever was one.
    pub value: Option<Arc<T>>,
    /// How often the good content changed; 1 = as found, 0 = none yet.
    pub generation: u64,
    /// Why the newest read gave nothing, while `value` stays in use.
    pub error: Option<Arc<Error>>,
    /// Of the bytes behind `value`: the content itself is not kept twice.
    digest: Option<Digest>,
}

/// A handle on one file; clones are handles on the same one.
pub struct RotatedFile<T>(Arc<Inner<T>>);

struct Inner<T> {
    path: PathBuf,
    limit: usize,
    parse: Box<Parse<T>>,
    reloads: Option<Reloads>,
    latest: watch::Sender<Latest<T>>,
}

type Parse<T> = dyn Fn(&[u8]) -> Result<T, String> + Send + Sync;

/// What one read came to, compared with the read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    Content,
    Recovered,
    Failed,
}

impl<T> RotatedFile<T> {
    /// The file at `path`, of at most `limit` bytes, which `parse` understands. Nothing is read
    /// yet.
    ///
    /// The error of `parse` is shown to people and must hold nothing of the content. `reloads`
    /// counts what
    /// [`metrics`] says.
    #[must_use]
    pub fn new<E: fmt::Display>(
        path: impl Into<PathBuf>,
        limit: usize,
        parse: impl Fn(&[u8]) -> Result<T, E> + Send + Sync + 'static,
        reloads: Option<Reloads>,
    ) -> Self {
        let parse: Box<Parse<T>> =
            Box::new(move |content| parse(content).map_err(|error| error.to_string()));
        Self(Arc::new(Inner {
            path: path.into(),
            limit,
            parse,
            reloads,
            latest: watch::Sender::new(Latest::default()),
        }))
    }

    /// The path as configured.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What the newest read left, without reading.
    #[must_use]
    pub fn latest(&self) -> Latest<T> {
        self.0.latest.borrow().clone()
    }

    /// Receives each new content, and each error that comes, changes or goes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Latest<T>> {
        self.0.latest.subscribe()
    }

    /// Reads the file now, publishes what changed, and hands back what is known.
    ///
    /// It blocks for one small read. Concurrent calls take turns, so an older content never comes
    /// last.
    #[must_use]
    pub fn reload(&self) -> Latest<T> {
        let mut change = Change::None;
        self.0.latest.send_if_modified(|latest| {
            change = latest.take_in(&self.0);
            change != Change::None
        });
        let latest = self.latest();
        self.log_and_count(change, &latest);
        latest
    }

    fn log_and_count(&self, change: Change, latest: &Latest<T>) {
        let (file, generation) = (self.0.path.display(), latest.generation);
        match (change, &latest.error) {
            (Change::Failed, Some(error)) if generation == 0 => {
                warn!(%file, %error, "file not usable yet");
            }
            (Change::Failed, Some(error)) => {
                warn!(%file, generation, %error, "file not usable; what was read before stays in use");
            }
            (Change::Recovered, _) => info!(%file, generation, "file is readable again"),
            (Change::Content, _) if generation > 1 => info!(%file, generation, "file was rotated"),
            (Change::Content, _) => debug!(%file, generation, "file read"),
            _ => {}
        }
        match (change, &self.0.reloads) {
            (Change::Failed, Some(reloads)) => reloads.failed(),
            (Change::Content | Change::Recovered, Some(reloads)) => reloads.succeeded(),
            _ => {}
        }
    }

    /// Keeps the content fresh until `stop` completes or the sender of `ticks` is gone.
    ///
    /// Starts watching at once. `watches` are the process's: all files share them. Each tick (30 s)
    /// reads the file whether or not anything is watched. Where watching is impossible there is one
    /// warning, and the ticks remain.
    pub async fn run(
        &self,
        watches: &Watches,
        mut ticks: watch::Receiver<u64>,
        stop: impl Future<Output = ()>,
    ) {
        let mut own = Watcher::new(watches, &self.0.path);
        let mut stop = std::pin::pin!(stop);
        own.note_static_mounts();
        loop {
            // Armed before read: what changes in between is an event.
            own.keep_armed();
            let _ = self.reload();
            tokio::select! {
                () = &mut stop => return,
                () = own.changed() => {}
                tick = ticks.changed() => if tick.is_err() {
                    return;
                },
            }
        }
    }
}

impl<T> Latest<T> {
    /// Reads the file and keeps what is good of it.
    fn take_in(&mut self, file: &Inner<T>) -> Change {
        let content = match read::read(&file.path, file.limit) {
            Ok(content) => content,
            Err(error) => return self.keep_despite(error),
        };
        let digest = digest(&SHA256, &content);
        if self
            .digest
            .is_some_and(|known| known.as_ref() == digest.as_ref())
        {
            return if self.error.take().is_some() {
                Change::Recovered
            } else {
                Change::None
            };
        }
        match (file.parse)(&content) {
            Ok(value) => {
                let generation = self.generation + 1;
                *self = Self {
                    value: Some(Arc::new(value)),
                    generation,
                    error: None,
                    digest: Some(digest),
                };
                Change::Content
            }
            Err(reason) => self.keep_despite(Error::Rejected {
                path: file.path.clone(),
                reason,
            }),
        }
    }

    fn keep_despite(&mut self, error: Error) -> Change {
        if self.error.as_deref() == Some(&error) {
            return Change::None;
        }
        self.error = Some(Arc::new(error));
        Change::Failed
    }
}

impl<T> Clone for RotatedFile<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for RotatedFile<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RotatedFile")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for Latest<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            error: self.error.clone(),
            ..*self
        }
    }
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self {
            value: None,
            generation: 0,
            error: None,
            digest: None,
        }
    }
}

impl<T> fmt::Debug for Latest<T> {
    /// Neither the content nor its digest: a short secret could be guessed from that.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Latest")
            .field("generation", &self.generation)
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
