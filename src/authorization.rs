//! The authorization token of a client: the shared secret an SDK reads from
//! `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`
//! (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>).
//!
//! Owns that file: made when missing, kept when valid, so that a restart of the agent changes
//! nothing for a running application. It never touches a directory that is there (the kubelet makes
//! subPath directories as root), and never compares tokens: `endpoint/guard.rs` does. Called by the
//! composition before all else, because an application that finds no token may fall through to the
//! node's own credentials.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::credentials::Secret;
use crate::text;

/// 256 random bits: 43 characters of base64url.
const RANDOM_BYTES: usize = 32;
/// Shorter ones can be guessed.
const SHORTEST: usize = 32;
/// SDKs send it as one header line.
const LONGEST: usize = 1024;
/// Beside the token, so that renaming it stays in one file system.
const TEMPORARY: &str = ".token.tmp";

/// Why a client has no token file. The command line ends with 77 on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory could not be made.
    #[error(
        "cannot make {} for the authorization token: {source}; mount a writable volume there (emptyDir, medium Memory)",
        directory.display()
    )]
    Directory {
        /// What was to be made.
        directory: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file could not be written.
    #[error(
        "cannot write the authorization token to {}: {source}; its directory must be writable for uid {uid}, on a volume \
         that is not read-only",
        path.display()
    )]
    Write {
        /// The token file.
        path: PathBuf,
        /// Who we are.
        uid: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The configured value cannot be sent by every SDK, or can be guessed.
    #[error(
        "the authorization token given for {} is not usable: it must have {SHORTEST} to {LONGEST} characters, \
         letters, digits and ._~- only",
        path.display()
    )]
    Wanted {
        /// The token file.
        path: PathBuf,
    },
    /// The kernel gave no random bytes.
    #[error("the kernel gave no random bytes for {}", path.display())]
    Random {
        /// The token file.
        path: PathBuf,
    },
}

/// The token in the file at `path`, which exists with exactly these bytes afterwards, and which
/// every user can read as far as we may say so.
///
/// With `wanted` (legacy clients, whose token is in their environment too) the file says that;
/// without, a valid file is kept and anything else is replaced by a random token.
///
/// # Errors
/// When `wanted` is unusable, or the file or its directory cannot be made.
pub fn ensure(path: &Path, wanted: Option<&Secret>) -> Result<Secret, Error> {
    let token = match (wanted, read(path)) {
        (Some(wanted), _) if !is_valid(wanted.expose()) => {
            return Err(Error::Wanted {
                path: path.to_owned(),
            });
        }
        (Some(wanted), Some(Existing::Exactly(token))) if *wanted == token => {
            return Ok(kept(path, token));
        }
        (Some(wanted), _) => wanted.clone(),
        (None, Some(Existing::Exactly(token))) => return Ok(kept(path, token)),
        (None, Some(Existing::Marked(token))) => token,
        (None, None) => random().ok_or_else(|| Error::Random {
            path: path.to_owned(),
        })?,
    };
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    make(directory).map_err(|source| Error::Directory {
        directory: directory.to_owned(),
        source,
    })?;
    write(directory, path, &token).map_err(|source| {
        let uid = rustix::process::geteuid().as_raw();
        Error::Write {
            path: path.to_owned(),
            uid,
            source,
        }
    })?;
    Ok(token)
}

/// A file of another uid keeps its mode: its owner decides who reads it.
fn kept(path: &Path, token: Secret) -> Secret {
    let _ = rustix::fs::chmod(path, Mode::from_raw_mode(0o444));
    token
}

/// Whether [`ensure`] would keep what is at `path`; nothing is changed.
#[must_use]
pub fn is_kept(path: &Path) -> bool {
    matches!(read(path), Some(Existing::Exactly(_)))
}

/// `[A-Za-z0-9._~-]{32,1024}`: no SDK trims, escapes or refuses these. A newline is not among them.
#[must_use]
pub fn is_valid(token: &str) -> bool {
    (SHORTEST..=LONGEST).contains(&token.len())
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}

/// A valid token that is there.
enum Existing {
    /// With nothing else, as SDKs need it: they send every byte of the file.
    Exactly(Secret),
    /// Behind a byte order mark.
    Marked(Secret),
}

/// The valid token at `path`; whatever else is there is as good as nothing.
fn read(path: &Path) -> Option<Existing> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    if !file.metadata().ok()?.is_file() {
        return None;
    }
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    file.take(LONGEST as u64 + 1)
        .read_to_end(&mut content)
        .ok()?;
    let text = text::utf8(&content).ok()?;
    let existing = if text.len() == content.len() {
        Existing::Exactly
    } else {
        Existing::Marked
    };
    is_valid(text).then(|| existing(Secret::new(text.to_owned())))
}

fn random() -> Option<Secret> {
    let mut bytes = Zeroizing::new([0_u8; RANDOM_BYTES]);
    SystemRandom::new().fill(bytes.as_mut_slice()).ok()?;
    Some(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
}

/// An existing directory is taken as it is: changing the mode of the kubelet's would be refused.
fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
}

/// Renamed into place, so that a client sees the old token or the new one, never a part.
fn write(directory: &Path, path: &Path, token: &Secret) -> io::Result<()> {
    let temporary = directory.join(TEMPORARY);
    let mut file = create(&temporary)?;
    let written = file
        .write_all(token.expose().as_bytes())
        // Whatever the umask: every uid in the client's container must be able to read it.
        .and_then(|()| file.set_permissions(Permissions::from_mode(0o444)))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: a stale one is replaced the next time.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// A new file of our own: one that is there (a crash left it, or it is a link) is removed, never
/// opened.
fn create(temporary: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let open = || rustix::fs::open(temporary, flags, Mode::RUSR | Mode::WUSR);
    let opened = match open() {
        Err(Errno::EXIST) => {
            std::fs::remove_file(temporary)?;
            open()
        }
        opened => opened,
    };
    Ok(File::from(opened?))
}

#[cfg(test)]
mod tests;
