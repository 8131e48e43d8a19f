//! Regions: a part of AWS's host names, and of what a signature is for.
//!
//! Owns their grammar; which endpoints a region has is the SDK's to say.

use serde::Serialize;

use super::{Error, Server};
use crate::credentials::is_credential_part;

/// An AWS region, or what signatures for another STS name as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Region(String);

/// Far longer than any region's name, short enough for a header.
const LONGEST_SCOPE: usize = 128;

impl Region {
    /// Takes a region's name as a server has it: at AWS a part of host names, and elsewhere only of
    /// a signature's scope.
    ///
    /// # Errors
    /// When it could not be part of that.
    pub fn parse_at(server: Server, text: &str) -> Result<Self, Error> {
        match server {
            Server::Aws => Self::parse(text),
            Server::Other if text.len() <= LONGEST_SCOPE && is_credential_part(text) => {
                Ok(Self(text.to_owned()))
            }
            Server::Other => Err(Error::Scope),
        }
    }

    /// Takes the name of a region of AWS.
    ///
    /// # Errors
    /// When it could not be part of a host name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_region = (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if is_region {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::Region)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
