//! Notices changes in the directory of one file.
//!
//! Owns which directory that is now, and that a new one at the same path is watched in its place.
//! It never reads the file. Where no watch is possible it says so once, and the caller's tick goes
//! on alone.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tracing::{info, warn};

use super::watches::{Error, Signal, Watch, Watches};

/// How long after an event the directory is looked at: long enough to take a burst for one.
const SETTLE: Duration = Duration::from_millis(20);

/// A watch on one directory, when the kernel grants it.
pub(super) struct Watcher {
    watches: Watches,
    directory: PathBuf,
    armed: Option<Armed>,
    signal: Arc<Signal>,
}

struct Armed {
    watch: Watch,
    /// Device and inode: another directory at the same path is not watched by this.
    directory: (u64, u64),
}

impl Watcher {
    /// Of the directory that holds `file`; nothing is watched yet.
    pub(super) fn new(watches: &Watches, file: &Path) -> Self {
        let directory = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Self {
            watches: watches.clone(),
            directory,
            armed: None,
            signal: Arc::default(),
        }
    }

    /// Says once of each directory that it is not laid out by the kubelet: a `subPath` mount never
    /// updates (<https://kubernetes.io/docs/concepts/storage/volumes/#using-subpath>).
    pub(super) fn note_static_mounts(&self) {
        let is_plain =
            self.directory.is_dir() && self.directory.join("..data").symlink_metadata().is_err();
        if is_plain && self.watches.is_first_plain(&self.directory) {
            let directory = self.directory.display();
            info!(%directory, "no ..data entry here: if this is a subPath mount of a volume, the kubelet never updates it");
        }
    }

    /// Watches the directory that is there now, unless that is already so.
    pub(super) fn keep_armed(&mut self) {
        let now = std::fs::metadata(&self.directory)
            .ok()
            .map(|m| (m.dev(), m.ino()));
        let lost = self.signal.lost.swap(false, Ordering::AcqRel);
        if !lost
            && self
                .armed
                .as_ref()
                .is_some_and(|armed| Some(armed.directory) == now)
        {
            return;
        }
        self.armed = None;
        let armed = now.ok_or(Error::Missing).and_then(|directory| {
            let watch = self.watches.watch(&self.directory, &self.signal)?;
            Ok(Armed { watch, directory })
        });
        let is_news = self.watches.is_news(&self.directory, armed.is_ok());
        let directory = self.directory.display();
        match armed {
            Ok(armed) => {
                self.armed = Some(armed);
                if is_news {
                    info!(%directory, "watching for rotations again");
                }
            }
            Err(error) if is_news => {
                warn!(%directory, %error, "not watching for rotations; reading the file every 30 s instead");
            }
            Err(_) => {}
        }
    }

    /// Waits until something happened in the directory; for ever while nothing is watched.
    ///
    /// A directory that is written to all the time costs 50 looks a second, and one swap of
    /// the kubelet, which is nine events, costs one.
    pub(super) async fn changed(&self) {
        let changed = async {
            self.signal.changed.notified().await;
            tokio::time::sleep(SETTLE).await;
        };
        match &self.armed {
            Some(armed) => tokio::select! {
                () = changed => {}
                () = armed.watch.pass_on() => {}
            },
            None => changed.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_directory_is_watched_in_the_working_directory() {
        let directory = |file: &str| Watcher::new(&Watches::default(), Path::new(file)).directory;
        assert_eq!(directory("token"), Path::new("."));
        assert_eq!(directory("/a/token"), Path::new("/a"));
    }
}
