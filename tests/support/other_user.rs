//! The program as another user, wherever the checkout and the build are.
//!
//! A folder above either may be closed to others (a home, `mktemp -d`), and so may `TMPDIR` be.
//! What another user runs and reads is put where everybody may go.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::StatVfsMountFlags;
use tempfile::TempDir;

/// A new directory that everybody may enter, on a file system that programs may be started from.
pub fn directory() -> TempDir {
    let places = [
        std::env::temp_dir(),
        "/tmp".into(),
        "/var/tmp".into(),
        "/dev/shm".into(),
    ];
    let made = places
        .iter()
        .filter(|place| is_open(place))
        .find_map(|place| tempfile::tempdir_in(place).ok());
    let made = made.unwrap_or_else(|| tempfile::tempdir().expect("a temporary directory"));
    std::fs::set_permissions(made.path(), std::fs::Permissions::from_mode(0o755)).expect("ours");
    made
}

fn is_open(place: &Path) -> bool {
    let may_enter = |path: &Path| {
        path.metadata()
            .is_ok_and(|metadata| metadata.mode() & 0o001 != 0)
    };
    let may_start =
        rustix::fs::statvfs(place).is_ok_and(|fs| !fs.f_flag.contains(StatVfsMountFlags::NOEXEC));
    place.is_absolute() && place.ancestors().all(may_enter) && may_start
}

/// A command that runs a copy of `program`, made in `directory`, as `uid`; nothing where only root
/// could.
///
/// With `ALL_TIERS=1` that is a failure.
pub fn command(program: &Path, directory: &Path, uid: u32) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        let all = std::env::var_os("ALL_TIERS").is_some_and(|all| all == "1");
        assert!(!all, "ALL_TIERS=1 needs root");
        return None;
    }
    let copy: PathBuf = directory.join("program-of-another-user");
    // Copied by a process of its own: a descriptor open for writing here would be inherited by what
    // other threads start, and the copy be "text file busy".
    let copied = Command::new("cp").arg(program).arg(&copy).status();
    assert!(
        copied.is_ok_and(|status| status.success()),
        "room for the program"
    );
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("ours");
    let mut command = Command::new(copy);
    // Without root's supplementary groups, too.
    command.uid(uid);
    Some(command)
}
