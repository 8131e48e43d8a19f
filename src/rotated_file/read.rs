//! One bounded read of a file that may be anything: a regular file, or an error that says what to
//! do.
//!
//! Owns the checks that keep a wrong mount from doing harm: a FIFO must not hang the agent, a
//! directory or a device must not be taken for a token, a huge file must not fill the memory. It
//! never parses. Called by `rotated_file`.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::failure::{FileFault, PermissionDenied, Permissions};
use crate::text;

/// Why a file gave no content. Never holds any of the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("{} does not exist", path.display())]
    Missing {
        /// As configured.
        path: PathBuf,
    },
    /// The kernel refused to open or read it.
    #[error("{} cannot be read: {source}{}", path.display(), advice(*denied))]
    Unreadable {
        /// As configured.
        path: PathBuf,
        /// Whether a permission is missing, and which.
        denied: Option<PermissionDenied>,
        /// What the kernel said.
        source: Errno,
    },
    /// A directory, FIFO, socket or device.
    #[error("{} is {found}, not a file", path.display())]
    NotAFile {
        /// As configured.
        path: PathBuf,
        /// What it is, with its article.
        found: &'static str,
    },
    /// Longer than the limit of its kind.
    #[error("{} is longer than {limit} bytes, the most it may have", path.display())]
    TooLarge {
        /// As configured.
        path: PathBuf,
        /// In bytes.
        limit: usize,
    },
    /// The content is not what the file should hold.
    #[error("{} is not usable: {reason}", path.display())]
    Rejected {
        /// As configured.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
}

impl Error {
    /// What is wrong with the file, as a value.
    #[must_use]
    pub fn fault(&self) -> FileFault {
        match self {
            Self::Missing { .. } => FileFault::Missing,
            Self::Unreadable { denied, .. } => FileFault::Unreadable(*denied),
            Self::NotAFile { .. } | Self::TooLarge { .. } => FileFault::Unreadable(None),
            Self::Rejected { .. } => FileFault::Invalid,
        }
    }
}

/// Reads the whole file without its byte order mark, following symbolic links as the kubelet's
/// layout needs.
///
/// # Errors
/// When it is missing, not readable, not a regular file, longer than `limit` bytes, or in UTF-16.
pub(super) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let file = twice_when_missing(|| open(path)).map_err(|errno| refused(path, errno))?;
    let metadata = file
        .metadata()
        .map_err(|error| unreadable(path, of_io(&error)))?;
    if !metadata.is_file() {
        let found = name_of(metadata.file_type());
        return Err(Error::NotAFile {
            path: path.to_owned(),
            found,
        });
    }
    // Room for all of it, so that growing leaves no copy behind.
    let expected = usize::try_from(metadata.len()).unwrap_or(limit).min(limit);
    let mut content = Zeroizing::new(Vec::with_capacity(expected + 1));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most)
        .read_to_end(&mut content)
        .map_err(|error| unreadable(path, of_io(&error)))?;
    if content.len() > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    let text = text::unmarked(&content);
    let text = text.map_err(|error| Error::Rejected {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let mark = content.len() - text.len();
    content.drain(..mark);
    Ok(content)
}

/// The kubelet may remove the old directory while the kernel follows the links into it: the next
/// look finds the new one.
fn twice_when_missing<F>(mut open: impl FnMut() -> Result<F, Errno>) -> Result<F, Errno> {
    match open() {
        Err(Errno::NOENT) => open(),
        opened => opened,
    }
}

/// Without `O_NONBLOCK`, opening a FIFO waits for a writer.
fn open(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

fn refused(path: &Path, errno: Errno) -> Error {
    match errno {
        Errno::NOENT => Error::Missing {
            path: path.to_owned(),
        },
        // What opening a socket says.
        Errno::NXIO => Error::NotAFile {
            path: path.to_owned(),
            found: "a socket",
        },
        other => unreadable(path, other),
    }
}

fn unreadable(path: &Path, errno: Errno) -> Error {
    let denied = matches!(errno, Errno::ACCESS | Errno::PERM).then(|| PermissionDenied {
        uid: rustix::process::geteuid().as_raw(),
        file: std::fs::metadata(path).ok().map(|file| Permissions {
            mode: file.mode() & 0o7777,
            user: file.uid(),
            group: file.gid(),
        }),
    });
    Error::Unreadable {
        path: path.to_owned(),
        denied,
        source: errno,
    }
}

/// The only error of reading a file that is not the kernel's is want of memory.
fn of_io(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::NOMEM)
}

/// Our uid, the file's mode and owner and what to do, for a missing permission. The kubelet makes a
/// token 0600 when all containers run as one user, and 0640 with an fsGroup
/// (<https://github.com/kubernetes/kubernetes/blob/master/pkg/volume/projected/projected.go>).
fn advice(denied: Option<PermissionDenied>) -> String {
    let Some(PermissionDenied { uid, file }) = denied else {
        return String::new();
    };
    let file = file.map_or_else(String::new, |Permissions { mode, user, group }| {
        format!(", the file has mode {mode:04o} and owner {user}:{group}")
    });
    format!(
        ": we are uid {uid}{file}; set fsGroup in the pod's securityContext, or runAsUser to the file's owner"
    )
}

fn name_of(kind: std::fs::FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_names_us_the_owner_and_the_way_out() {
        let owned = Permissions {
            mode: 0o600,
            user: 1000,
            group: 0,
        };
        let text = advice(Some(PermissionDenied {
            uid: 65_532,
            file: Some(owned),
        }));
        for part in [
            "uid 65532",
            "mode 0600",
            "owner 1000:0",
            "fsGroup",
            "runAsUser",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(
            !advice(Some(PermissionDenied { uid: 1, file: None })).contains("mode"),
            "no guess where the file cannot be looked at"
        );
    }

    #[test]
    fn other_refusals_keep_the_words_of_the_kernel() {
        let error = refused(Path::new("/x/token"), Errno::IO);
        assert_eq!(
            error.to_string(),
            "/x/token cannot be read: Input/output error (os error 5)"
        );
        assert!(std::error::Error::source(&error).is_some());
    }

    #[test]
    fn a_device_is_not_a_file_and_is_not_read() {
        let error = read(Path::new("/dev/zero"), 10).expect_err("endless");
        assert_eq!(error.to_string(), "/dev/zero is a device, not a file");
    }

    #[test]
    fn a_file_that_a_swap_took_away_is_looked_for_once_more() {
        let tries = |answers: &[Result<u8, Errno>]| {
            let mut answers = answers.iter().copied();
            let opened = twice_when_missing(|| answers.next().expect("not a third time"));
            (opened, answers.count())
        };
        assert_eq!(tries(&[Err(Errno::NOENT), Ok(1)]), (Ok(1), 0));
        assert_eq!(
            tries(&[Err(Errno::NOENT), Err(Errno::NOENT), Ok(1)]),
            (Err(Errno::NOENT), 1)
        );
        assert_eq!(
            tries(&[Err(Errno::ACCESS), Ok(1)]),
            (Err(Errno::ACCESS), 1),
            "no second look"
        );
    }

    #[test]
    fn the_limit_is_the_last_length_that_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        std::fs::write(&path, [b'x'; 10]).expect("written");
        assert_eq!(read(&path, 10).expect("fits").len(), 10);
        assert!(matches!(
            read(&path, 9),
            Err(Error::TooLarge { limit: 9, .. })
        ));
    }
}
