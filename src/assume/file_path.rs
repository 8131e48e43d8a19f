//! The paths that a configuration names.
//!
//! Owns what may be a path; it opens nothing. Errors and logs repeat paths as they are, so a URL, which may hold a
//! password, is none.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Error;

/// The path of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct FilePath(PathBuf);

impl FilePath {
    /// Takes a path.
    ///
    /// # Errors
    /// When it is empty or a URL, or ends in a slash although a file is meant.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "" => Err(Error("the path of a file")),
            _ if text.contains("://") => Err(Error("the path of a file, not a URL")),
            _ if text.ends_with('/') => Err(Error("the path of a file, not of a directory")),
            _ => Ok(Self(PathBuf::from(text))),
        }
    }
}

from_text!(FilePath, Self::parse);

/// A path that the program made itself.
impl From<PathBuf> for FilePath {
    fn from(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Deref for FilePath {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

/// The pod's token, by default where the injector mounts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct TokenFile(FilePath);

impl TokenFile {
    /// Where the injector mounts the projected service account token.
    pub const DEFAULT: &'static str = "/var/run/secrets/stsidecar.dev/serviceaccount/token";

    /// Takes a path.
    ///
    /// # Errors
    /// As [`FilePath::parse`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        FilePath::parse(text).map(Self)
    }
}

from_text_or_default!(TokenFile, Self::parse);

impl Default for TokenFile {
    fn default() -> Self {
        PathBuf::from(Self::DEFAULT).into()
    }
}

/// A path that the program made itself.
impl From<PathBuf> for TokenFile {
    fn from(path: PathBuf) -> Self {
        Self(path.into())
    }
}

impl Deref for TokenFile {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}
