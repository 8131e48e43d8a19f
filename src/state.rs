//! The state directory: the last good generation of each profile, for the process that comes after
//! a crash.
//!
//! Owns the directory that only we may enter, the files' form, their atomic replacement and the
//! refusal of anything torn or foreign. It never decides whether credentials may still be vended:
//! `session` does, from the snapshot's times. `refresher` writes and reads it; `agent` opens it and
//! keeps the `started` mark in it.

mod record;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::assume::ProfileName;
use crate::identity::Identity;
use crate::role::SessionName;
use crate::session::snapshot::{Digest, Snapshot};

/// No snapshot is larger: four hops with tokens of 8 KiB each stay far below it.
const LARGEST: u64 = 1024 * 1024;

const STARTED: &str = "started";

/// In the directory that is given: the kubelet makes an emptyDir with mode 0777
/// (<https://kubernetes.io/docs/concepts/storage/volumes/#emptydir>), and gives it to a group with
/// `fsGroup`.
const OWN: &str = "stsidecar";

/// A directory that only this agent's uid may enter.
#[derive(Clone, Debug)]
pub struct StateDirectory {
    /// Below the one that is configured.
    path: PathBuf,
}

/// What is kept of one profile.
#[derive(Clone, Debug)]
pub struct Saved {
    /// The boot on whose clock the snapshot's times are.
    pub boot_id: String,
    /// The identity in the source when the session names were chosen.
    pub named: Identity,
    /// The session names in use, source first; each stays constant once it is known, for one
    /// identity.
    pub session_names: Vec<Option<SessionName>>,
    /// The credentials and their schedule.
    pub snapshot: Snapshot,
}

/// Why the state directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory cannot be made, or not written.
    #[error(
        "cannot write the state directory {path}: {source}; give it a writable, memory-backed volume"
    )]
    Directory {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it cannot be written or read.
    #[error("cannot use the state file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file in it is not what this version wrote.
    #[error("ignoring the state file {path}: {reason}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Names a configuration: equal text, equal digest.
#[must_use]
pub fn configuration_digest(configuration: &str) -> Digest {
    Digest(sha256(configuration.as_bytes()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

impl StateDirectory {
    /// Makes a directory of ours (0700) in the one at `path`, which is made too if it is missing,
    /// and finds out whether it can be written.
    ///
    /// # Errors
    /// When it cannot, or when another uid owns what is at its path.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = own_directory(path);
        let probe = path.join(".probe");
        match make_own(&path)
            .and_then(|()| create_private(&probe))
            .and_then(|_| fs::remove_file(&probe))
        {
            Ok(()) => Ok(Self { path }),
            Err(source) => Err(Error::Directory { path, source }),
        }
    }

    /// Whether the directory is on tmpfs, where credentials never reach a disk.
    #[must_use]
    pub fn is_memory_backed(&self) -> bool {
        is_in_memory(&self.path)
    }

    /// Replaces what is kept of a profile, atomically.
    ///
    /// # Errors
    /// When the file cannot be written; what was kept before is still there.
    pub fn save(&self, profile: &ProfileName, saved: &Saved) -> Result<(), Error> {
        let body = record::encode(saved);
        let content = [hex(&sha256(&body)).as_bytes(), b"\n", &body].concat();
        replace(&self.file(profile), &content)
    }

    /// What is kept of a profile; nothing when nothing was.
    ///
    /// # Errors
    /// When a file is there that cannot be read, or is torn or foreign. It is left where it is.
    pub fn load(&self, profile: &ProfileName) -> Result<Option<Saved>, Error> {
        let path = self.file(profile);
        let mut content = Vec::new();
        let read = OpenOptions::new()
            .read(true)
            .custom_flags(NO_FOLLOW)
            .open(&path)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut content));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::File { path, source }),
            Ok(_) => {}
        }
        let content_error = |reason| Error::Content {
            path: path.clone(),
            reason,
        };
        let (sum, body) = content
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|end| (&content[..end], &content[end + 1..]))
            .ok_or_else(|| content_error("it is torn"))?;
        if sum != hex(&sha256(body)).as_bytes() {
            return Err(content_error("its checksum does not match"));
        }
        record::decode(body)
            .map(Some)
            .ok_or_else(|| content_error("another version wrote it"))
    }

    /// Remembers that all profiles have held credentials at the same time, for the startup probe
    /// after a restart.
    ///
    /// # Errors
    /// When the mark cannot be written.
    pub fn mark_started(&self) -> Result<(), Error> {
        replace(&self.path.join(STARTED), b"")
    }

    /// Whether the mark is there.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.path.join(STARTED).exists()
    }

    fn file(&self, profile: &ProfileName) -> PathBuf {
        self.path.join(format!("{profile}.state"))
    }
}

/// Makes the directory, or closes the one that is there and ours.
///
/// Another user that may write in the parent may have put a link or a directory there, to get our
/// files or to give us its own.
fn make_own(path: &Path) -> io::Result<()> {
    let parent = path.parent().unwrap_or(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let only_a_directory = NO_FOLLOW | rustix::fs::OFlags::DIRECTORY.bits().cast_signed();
    let own = OpenOptions::new()
        .read(true)
        .custom_flags(only_a_directory)
        .open(path)?;
    let (metadata, us) = (own.metadata()?, rustix::process::geteuid().as_raw());
    if metadata.uid() != us {
        let found = format!(
            "it belongs to uid {}, we are uid {us}: remove it",
            metadata.uid()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, found));
    }
    // A directory made in one with the setgid bit has it too.
    if metadata.mode() & 0o7777 == 0o700 {
        Ok(())
    } else {
        own.set_permissions(Permissions::from_mode(0o700))
    }
}

/// Where the files of a state directory are, for a look without opening it.
#[must_use]
pub fn own_directory(configured: &Path) -> PathBuf {
    configured.join(OWN)
}

/// Whether what is at `path` is on tmpfs.
#[must_use]
pub fn is_in_memory(path: &Path) -> bool {
    const TMPFS: i128 = 0x0102_1994;
    rustix::fs::statfs(path).is_ok_and(|stat| i128::from(stat.f_type) == TMPFS)
}

fn replace(path: &Path, content: &[u8]) -> Result<(), Error> {
    let draft = path.with_extension("draft");
    create_private(&draft)
        .and_then(|mut file| file.write_all(content))
        .and_then(|()| fs::rename(&draft, path))
        .map_err(|source| Error::File {
            path: path.to_owned(),
            source,
        })
}

const NO_FOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();

/// A new file of ours (0600); what is there under the name, a crash's remains or a link, is removed
/// first.
fn create_private(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(NO_FOLLOW)
        .open(path)
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

#[cfg(test)]
mod tests;
