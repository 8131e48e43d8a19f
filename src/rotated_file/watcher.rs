//! Hears of changes in the directory of a file: the only file that names `notify`.
//!
//! Owns the inotify watch and its repair. It never reads the file and never says what changed: the visible
//! file name stands in no event (the kubelet renames `..data`), so any event means "look again".
//! Where no watch is possible it says so once, and the caller's tick goes on alone.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tracing::{info, warn};

/// How long after an event the directory is looked at: long enough to take a burst for one.
const SETTLE: Duration = Duration::from_millis(20);

/// A watch on one directory, when the kernel grants it.
pub(super) struct Watcher {
    directory: PathBuf,
    armed: Option<Armed>,
    signal: Arc<Signal>,
    /// Set by the warning, unset when watching resumes.
    warned: bool,
}

struct Armed {
    _watcher: RecommendedWatcher,
    /// Device and inode: another directory at the same path is not watched by this.
    directory: (u64, u64),
}

/// From the callback's thread to the task.
#[derive(Default)]
struct Signal {
    /// Holds one permit: a burst of events is one look.
    changed: Notify,
    /// The watched directory is gone, or events may have been lost.
    lost: AtomicBool,
}

/// Why nothing is watched.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("its directory does not exist")]
    Missing,
    #[error(
        "no inotify instance is left for this uid on the node (fs.inotify.max_user_instances), or no file descriptor"
    )]
    Instances,
    #[error("no inotify watch is left for this uid on the node (fs.inotify.max_user_watches)")]
    Watches,
    #[error("{0}")]
    Other(String),
}

impl Watcher {
    /// Of the directory that holds `file`; nothing is watched yet.
    pub(super) fn new(file: &Path) -> Self {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self { directory, armed: None, signal: Arc::default(), warned: false }
    }

    /// Says once when the directory is not laid out by the kubelet: a `subPath` mount never updates.
    pub(super) fn note_static_mounts(&self) {
        if self.directory.is_dir() && self.directory.join("..data").symlink_metadata().is_err() {
            let directory = self.directory.display();
            info!(%directory, "no ..data entry here: if this is a subPath mount of a volume, the kubelet never updates it");
        }
    }

    /// Watches the directory that is there now, unless that is already so.
    pub(super) fn keep_armed(&mut self) {
        let now = std::fs::metadata(&self.directory).ok().map(|m| (m.dev(), m.ino()));
        let lost = self.signal.lost.swap(false, Ordering::AcqRel);
        if !lost && self.armed.as_ref().is_some_and(|armed| Some(armed.directory) == now) {
            return;
        }
        self.armed = None;
        let directory = self.directory.display();
        match now.ok_or(Error::Missing).and_then(|identity| arm(&self.directory, identity, &self.signal)) {
            Ok(armed) => {
                self.armed = Some(armed);
                if std::mem::take(&mut self.warned) {
                    info!(%directory, "watching for rotations again");
                }
            }
            Err(error) if !self.warned => {
                self.warned = true;
                warn!(%directory, %error, "not watching for rotations; reading the file every 30 s instead");
            }
            Err(_) => {}
        }
    }

    /// Waits until something happened in the directory; for ever while nothing is watched.
    ///
    /// A directory that somebody writes to all the time costs 50 looks a second, and one swap of the kubelet,
    /// which is nine events, costs one.
    pub(super) async fn changed(&self) {
        self.signal.changed.notified().await;
        tokio::time::sleep(SETTLE).await;
    }
}

fn arm(directory: &Path, identity: (u64, u64), signal: &Arc<Signal>) -> Result<Armed, Error> {
    let (parent, signal) = (directory.to_owned(), Arc::clone(signal));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
        // Our own read of a plain file is an access event, and so is the kubelet's listing at each volume sync.
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
        Ok(event) => signal.tell(event.need_rescan() || is_end_of(&parent, &event)),
        Err(_) => signal.tell(true),
    })
    .map_err(|error| understand(&error))?;
    watcher.watch(directory, RecursiveMode::NonRecursive).map_err(|error| understand(&error))?;
    Ok(Armed { _watcher: watcher, directory: identity })
}

/// After its removal or renaming a watched directory is silent for ever.
fn is_end_of(directory: &Path, event: &Event) -> bool {
    matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
        && event.paths.iter().any(|path| path == directory)
}

fn understand(error: &notify::Error) -> Error {
    const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();
    match &error.kind {
        notify::ErrorKind::PathNotFound => Error::Missing,
        notify::ErrorKind::MaxFilesWatch => Error::Watches,
        notify::ErrorKind::Io(io) if io.raw_os_error() == Some(EMFILE) => Error::Instances,
        _ => Error::Other(error.to_string()),
    }
}

impl Signal {
    fn tell(&self, lost: bool) {
        if lost {
            self.lost.store(true, Ordering::Release);
        }
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{RemoveKind, RenameMode};

    #[test]
    fn only_the_directory_itself_going_away_ends_a_watch() {
        let directory = Path::new("/run/token");
        let of = |kind, path: &str| Event::new(kind).add_path(PathBuf::from(path));
        let removed = EventKind::Remove(RemoveKind::Folder);
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::From));
        assert!(is_end_of(directory, &of(removed, "/run/token")));
        assert!(is_end_of(directory, &of(renamed, "/run/token")));
        assert!(!is_end_of(directory, &of(removed, "/run/token/..2026_11_22")));
        assert!(!is_end_of(directory, &of(renamed, "/run/token/..data_tmp")));
    }

    #[test]
    fn what_the_kernel_ran_out_of_is_told_apart() {
        let instances = notify::Error::io(rustix::io::Errno::MFILE.into());
        assert!(understand(&instances).to_string().contains("max_user_instances"));
        let watches = notify::Error::new(notify::ErrorKind::MaxFilesWatch);
        assert!(understand(&watches).to_string().contains("max_user_watches"));
        assert!(matches!(understand(&notify::Error::path_not_found()), Error::Missing));
        assert!(matches!(understand(&notify::Error::generic("odd")), Error::Other(text) if text == "odd"));
    }

    #[test]
    fn a_file_without_a_directory_is_watched_where_we_stand() {
        assert_eq!(Watcher::new(Path::new("token")).directory, Path::new("."));
        assert_eq!(Watcher::new(Path::new("/a/token")).directory, Path::new("/a"));
    }
}
