//! What a file proves with: a token, an assertion, long-term keys, the secret of a device.
//!
//! Owns which form a file is read in, how long it may be, and which identity its content names. It
//! opens no file: `rotated_file` reads, `refresher` and `check` hand it [`Form::parse`]. A step
//! says which form its file has.

use std::fmt;

use crate::credentials::Secret;
use crate::identity::Identity;
use crate::role::Server;
use crate::saml::{self, Assertion};
use crate::shared_credentials::{self, AccessKey};
use crate::time::Wall;
use crate::token::{self, Claims, WebIdentityToken};
use crate::totp::TotpSecret;

/// The content of a file.
#[derive(Debug)]
pub enum FileContent {
    /// For `AssumeRoleWithWebIdentity` and Cognito.
    Token(WebIdentityToken),
    /// For `AssumeRoleWithSAML`.
    Assertion(Assertion),
    /// Signs what begins a profile.
    AccessKey(AccessKey),
    /// Makes the codes of a virtual MFA device.
    Totp(TotpSecret),
    /// A code that another program wrote, or a context assertion.
    Text(Secret),
}

/// How a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JWT.
    Token,
    /// An OAuth 2.0 access token, which is no JWT.
    OAuthToken,
    /// A SAML response, as XML or in base 64.
    Assertion,
    /// A section of an AWS shared-credentials file.
    AccessKey {
        /// The section's name.
        profile: String,
        /// Whose keys it holds.
        server: Server,
    },
    /// A device's secret in base 32.
    Totp,
    /// Six digits.
    Code,
    /// A context assertion.
    Context,
}

/// What is wrong with a content. Never holds any of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Of a token.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// Of an assertion.
    #[error(transparent)]
    Assertion(#[from] saml::Error),
    /// Of a credentials file.
    #[error(transparent)]
    AccessKey(#[from] shared_credentials::Error),
    /// Of a device's secret.
    #[error("it is not a secret in base 32 of at least 10 bytes (letters and the digits 2 to 7)")]
    Totp,
    /// Of a code.
    #[error("it is not a code of six digits")]
    Code,
    /// Of a context assertion.
    #[error("it is not one line of 4 to 2048 printable characters")]
    Context,
}

impl Form {
    /// What to do when the file is not there: at most 80 characters, for [`crate::failure`].
    #[must_use]
    pub fn hint_when_missing(&self) -> &'static str {
        match self {
            Self::Token | Self::OAuthToken => {
                "mount a projected service account token at the token file's path"
            }
            Self::Assertion => {
                "have the identity provider's SAML response written to the assertion file"
            }
            Self::AccessKey { .. } => {
                "mount a Secret with an AWS credentials file at credentialsFile"
            }
            Self::Totp => "mount the MFA device's secret at totpSecretFile",
            Self::Code => "have a code of the MFA device written to tokenCodeFile",
            Self::Context => "have the context assertion written to contextAssertionFile",
        }
    }

    /// What to do when its content has another form: at most 80 characters.
    #[must_use]
    pub fn hint_when_invalid(&self) -> &'static str {
        match self {
            Self::Token | Self::OAuthToken => {
                "point the token file at a projected service account token (a JWT)"
            }
            Self::Assertion => "point the assertion file at a SAML response, XML or base 64",
            Self::AccessKey { .. } => {
                "correct the credentials file: section, keys and form as its message says"
            }
            Self::Totp => "put the MFA device's base 32 secret into totpSecretFile",
            Self::Code => "have a code of six digits written to tokenCodeFile",
            Self::Context => "have a context assertion of one line written to contextAssertionFile",
        }
    }

    /// The beginning of the codes under which its faults are reported: `TokenFile` for
    /// `TokenFileMissing`.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Token | Self::OAuthToken => "TokenFile",
            Self::Assertion => "AssertionFile",
            Self::AccessKey { .. } => "CredentialsFile",
            Self::Totp => "TotpSecretFile",
            Self::Code => "TokenCodeFile",
            Self::Context => "ContextAssertionFile",
        }
    }

    /// The most bytes that are read: what STS takes at most, with room for white space.
    #[must_use]
    pub fn limit(&self) -> usize {
        match self {
            Self::Token | Self::OAuthToken => 2 * token::LONGEST,
            Self::Assertion => 2 * saml::LONGEST,
            Self::AccessKey { .. } => 64 * 1024,
            Self::Totp | Self::Code => 1024,
            Self::Context => 4096,
        }
    }

    /// Whether its content signs requests; a token or an assertion is a parameter of one.
    #[must_use]
    pub fn signs(&self) -> bool {
        match self {
            Self::AccessKey { .. } => true,
            Self::Token
            | Self::OAuthToken
            | Self::Assertion
            | Self::Totp
            | Self::Code
            | Self::Context => false,
        }
    }

    /// Reads a content.
    ///
    /// # Errors
    /// When it is not of this form, or breaks a limit of STS.
    pub fn parse(&self, content: &[u8]) -> Result<FileContent, Error> {
        Ok(match self {
            Self::Token => FileContent::Token(WebIdentityToken::parse(content)?),
            Self::OAuthToken => FileContent::Token(WebIdentityToken::opaque(content)?),
            Self::Assertion => FileContent::Assertion(Assertion::parse(content)?),
            Self::AccessKey { profile, server } => {
                FileContent::AccessKey(AccessKey::parse(content, profile, *server)?)
            }
            Self::Totp => FileContent::Totp(TotpSecret::parse(content).ok_or(Error::Totp)?),
            Self::Code => {
                FileContent::Text(line(content, 6..=6, u8::is_ascii_digit).ok_or(Error::Code)?)
            }
            Self::Context => FileContent::Text(
                line(content, 4..=2048, u8::is_ascii_graphic).ok_or(Error::Context)?,
            ),
        })
    }
}

fn line(
    content: &[u8],
    length: std::ops::RangeInclusive<usize>,
    is_part: fn(&u8) -> bool,
) -> Option<Secret> {
    let content = content.trim_ascii();
    let is_line = length.contains(&content.len()) && content.iter().all(is_part);
    let text = std::str::from_utf8(content).ok().filter(|_| is_line)?;
    Some(Secret::new(text.to_owned()))
}

impl FileContent {
    /// The identity that STS sees in it, for comparing: content of another identity is used at
    /// once, and the credentials of another identity are not taken over after a restart.
    #[must_use]
    pub fn identity(&self) -> Identity {
        match self {
            Self::Token(token) => token.identity(),
            Self::Assertion(assertion) => assertion.identity(),
            Self::AccessKey(key) => Identity::named("access key", None, key.id(), &[]),
            Self::Totp(_) | Self::Text(_) => Identity::Unknown,
        }
    }

    /// The claims of a token, from which sessions are named.
    #[must_use]
    pub fn claims(&self) -> Option<&Claims> {
        if let Self::Token(token) = self {
            Some(token.claims())
        } else {
            None
        }
    }

    /// When STS stops taking it; nothing where it has no end.
    #[must_use]
    pub fn expires_at(&self) -> Option<Wall> {
        match self {
            Self::Token(token) => token.claims().expires_at,
            Self::Assertion(assertion) => assertion.facts().not_on_or_after,
            Self::AccessKey(_) | Self::Totp(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Token => "token",
            Self::OAuthToken => "OAuth 2.0 access token",
            Self::Assertion => "SAML assertion",
            Self::AccessKey { .. } => "access key",
            Self::Totp => "MFA secret",
            Self::Code => "MFA code",
            Self::Context => "context assertion",
        })
    }
}

#[cfg(test)]
mod tests;
