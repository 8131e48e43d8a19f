//! Finds code, message and request id in an error body that the SDK could not read.
//!
//! Ceph RGW answers in S3's shape (`<Error><Code>` without `ErrorResponse` around it), other
//! servers and gateways in JSON, and what is in front of an STS in text or HTML. Pure and
//! forgiving: what was said is shown as far as it can be read. It makes nothing safe: `failure`
//! does, and the client hides what it sent.

mod fields;
mod page;

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorDocument {
    /// `Code`.
    pub(super) code: Option<String>,
    /// `Message`, or the text in its place.
    pub(super) message: Option<String>,
    /// `RequestId`; AWS has it in a header as well, other servers only here.
    pub(super) request_id: Option<String>,
}

/// Reads a body by what is in it: the `Content-Type` of an error page is often its server's
/// default.
pub(super) fn read(body: &[u8]) -> ErrorDocument {
    let Some(text) = decoded(body) else {
        return ErrorDocument::default();
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Some(found) = fields::of_json(text) {
        return ErrorDocument::of(&found)
            .unwrap_or_else(|| said(page::first_line(text).filter(|_| !found.is_void())));
    }
    if !page::is_markup(text) {
        return said(page::first_line(text));
    }
    let document = if page::is_html(text) {
        None
    } else {
        ErrorDocument::of(&fields::of_xml(text))
    };
    document.unwrap_or_else(|| said(page::message(text)))
}

/// A body that says nothing but this.
fn said(message: Option<String>) -> ErrorDocument {
    ErrorDocument {
        message,
        ..ErrorDocument::default()
    }
}

/// The body as text, in the charset that its first bytes or its content betray; nothing when it is
/// no text, such as a compressed one: no request asks for it.
fn decoded(body: &[u8]) -> Option<String> {
    let text = match (body, std::str::from_utf8(body)) {
        ([0xff, 0xfe, ..], _) => utf16(body, u16::from_le_bytes),
        ([0xfe, 0xff, ..], _) => utf16(body, u16::from_be_bytes),
        (_, Ok(text)) => text.to_owned(),
        // Cut within a character: of a long body only the beginning is read.
        (_, Err(cut)) if cut.error_len().is_none() => {
            String::from_utf8_lossy(&body[..cut.valid_up_to()]).into_owned()
        }
        // Latin 1, whose characters are those of Unicode; Windows has others among its controls.
        (_, Err(_)) => body
            .iter()
            .map(|byte| {
                if (0x80..0xa0).contains(byte) {
                    '\u{fffd}'
                } else {
                    char::from(*byte)
                }
            })
            .collect(),
    };
    (!text.contains(is_binary)).then_some(text)
}

/// The text behind a byte order mark.
fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = body[2..].as_chunks::<2>();
    String::from_utf16_lossy(&pairs.iter().copied().map(unit).collect::<Vec<u16>>())
}

fn is_binary(c: char) -> bool {
    c.is_control() && !c.is_ascii_whitespace() && c != '\u{1b}'
}

#[cfg(test)]
mod tests;
