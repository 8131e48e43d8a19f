//! Long-term keys out of an AWS shared-credentials file, the format of `~/.aws/credentials`.
//!
//! Owns a strict reading of one section: whatever the SDKs would take in different ways (a section
//! or a key that is there twice, a line that is none) is refused with its line, never guessed. It
//! opens no file. Used by `file_content`.

use std::fmt;

use crate::credentials::{Secret, is_access_key_id};
use crate::role::Server;

/// A pair of long-term keys.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    id: String,
    secret: Secret,
}

/// Why a file gives no keys. Never holds any of its content but the name of a section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not text.
    #[error("it is not UTF-8")]
    NotText,
    /// Neither a section, nor a key with its value, nor a comment.
    #[error("line {0} is neither [a section] nor key = value nor a # comment")]
    Line(usize),
    /// The section is missing.
    #[error("it has no section [{0}]")]
    NoSection(String),
    /// SDKs merge them, in different ways.
    #[error("line {line} begins section [{section}] a second time")]
    SectionTwice {
        /// Its name.
        section: String,
        /// Where.
        line: usize,
    },
    /// SDKs take the first or the last.
    #[error("line {0} gives a key a second time")]
    KeyTwice(usize),
    /// One of the two keys is missing.
    #[error("its section [{section}] has no {key}")]
    NoKey {
        /// The section's name.
        section: String,
        /// What it lacks.
        key: &'static str,
    },
    /// A value that no STS issues.
    #[error("its {0} is malformed")]
    Malformed(&'static str),
    /// Temporary credentials, which nothing here can renew.
    #[error(
        "its section [{0}] has an aws_session_token: these are temporary credentials, and long-term keys are needed"
    )]
    Temporary(String),
}

const ID: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";
const TOKEN: &str = "aws_session_token";

fn required(value: Option<&str>, key: &'static str, section: &str) -> Result<String, Error> {
    let value = value.filter(|value| !value.is_empty()).map(str::to_owned);
    let section = section.to_owned();
    value.ok_or(Error::NoKey { section, key })
}

impl AccessKey {
    /// Reads the section `profile` of a file's content; whose keys they are decides what an id may
    /// look like.
    ///
    /// # Errors
    /// When it is not there once, or holds no pair of long-term keys.
    pub fn parse(content: &[u8], profile: &str, server: Server) -> Result<Self, Error> {
        let text = std::str::from_utf8(content).map_err(|_| Error::NotText)?;
        let [id, secret, token] = values(text, profile)?;
        // Templates write an empty one, which SDKs take for none.
        if token.is_some_and(|token| !token.is_empty()) {
            return Err(Error::Temporary(profile.to_owned()));
        }
        let id = required(id, ID, profile)?;
        let secret = Secret::new(required(secret, SECRET, profile)?);
        if !is_access_key_id(&id, server) {
            return Err(Error::Malformed(ID));
        }
        if secret.expose().len() > 512 || !secret.expose().bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::Malformed(SECRET));
        }
        Ok(Self { id, secret })
    }

    /// The access key id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What may be shown of the id: its last four characters.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.id[self.id.len().saturating_sub(4)..]
    }

    /// The secret access key, for signing only.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccessKey(..{})", self.suffix())
    }
}

/// The values of the three keys that matter, in the section of that name.
fn values<'t>(text: &'t str, profile: &str) -> Result<[Option<&'t str>; 3], Error> {
    let (mut found, mut own) = ([None; 3], None);
    // Of the setting before, in its section.
    let mut indentation = None;
    for (at, line) in text.lines().enumerate() {
        let (number, content) = (at + 1, line.trim());
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = content.strip_prefix('[') {
            // A comment may follow.
            let (section, rest) = section.split_once(']').ok_or(Error::Line(number))?;
            if !(rest.trim().is_empty() || rest.trim_start().starts_with(['#', ';'])) {
                return Err(Error::Line(number));
            }
            let is_own = section.trim() == profile;
            if is_own && own.is_some() {
                return Err(Error::SectionTwice {
                    section: profile.to_owned(),
                    line: number,
                });
            }
            own = if is_own {
                Some(true)
            } else {
                own.map(|_| false)
            };
            indentation = None;
            continue;
        }
        // A line that is indented deeper belongs to the setting before it, and is none of ours: as
        // Python's configparser reads it
        // (<https://docs.python.org/3/library/configparser.html#supported-ini-file-structure>), and
        // so the AWS CLI. A section may be indented as a whole.
        let indented = line.len() - line.trim_start().len();
        if indentation.is_some_and(|before| indented > before) {
            continue;
        }
        indentation = Some(indented);
        let (key, value) = content.split_once('=').ok_or(Error::Line(number))?;
        if own != Some(true) {
            continue;
        }
        let key = key.trim().to_ascii_lowercase();
        if let Some(at) = [ID, SECRET, TOKEN].iter().position(|known| *known == key)
            && found[at].replace(value.trim()).is_some()
        {
            return Err(Error::KeyTwice(number));
        }
    }
    own.map(|_| found)
        .ok_or_else(|| Error::NoSection(profile.to_owned()))
}

#[cfg(test)]
mod tests;
