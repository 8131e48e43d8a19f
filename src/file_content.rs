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
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn codes_and_context_assertions_are_one_line_within_their_limits() {
        let reads = |form: &Form, content: &str| match form.parse(content.as_bytes()) {
            Ok(FileContent::Text(text)) => Some(text.expose().to_owned()),
            _ => None,
        };
        assert_eq!(reads(&Form::Code, " 012345\n").as_deref(), Some("012345"));
        for bad in ["", "12345", "1234567", "12345a", "12 345"] {
            assert_eq!(reads(&Form::Code, bad), None, "{bad}");
        }
        assert_eq!(reads(&Form::Context, "abcd\n").as_deref(), Some("abcd"));
        assert!(reads(&Form::Context, &"x".repeat(2048)).is_some());
        for bad in ["abc", "ab cd", "ab\ncd", &"x".repeat(2049)] {
            assert_eq!(reads(&Form::Context, bad), None, "{bad:.9}");
        }
    }

    #[test]
    fn the_same_key_is_the_same_identity_and_debug_shows_nothing_of_it() {
        let form = Form::AccessKey {
            profile: "default".into(),
            server: Server::Aws,
        };
        let read = |id: &str, secret: &str| {
            let file =
                format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n");
            form.parse(file.as_bytes()).expect("keys")
        };
        let (one, same, other) = (
            read("AKIACANARYCANARY", "canary"),
            read("AKIACANARYCANARY", "new"),
            read("AKIAOTHEROTHER12", "canary"),
        );
        assert!(one.identity() == same.identity() && one.identity().changes_to(other.identity()));
        assert!(
            !format!("{one:?}").to_lowercase().contains("canary"),
            "{one:?}"
        );
    }

    #[test]
    fn audiences_are_a_set() {
        let read = |audience: &str| {
            let payload = URL_SAFE_NO_PAD.encode(format!(
                r#"{{"iss":"https://k","sub":"s","aud":{audience}}}"#
            ));
            Form::Token
                .parse(format!("e30.{payload}.c2ln").as_bytes())
                .expect("a token")
                .identity()
        };
        for same in [r#"["a","b"]"#, r#"["b","a"]"#, r#"["b","a","b"]"#] {
            assert_eq!(read(r#"["a","b"]"#), read(same), "{same}");
        }
        assert_eq!(read(r#"["a"]"#), read(r#""a""#));
        for other in [r#"["a"]"#, r#"["a","c"]"#, r#"["ab"]"#, "[]"] {
            assert!(read(r#"["a","b"]"#).changes_to(read(other)), "{other}");
        }
    }
}
