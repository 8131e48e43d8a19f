//! Text of PEM as it is in files and annotations, made into what the one parser here reads.
//!
//! Owns the forms that OpenSSL and the injector write beside the usual one. A certificate in a form
//! that no parser here reads is an error: without it a server would not be trusted, and nothing
//! would say why. Called by `trust.rs` and `system.rs`.

use super::NotABundle;
use crate::text;

/// A text of PEM in which a parser finds every certificate.
///
/// # Errors
/// When it has some in a form that no parser here reads.
pub(super) fn readable(content: &[u8]) -> Result<Vec<u8>, NotABundle> {
    labelled(&text::pem(content)?)
}

/// PEM with every certificate under the label that is looked for; what is under others is passed
/// over without a word. OpenSSL reads the older label too (`PEM_STRING_X509_OLD` in
/// <https://github.com/openssl/openssl/blob/master/include/openssl/pem.h>).
fn labelled(content: &[u8]) -> Result<Vec<u8>, NotABundle> {
    let mut lines = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        match line.trim_ascii_end() {
            b"-----BEGIN TRUSTED CERTIFICATE-----" => return Err(NotABundle::Trusted),
            b"-----BEGIN PKCS7-----" => return Err(NotABundle::Pkcs7),
            b"-----BEGIN X509 CERTIFICATE-----" => lines.extend(b"-----BEGIN CERTIFICATE-----\n"),
            b"-----END X509 CERTIFICATE-----" => lines.extend(b"-----END CERTIFICATE-----\n"),
            mark if mark.starts_with(BEGIN) && mark != BEGIN => unfold(line, &mut lines),
            _ => lines.extend_from_slice(line),
        }
    }
    Ok(lines)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Certificates that are in one line, as the injector hands them over in an annotation: each mark
/// in a line of its own.
fn unfold(line: &[u8], lines: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(mark) = [BEGIN, END].into_iter().find(|mark| rest.starts_with(mark)) {
        lines.extend_from_slice(mark);
        lines.push(b'\n');
        rest = rest[mark.len()..].trim_ascii_start();
        let length = rest
            .windows(5)
            .position(|five| five == b"-----")
            .unwrap_or(rest.len());
        let (content, behind) = rest.split_at(length);
        lines.extend_from_slice(content.trim_ascii_end());
        lines.push(b'\n');
        rest = behind;
    }
    lines.extend_from_slice(rest);
    lines.push(b'\n');
}
