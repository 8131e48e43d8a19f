//! Signature Version 4, verified: what the caller signed is built again from the request as it
//! came.
//!
//! Written from AWS's description of the canonical request; the SDK's signer is the other side.

use std::fmt::Write as _;

use hyper::HeaderMap;
use ring::{digest, hmac};

/// The parts of a signed request that do not depend on the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub access_key_id: String,
    pub security_token: Option<String>,
    date: String,
    scope: Vec<String>,
    text: String,
    signature: String,
}

/// Reads the `Authorization` header; nothing when there is none, or one of another kind.
pub fn read(method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Signed> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let fields = header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?;
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let mut credential = field("Credential")?.split('/').map(str::to_owned);
    let access_key_id = credential.next()?;
    let scope: Vec<String> = credential.collect();
    let names = field("SignedHeaders")?;
    let mut canonical = format!("{method}\n{path}\n\n");
    for name in names.split(';') {
        writeln!(canonical, "{name}:{}", header(name)?.trim()).expect("a String takes every text");
    }
    write!(canonical, "\n{names}\n{}", hash(body)).expect("a String takes every text");
    let date = header("x-amz-date")?.to_owned();
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{}\n{}",
        scope.join("/"),
        hash(canonical.as_bytes())
    );
    let security_token = header("x-amz-security-token").map(str::to_owned);
    Some(Signed {
        access_key_id,
        security_token,
        date,
        scope,
        text,
        signature: field("Signature")?.to_owned(),
    })
}

impl Signed {
    /// The region of its scope.
    pub fn region(&self) -> Option<&str> {
        self.scope.get(1).map(String::as_str)
    }

    /// Whether the holder of this secret signed exactly this request, on the day that it names.
    pub fn is_by(&self, secret: &str) -> bool {
        let key = self
            .scope
            .iter()
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                keyed(&key, part.as_bytes())
            });
        let is_scoped = self.scope.len() == 4 && self.date.starts_with(&self.scope[0]);
        is_scoped
            && self.scope[3] == "aws4_request"
            && hex(&keyed(&key, self.text.as_bytes())) == self.signature
    }
}

fn keyed(key: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
        .as_ref()
        .to_vec()
}

fn hash(content: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, content).as_ref())
}

/// As signatures and digests are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}
