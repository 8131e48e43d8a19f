//! Why there was no TLS session, in the words of the STS's operators.
//!
//! Owns the words; what to do is `failure/hint.rs`'s. It names dates and hosts of the certificate, which the network
//! may show, and none of the TLS library's types. Called by `evidence.rs`.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};

use crate::failure::TlsFault;
use crate::sts::connector::SelfSigned;
use crate::time::Wall;

/// The most names of a certificate that are shown.
const MOST_NAMES: usize = 8;

/// What kind of fault it is, and what is said of it.
pub(super) fn explain(error: &Error) -> (TlsFault, String) {
    let (fault, words) = match error {
        Error::InvalidCertificate(error) => return of_certificate(error),
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => (
            TlsFault::NotSpoken,
            "what answers on this port does not speak TLS",
        ),
        Error::AlertReceived(alert) => return of_alert(*alert),
        Error::PeerIncompatible(_) => (
            TlsFault::Refused,
            "it shares no version or cipher of TLS 1.2 and 1.3 with us",
        ),
        Error::NoApplicationProtocol => (TlsFault::Refused, "it does not offer HTTP/1.1"),
        Error::NoCertificatesPresented => (TlsFault::Unusable, "it shows no certificate"),
        Error::InvalidMessage(_)
        | Error::InappropriateMessage { .. }
        | Error::InappropriateHandshakeMessage { .. }
        | Error::PeerMisbehaved(_)
        | Error::PeerSentOversizedRecord
        | Error::DecryptError => (
            TlsFault::Broken,
            "what arrives is no correct TLS: does a proxy or firewall change it?",
        ),
        _ => (TlsFault::Broken, "the TLS library gave up"),
    };
    (fault, words.to_owned())
}

/// The server has broken the handshake off. We show no certificate, so what it says of ours is that it wants one.
fn of_alert(alert: AlertDescription) -> (TlsFault, String) {
    let (fault, words) = match alert {
        AlertDescription::ProtocolVersion => {
            (TlsFault::Refused, "it speaks neither TLS 1.2 nor TLS 1.3")
        }
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => (
            TlsFault::Refused,
            "it shares no cipher with us (AES-GCM with ECDHE), or wants a client certificate",
        ),
        AlertDescription::UnrecognisedName => (
            TlsFault::Refused,
            "it does not know the endpoint's server name",
        ),
        AlertDescription::NoApplicationProtocol => {
            (TlsFault::Refused, "it does not offer HTTP/1.1")
        }
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => (
            TlsFault::ClientCertificate,
            "it demands a client certificate",
        ),
        other => {
            let words = format!("it broke the handshake off (TLS alert {})", u8::from(other));
            return (TlsFault::Broken, words);
        }
    };
    (fault, words.to_owned())
}

fn of_certificate(error: &CertificateError) -> (TlsFault, String) {
    let (fault, words) = match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            return (
                TlsFault::Expired,
                format!("its certificate expired on {}", date(not_after.as_secs())),
            );
        }
        CertificateError::Expired => (TlsFault::Expired, "its certificate has expired"),
        CertificateError::NotValidYetContext { not_before, .. } => {
            let from = date(not_before.as_secs());
            return (
                TlsFault::NotYetValid,
                format!("its certificate is not valid before {from}; is our clock right?"),
            );
        }
        CertificateError::NotValidYet => (
            TlsFault::NotYetValid,
            "its certificate is not valid yet; is our clock right?",
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let words = format!(
                "its certificate is not for {} but {}",
                expected.to_str(),
                names(presented)
            );
            return (TlsFault::WrongHost, words);
        }
        CertificateError::NotValidForName => {
            (TlsFault::WrongHost, "its certificate is for another host")
        }
        CertificateError::UnknownIssuer => (
            TlsFault::Untrusted,
            "its certificate is signed by no CA of the system's, or of AWS_CA_BUNDLE if that is set",
        ),
        // Another key under the name of a CA that is trusted.
        CertificateError::BadSignature => (
            TlsFault::Untrusted,
            "a signature does not fit: was the CA replaced, and the old one left in AWS_CA_BUNDLE?",
        ),
        CertificateError::Revoked => (TlsFault::Revoked, "its certificate was revoked"),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => (
            TlsFault::Unusable,
            "its certificate is not for servers (extended key usage)",
        ),
        #[allow(deprecated, reason = "the library may still answer with it")]
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => (
            TlsFault::Unusable,
            "its certificate is signed in a way that is not accepted, such as SHA-1",
        ),
        CertificateError::UnhandledCriticalExtension => (
            TlsFault::Unusable,
            "its certificate has a critical extension that is not understood",
        ),
        CertificateError::BadEncoding => (TlsFault::Unusable, "its certificate cannot be read"),
        CertificateError::Other(OtherError(other)) => of_other(&**other),
        _ => (TlsFault::Unusable, "its certificate is not accepted"),
    };
    (fault, words.to_owned())
}

/// What only the library below has words for, and ours of `connector/verifier.rs`.
fn of_other(error: &(dyn std::error::Error + Send + Sync + 'static)) -> (TlsFault, &'static str) {
    if error.is::<SelfSigned>() {
        return (
            TlsFault::SelfSigned,
            "its certificate is self-signed, and not in AWS_CA_BUNDLE as it is",
        );
    }
    let words = match error.downcast_ref() {
        Some(webpki::Error::CaUsedAsEndEntity) => {
            "its certificate is a CA's (CA:TRUE), not a server's"
        }
        Some(webpki::Error::EndEntityUsedAsCa) => {
            "its certificate is signed by one that is no CA's"
        }
        Some(webpki::Error::NameConstraintViolation) => {
            "the CA of its certificate may not vouch for this host"
        }
        Some(webpki::Error::PathLenConstraintViolated) => {
            "its certificate has more CAs above it than they allow"
        }
        Some(webpki::Error::UnsupportedCertVersion) => "its certificate is none of X.509 version 3",
        Some(webpki::Error::RequiredEkuNotFoundContext(_) | webpki::Error::EmptyEkuExtension) => {
            "its certificate is not for servers (extended key usage)"
        }
        _ => "its certificate, or one above it, is not made as it must be",
    };
    (TlsFault::Unusable, words)
}

fn date(unix_seconds: u64) -> String {
    Wall::from_unix_seconds(i64::try_from(unix_seconds).unwrap_or(i64::MAX)).rfc3339()
}

/// `DnsName("a.example")`, as the library shows a name, without what is around it.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'))
            .unwrap_or(name);
        inner.trim_matches('"').to_owned()
    };
    let shown: Vec<String> = presented.iter().take(MOST_NAMES).map(bare).collect();
    let more = presented.len().saturating_sub(MOST_NAMES);
    match (shown.is_empty(), more) {
        (true, _) => "names no host at all (subject alternative name)".to_owned(),
        (_, 0) => format!("for {}", shown.join(", ")),
        _ => format!("for {} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::PeerMisbehaved;

    #[test]
    fn no_word_of_the_library_is_shown() {
        let certificates = [
            CertificateError::Revoked,
            CertificateError::InvalidPurpose,
            CertificateError::UnhandledCriticalExtension,
            CertificateError::BadEncoding,
            CertificateError::ApplicationVerificationFailure,
            CertificateError::BadSignature,
            CertificateError::Other(OtherError(std::sync::Arc::new(
                webpki::Error::NameConstraintViolation,
            ))),
            CertificateError::Other(OtherError(std::sync::Arc::new(
                webpki::Error::MaximumPathBuildCallsExceeded,
            ))),
        ];
        let others = [
            Error::DecryptError,
            Error::NoApplicationProtocol,
            Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
            Error::General("CamelCase".to_owned()),
        ];
        for error in certificates
            .into_iter()
            .map(Error::InvalidCertificate)
            .chain(others)
        {
            let (fault, words) = explain(&error);
            let is_a_name = |word: &str| {
                word.as_bytes()
                    .windows(2)
                    .any(|w| w[0].is_ascii_lowercase() && w[1].is_ascii_uppercase())
            };
            assert!(
                !words.split_whitespace().any(is_a_name),
                "{fault:?}: {words}"
            );
        }
        assert_eq!(
            explain(&CertificateError::Revoked.into()).0,
            TlsFault::Revoked
        );
    }

    #[test]
    fn the_names_of_a_certificate_are_shown_bare_and_few() {
        let presented = |count: usize| {
            (0..count)
                .map(|n| format!("DnsName(\"h{n}\")"))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&presented(2)), "for h0, h1");
        assert_eq!(names(&["IpAddress(10.0.0.1)".to_owned()]), "for 10.0.0.1");
        assert_eq!(
            names(&presented(10)),
            "for h0, h1, h2, h3, h4, h5, h6, h7 and 2 more"
        );
        assert!(names(&[]).contains("no host"));
    }
}
