//! One inotify instance for the process, however many files are watched.
//!
//! Owns the instance, the watch on each directory and the signals that it notifies. It never reads
//! a file and never says what changed: no event has the visible file name (the kubelet renames
//! `..data`,
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/util/atomic_writer.go>), so any
//! event means "look again". Used by `watcher`; a composition makes one and hands it to each
//! [`run`](super::RotatedFile::run).
//!
//! A uid has 128 instances on a node by default (`fs.inotify.max_user_instances`,
//! <https://man7.org/linux/man-pages/man7/inotify.7.html>), and all pods of that uid share them:
//! one for each file would leave none to others.

use std::collections::{HashMap, HashSet};
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fd::OwnedFd;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// Room for some dozen events; the largest is 272 bytes (inotify(7)).
const BUFFER: usize = 4096;

/// The watched directories of this process. Clones are the same ones.
///
/// Belongs to the tokio runtime in which the first directory is watched.
#[derive(Clone, Debug, Default)]
pub struct Watches(Arc<Mutex<Shared>>);

#[derive(Debug, Default)]
struct Shared {
    /// Opened with the first watch, and tried again while the kernel grants none.
    instance: Option<Arc<AsyncFd<OwnedFd>>>,
    /// By watch descriptor. The kernel has one for each directory, by whatever path it is watched.
    directories: HashMap<i32, Vec<Arc<Signal>>>,
    /// Directories of which a warning says that they are not watched.
    unwatched: HashSet<PathBuf>,
    /// Directories of which a line says that the kubelet did not lay them out.
    plain: HashSet<PathBuf>,
}

/// What the watcher of one file waits for.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// Holds one permit: a burst of events is one look.
    pub(super) changed: Notify,
    /// The watched directory is gone, or events may have been lost.
    pub(super) lost: AtomicBool,
}

/// A directory that is watched for one signal, until this is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    watches: Watches,
    instance: Arc<AsyncFd<OwnedFd>>,
    descriptor: i32,
    signal: Arc<Signal>,
}

/// Why nothing is watched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("its directory does not exist")]
    Missing,
    #[error(
        "no inotify instance is left for this uid on the node (fs.inotify.max_user_instances), or no file descriptor"
    )]
    Instances,
    #[error("no inotify watch is left for this uid on the node (fs.inotify.max_user_watches)")]
    Watches,
    #[error("{0}")]
    Other(#[source] std::io::Error),
}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR => Self::Missing,
            Errno::MFILE => Self::Instances,
            Errno::NOSPC => Self::Watches,
            other => Self::Other(other.into()),
        }
    }
}

impl Watches {
    /// Begins to notify `signal` of everything that changes in `directory`.
    ///
    /// Reading a file in it, and the kubelet's listing of it, change nothing: no event is asked
    /// for.
    pub(super) fn watch(&self, directory: &Path, signal: &Arc<Signal>) -> Result<Watch, Error> {
        let changes =
            WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE | WatchFlags::MODIFY;
        let ends = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF;
        let flags = changes | WatchFlags::ATTRIB | ends | WatchFlags::ONLYDIR;
        let mut shared = self.lock();
        let instance = shared.instance()?;
        let descriptor = inotify::add_watch(instance.get_ref(), directory, flags)?;
        shared
            .directories
            .entry(descriptor)
            .or_default()
            .push(Arc::clone(signal));
        Ok(Watch {
            watches: self.clone(),
            instance,
            descriptor,
            signal: Arc::clone(signal),
        })
    }

    /// Remembers whether `directory` is watched; true when that is news.
    pub(super) fn is_news(&self, directory: &Path, watched: bool) -> bool {
        let unwatched = &mut self.lock().unwatched;
        if watched {
            unwatched.remove(directory)
        } else {
            unwatched.insert(directory.to_owned())
        }
    }

    /// Remembers that the kubelet did not lay `directory` out; true when that is news.
    pub(super) fn is_first_plain(&self, directory: &Path) -> bool {
        self.lock().plain.insert(directory.to_owned())
    }

    /// A panic leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    #[allow(
        deprecated,
        reason = "the new name is unsafe for what may close its descriptor; an OwnedFd cannot"
    )]
    fn instance(&mut self) -> Result<Arc<AsyncFd<OwnedFd>>, Error> {
        if let Some(instance) = &self.instance {
            return Ok(Arc::clone(instance));
        }
        let opened = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let opened =
            Arc::new(AsyncFd::with_interest(opened, Interest::READABLE).map_err(Error::Other)?);
        self.instance = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Passes the waiting events on to every signal; the answer is why there are no more.
    fn pass_on(&mut self, instance: &OwnedFd) -> Errno {
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut events = Reader::new(instance, &mut buffer);
        loop {
            let (descriptor, what) = match events.next() {
                Ok(event) => (event.wd(), event.events()),
                Err(Errno::INTR) => continue,
                Err(errno) => return errno,
            };
            // After its removal or renaming a directory is silent for ever.
            let ends = ReadFlags::DELETE_SELF
                | ReadFlags::MOVE_SELF
                | ReadFlags::IGNORED
                | ReadFlags::UNMOUNT;
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                for signal in self.directories.values().flatten() {
                    signal.notify(true);
                }
            } else if let Some(signals) = self.directories.get(&descriptor) {
                for signal in signals {
                    signal.notify(what.intersects(ends));
                }
            }
            if what.contains(ReadFlags::IGNORED) {
                self.directories.remove(&descriptor);
            }
        }
    }
}

impl Watch {
    /// Reads events for all watchers, for ever. Each watcher does so while it waits: there is no
    /// task of the instance's.
    pub(super) async fn pass_on(&self) {
        loop {
            let Ok(mut ready) = self.instance.readable().await else {
                // The runtime ends.
                return std::future::pending().await;
            };
            let read =
                ready.try_io(
                    |instance| match self.watches.lock().pass_on(instance.get_ref()) {
                        Errno::AGAIN => Err(std::io::ErrorKind::WouldBlock.into()),
                        errno => Err::<(), _>(errno.into()),
                    },
                );
            if read.is_ok() {
                // Not in the kernel's documentation; the next tick arms and looks again.
                self.signal.lost.store(true, Ordering::Release);
                return std::future::pending().await;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut shared = self.watches.lock();
        let Some(signals) = shared.directories.get_mut(&self.descriptor) else {
            return;
        };
        signals.retain(|signal| !Arc::ptr_eq(signal, &self.signal));
        if signals.is_empty() {
            shared.directories.remove(&self.descriptor);
            // Refused when the directory is gone: the kernel has removed the watch.
            let _ = inotify::remove_watch(self.instance.get_ref(), self.descriptor);
        }
    }
}

impl Signal {
    fn notify(&self, lost: bool) {
        if lost {
            self.lost.store(true, Ordering::Release);
        }
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_what_the_kernel_ran_out_of() {
        for (errno, part) in [
            (Errno::MFILE, "max_user_instances"),
            (Errno::NOSPC, "max_user_watches"),
            (Errno::NOENT, "does not exist"),
            (Errno::ACCESS, "Permission denied"),
        ] {
            assert!(Error::from(errno).to_string().contains(part), "{part}");
        }
    }
}
