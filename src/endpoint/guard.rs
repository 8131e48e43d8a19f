//! Whether a request may have credentials: request line and headers in, decision out.
//!
//! Owns every rule that keeps others away from them: the path, the method, the Host allow-list
//! against DNS rebinding, the deny-list against reverse proxies and browsers, and the clients'
//! authorization tokens. It is pure, takes one pass over the headers, and never sees credentials.
//! `endpoint` asks it for each request.

mod refusal;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Method, Uri};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::credentials::Secret;
pub use refusal::Refusal;

/// The only path; a trailing slash is accepted too.
pub const PATH: &str = "/v1/credentials";

/// Headers that a reverse proxy adds and no client, in lower case.
pub const FORWARDING: [&str; 10] = [
    "cf-connecting-ip",
    "fastly-client-ip",
    "forwarded",
    "proxy-connection",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-real-ip",
];

/// The same, for families of headers. Linkerd adds no others than its own
/// (<https://github.com/linkerd/linkerd2-proxy/commit/6d10dd6>).
const FORWARDING_FAMILIES: [&str; 3] = ["l5d-", "x-forwarded-", "x-original-"];

/// Headers that a browser adds and no SDK.
pub const BROWSER: [&str; 3] = ["cookie", "origin", "referer"];

/// The same, for a family of headers.
const BROWSER_FAMILY: &str = "sec-fetch-";

/// The one of them that is sent without a browser: every `fetch` of Node.js adds it, and nothing
/// else of the family (<https://github.com/nodejs/undici/issues/1305>). A browser adds
/// `sec-fetch-site` beside it (<https://www.w3.org/TR/fetch-metadata/>).
const NOT_BROWSER: &str = "sec-fetch-mode";

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The client at this position of the list may have its profile's credentials.
    Vend(usize),
    /// The request gets none.
    Refuse(Refusal),
}

/// The rules with this endpoint's port and its clients' tokens.
pub struct Guard {
    hosts: [String; 6],
    tokens: Vec<Secret>,
}

impl Guard {
    /// Rules for the listener at `port`; a client's position in `tokens` is what [`Decision::Vend`]
    /// names.
    #[must_use]
    pub fn new(port: u16, tokens: Vec<Secret>) -> Self {
        // The first is what nearly every SDK sends; the AWS Common Runtime and Envoy leave the port
        // out.
        let hosts = [
            format!("127.0.0.1:{port}"),
            "127.0.0.1".into(),
            format!("localhost:{port}"),
            "localhost".into(),
            format!("[::1]:{port}"),
            "[::1]".into(),
        ];
        Self { hosts, tokens }
    }

    /// Decides one request.
    #[must_use]
    pub fn decide(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Decision {
        let found = self.scan(headers);
        let refusal = if !is_our_path(uri) {
            Refusal::Path
        } else if method != Method::GET && method != Method::HEAD {
            Refusal::Method
        } else if found.body {
            Refusal::Body
        } else if found.hosts != 1 || !found.host_is_ours || !self.is_our_target(uri) {
            Refusal::Host
        } else if found.forwarded {
            Refusal::Forwarded
        } else {
            return match found.client {
                Some(client) if found.authorizations == 1 => Decision::Vend(client),
                _ => Decision::Refuse(Refusal::Token),
            };
        };
        Decision::Refuse(refusal)
    }

    fn scan(&self, headers: &HeaderMap) -> Scan {
        let mut found = Scan::default();
        for (name, value) in headers {
            if name == HOST {
                found.hosts += 1;
                found.host_is_ours = self.is_our_host(value.as_bytes());
            } else if name == AUTHORIZATION {
                found.authorizations += 1;
                found.client = self.client_of(value.as_bytes());
            } else if name == TRANSFER_ENCODING {
                found.body = true;
            } else if name == CONTENT_LENGTH {
                found.body |=
                    value.is_empty() || value.as_bytes().iter().any(|digit| *digit != b'0');
            } else if is_denied(name) {
                found.forwarded = true;
            }
        }
        found
    }

    fn is_our_host(&self, host: &[u8]) -> bool {
        // The exact forms first: comparing without case costs ten times as much.
        self.hosts.iter().any(|ours| host == ours.as_bytes())
            || self
                .hosts
                .iter()
                .any(|ours| host.eq_ignore_ascii_case(ours.as_bytes()))
    }

    /// A target in absolute form names the host a second time, and both must be ours
    /// (<https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>).
    fn is_our_target(&self, uri: &Uri) -> bool {
        match (uri.scheme(), uri.authority()) {
            (None, None) => true,
            (Some(scheme), Some(authority)) => {
                *scheme == Scheme::HTTP && self.is_our_host(authority.as_str().as_bytes())
            }
            _ => false,
        }
    }

    /// The client whose token this is. Every token is compared to its end, so that time says
    /// nothing.
    fn client_of(&self, sent: &[u8]) -> Option<usize> {
        let mut found = Choice::from(0);
        let mut client = 0_u64;
        for (position, token) in (0_u64..).zip(&self.tokens) {
            let equal = equal(token.expose().as_bytes(), sent);
            client = u64::conditional_select(&client, &position, equal);
            found |= equal;
        }
        bool::from(found).then(|| usize::try_from(client).expect("a position in a list fits"))
    }
}

/// What one pass over the headers found.
#[derive(Default)]
struct Scan {
    hosts: usize,
    host_is_ours: bool,
    authorizations: usize,
    client: Option<usize>,
    body: bool,
    forwarded: bool,
}

/// Whether both are the same, in a time that depends on their lengths only. The length of a token
/// is no secret; its differences are gathered eight bytes at a time, because byte by byte is nine
/// times as long.
fn equal(token: &[u8], sent: &[u8]) -> Choice {
    if token.len() != sent.len() {
        return Choice::from(0);
    }
    let ((words, rest), (sent_words, sent_rest)) = (token.as_chunks::<8>(), sent.as_chunks::<8>());
    let words = words
        .iter()
        .zip(sent_words)
        .map(|(ours, theirs)| u64::from_ne_bytes(*ours) ^ u64::from_ne_bytes(*theirs));
    let rest = rest
        .iter()
        .zip(sent_rest)
        .map(|(ours, theirs)| u64::from(ours ^ theirs));
    words
        .chain(rest)
        .fold(0, |differences, difference| differences | difference)
        .ct_eq(&0)
}

/// Byte for byte on the raw path: nothing is decoded, folded or normalised.
fn is_our_path(uri: &Uri) -> bool {
    let path = uri.path();
    uri.query().is_none()
        && path
            .strip_prefix(PATH)
            .is_some_and(|rest| rest.is_empty() || rest == "/")
}

fn is_denied(name: &HeaderName) -> bool {
    may_be_denied(name.as_str()) && (is_forwarding(name) || is_browser(name.as_str()))
}

/// Whether a reverse proxy adds this header.
#[must_use]
pub fn is_forwarding(name: &HeaderName) -> bool {
    // `HeaderName` is lower case whatever was sent.
    let name = name.as_str();
    FORWARDING.contains(&name)
        || FORWARDING_FAMILIES
            .iter()
            .any(|family| name.starts_with(family))
}

/// Whether a browser adds this header, in lower case.
#[must_use]
pub fn is_browser(name: &str) -> bool {
    BROWSER.contains(&name) || name.starts_with(BROWSER_FAMILY) && name != NOT_BROWSER
}

/// Whether a listed name begins with the same letter: most headers of an SDK are let through by
/// that alone.
fn may_be_denied(name: &str) -> bool {
    name.bytes()
        .next()
        .is_some_and(|first| INITIALS >> (first & 31) & 1 == 1)
}

/// A bit for the first letter of each listed name.
const INITIALS: u32 = initials(&FORWARDING)
    | initials(&FORWARDING_FAMILIES)
    | initials(&BROWSER)
    | initials(&[BROWSER_FAMILY]);

const fn initials(names: &[&str]) -> u32 {
    let (mut initials, mut index) = (0, 0);
    while index < names.len() {
        initials |= 1 << (names[index].as_bytes()[0] & 31);
        index += 1;
    }
    initials
}

#[cfg(test)]
mod tests;
