//! The credentials that STS issues, and the secret text inside them.
//!
//! Owns redaction and wiping: a [`Secret`] prints as `[redacted]` and is zeroed when dropped. It
//! never decides whether credentials are alive; `session` does, in boot time. Everything above uses
//! it.

use std::fmt;

use zeroize::Zeroizing;

use crate::role::Server;
use crate::time::Wall;

/// The longest access key id in STS's model.
const LONGEST_KEY_ID: usize = 128;

/// Whether a text can be a part of the `Credential` in an `Authorization` header: a key id, or the
/// region of a scope.
///
/// Signature Version 4 joins these parts by `/`, and the header's fields by `,` and `=`
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>).
/// A quote and a backslash would make the endpoint's answer grow. The rest is printable ASCII
/// without blanks, as in any header.
#[must_use]
pub fn is_credential_part(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"/,=\"\\".contains(&b))
}

/// Whether a text can be an access key id: of AWS's alphabet at AWS (`\w*` in STS's model), and
/// elsewhere whatever an administrator may choose.
#[must_use]
pub fn is_access_key_id(text: &str, server: Server) -> bool {
    let is_of_alphabet = match server {
        Server::Aws => {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        }
        Server::Other => is_credential_part(text),
    };
    text.len() <= LONGEST_KEY_ID && is_of_alphabet
}

/// Text that must not be printed and is zeroed when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` over; the caller keeps no copy.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the wire and the state file only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// Temporary credentials from one STS reply.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Not secret by itself, but only its last four characters are logged.
    pub access_key_id: String,
    /// The signing key.
    pub secret_access_key: Secret,
    /// Opaque; its size is not fixed (STS documentation).
    pub session_token: Secret,
    /// When STS says they end.
    pub expiration: Wall,
    /// The account the credentials act in, when the reply or the role's ARN names one.
    pub account: Option<String>,
}

impl Credentials {
    /// The last four characters of the access key id, which is all a log line shows of it.
    #[must_use]
    pub fn access_key_suffix(&self) -> &str {
        let start = self
            .access_key_id
            .char_indices()
            .rev()
            .nth(3)
            .map_or(0, |(at, _)| at);
        &self.access_key_id[start..]
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field(
                "access_key_id",
                &format_args!("..{}", self.access_key_suffix()),
            )
            .field("expiration", &self.expiration.rfc3339())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret_and_only_the_end_of_the_key_id() {
        let credentials = Credentials {
            access_key_id: "ASIACANARYKEYID1234".into(),
            secret_access_key: Secret::new("canary-secret".into()),
            session_token: Secret::new("canary-session".into()),
            expiration: Wall::from_unix_seconds(0),
            account: None,
        };
        let shown = format!("{credentials:?} {:?}", credentials.secret_access_key);
        assert!(shown.contains("..1234"), "{shown}");
        assert!(!shown.to_lowercase().contains("canary"), "{shown}");
    }
}
