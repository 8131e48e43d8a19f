//! Finds code, message and request id in an error body that the SDK could not read.
//!
//! Ceph RGW answers in S3's shape (`<Error><Code>` without `ErrorResponse` around it), for which the SDK
//! reports no code at all. Pure and forgiving: a page of HTML simply has no such elements.

/// What an error body says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorDocument {
    /// `Code`.
    pub(super) code: Option<String>,
    /// `Message`.
    pub(super) message: Option<String>,
    /// `RequestId`; AWS has it in a header as well, other servers only here.
    pub(super) request_id: Option<String>,
}

/// Reads a body; anything but an XML error gives nothing.
pub(super) fn read(body: &[u8]) -> ErrorDocument {
    let Ok(text) = std::str::from_utf8(body) else { return ErrorDocument::default() };
    if !text.contains("<Error") {
        return ErrorDocument::default();
    }
    ErrorDocument {
        code: element(text, "Code"),
        message: element(text, "Message"),
        request_id: element(text, "RequestId"),
    }
}

/// The text of the first element of that name, when it holds nothing but text.
fn element(document: &str, name: &str) -> Option<String> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    (!text.is_empty() && !text.contains('<')).then(|| unescaped(text))
}

fn unescaped(text: &str) -> String {
    let named = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    named.replace("&amp;", "&")
}

#[cfg(test)]
mod tests;
