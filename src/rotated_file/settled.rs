//! Whether a file is as it was read, known without opening it.
//!
//! Opening a plain file is an event of its directory, for which `notify` asks although nobody wants it: a read
//! at each tick would wake the watcher's thread each time, and an idle process has few wake-ups to spend. A
//! look at the inode wakes nobody. Nothing else relies on it: before each STS call the file itself is read.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the looks at one file have shown.
#[derive(Default)]
pub(super) struct Settled {
    last: Option<Stamp>,
    /// It was the same at two ticks, and read at the second.
    is_certain: bool,
}

/// Device and inode, size, times of modification and of change, the latter of which nobody can set.
#[derive(PartialEq, Eq)]
struct Stamp([i128; 7]);

impl Settled {
    /// Looks, once for each tick: true when the file need not be read.
    ///
    /// One equal look is not enough: file times move in steps of milliseconds, so a write right after a read
    /// may leave them as they were. A tick later no write does.
    pub(super) fn look(&mut self, path: &Path) -> bool {
        let now = std::fs::metadata(path).ok().as_ref().map(stamp);
        let same = now.is_some() && now == self.last;
        let need_not = same && self.is_certain;
        (self.last, self.is_certain) = (now, same);
        need_not
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    let (device, inode, size) = (metadata.dev().into(), metadata.ino().into(), metadata.size().into());
    let modified = [metadata.mtime().into(), metadata.mtime_nsec().into()];
    let changed = [metadata.ctime().into(), metadata.ctime_nsec().into()];
    Stamp([device, inode, size, modified[0], modified[1], changed[0], changed[1]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_settled_at_the_third_equal_look_and_no_longer_once_touched() {
        let directory = tempfile::tempdir().expect("a directory");
        let (file, other) = (directory.path().join("token"), directory.path().join("other"));
        let mut settled = Settled::default();
        let mut looks = |count: usize| (0..count).map(|_| settled.look(&file)).collect::<Vec<_>>();
        assert_eq!(looks(3), [false; 3], "missing");
        std::fs::write(&file, "one").expect("written");
        assert_eq!(looks(4), [false, false, true, true]);
        std::fs::write(&other, "two").expect("written");
        std::fs::rename(&other, &file).expect("swapped for a file of the same size");
        assert_eq!(looks(3), [false, false, true]);
        std::fs::write(&file, "three").expect("written in place");
        assert_eq!(looks(3), [false, false, true]);
        std::fs::remove_file(&file).expect("removed");
        assert_eq!(looks(3), [false; 3]);
    }
}
