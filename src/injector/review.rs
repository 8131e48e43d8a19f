//! `AdmissionReview` v1 on the wire: a request read, an answer written.
//!
//! Owns the shape of both
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>)
//! and the limits of the API server on texts. It decides nothing about a pod, and keeps it raw: a
//! typed one would drop fields it does not know. Called by the webhook.

mod pod;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::safe_line;
use pod::Pod;

/// Where the API server posts reviews.
pub const PATH: &str = "/inject";

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// The longest warning, in characters: the API server may cut longer ones.
const LONGEST_WARNING: usize = 256;
/// The most memory that a pod may need once it is read, in KiB. One of 1.5 MiB in 300 containers
/// needs half of it; a forged text of `{"":0},` would need a hundred times its length. Deciding
/// takes as much again and a half: the chart's limit of memory has room for that.
pub const MOST_MEMORY: u32 = 40 << 10;
/// What an object takes: a node of its map, whose size does not depend on how few keys it has.
const OBJECT: usize = 700;
/// What any other value takes, with a short text.
const VALUE: usize = 72;

/// A pod that is about to be created. It is not printed: a pod can hold tokens.
pub struct Review {
    /// Names the review in its answer.
    pub uid: String,
    /// Where the pod is created.
    pub namespace: String,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// As it came, but for `metadata.managedFields`.
    pub pod: Value,
}

/// Why a body is no review that the webhook answers.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not JSON, or a part is missing. The text of the pod is not repeated.
    #[error("not an AdmissionReview: line {line}, column {column}: {what}")]
    Json {
        /// Where it goes wrong.
        line: usize,
        /// Where in it.
        column: usize,
        /// What kind of mistake.
        what: &'static str,
    },
    /// Another object, version or operation than the webhook is for.
    #[error(
        "{what} is {found:?}, expected {expected:?}: this webhook answers the creation of v1 Pods; \
         correct its rules"
    )]
    Other {
        /// Which field.
        what: &'static str,
        /// Its value.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    api_version: String,
    kind: String,
    request: Request,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    uid: String,
    kind: Kind,
    #[serde(default)]
    namespace: String,
    operation: String,
    object: Pod,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(default)]
    group: String,
    version: String,
    #[serde(rename = "kind")]
    name: String,
}

impl Review {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is no review of the creation of a Pod.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let Envelope {
            api_version,
            kind,
            request,
        } = serde_json::from_slice(body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data
                    if error.to_string().starts_with(pod::TOO_LARGE) =>
                {
                    pod::TOO_LARGE
                }
                serde_json::error::Category::Data => "a field is missing or of the wrong kind",
                serde_json::error::Category::Eof => "it ends too early",
                _ => "it is not JSON",
            };
            Error::Json {
                line: error.line(),
                column: error.column(),
                what,
            }
        })?;
        let group_version = format!("{}/{}", request.kind.group, request.kind.version);
        for (what, found, expected) in [
            ("apiVersion", &api_version, API_VERSION),
            ("kind", &kind, KIND),
            ("request.kind", &request.kind.name, "Pod"),
            ("request.kind's version", &group_version, "/v1"),
            ("request.operation", &request.operation, "CREATE"),
        ] {
            if found != expected {
                return Err(Error::Other {
                    what,
                    found: safe_line(found),
                    expected,
                });
            }
        }
        let Request {
            uid,
            namespace,
            object: Pod(pod),
            dry_run,
            ..
        } = request;
        Ok(Self {
            uid,
            namespace,
            dry_run: dry_run.unwrap_or(false),
            pod,
        })
    }
}

/// How much memory a review needs at most once it is read, in KiB: computed from its separators,
/// without reading it.
#[must_use]
pub fn memory_needed(body: &[u8]) -> u32 {
    let (mut needed, mut in_text, mut escaped) = (body.len(), false, false);
    for (at, byte) in body.iter().enumerate() {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else {
            in_text = *byte == b'"';
            needed += match byte {
                // An empty one takes no node.
                b'{' if body.get(at + 1) != Some(&b'}') => OBJECT,
                b',' | b'[' => VALUE,
                _ => 0,
            };
        }
    }
    u32::try_from(needed.div_ceil(1024)).map_or(MOST_MEMORY, |needed| needed.min(MOST_MEMORY))
}

/// The answer to the API server.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The pod is admitted, with this JSON patch if there is one.
    Admitted {
        /// RFC 6902, as JSON.
        patch: Option<Vec<u8>>,
        /// For the client that creates it.
        warnings: Vec<String>,
    },
    /// The pod is refused with an HTTP status and a sentence.
    Refused {
        /// 403 when the pod is at fault, 500 when something else is.
        code: u16,
        /// What is wrong and what to do.
        message: String,
    },
}

impl Verdict {
    /// The body of the answer to the review `uid`.
    #[must_use]
    pub fn body(&self, uid: &str) -> Vec<u8> {
        let mut response = Map::new();
        response.insert("uid".to_owned(), uid.into());
        response.insert(
            "allowed".to_owned(),
            matches!(self, Self::Admitted { .. }).into(),
        );
        match self {
            Self::Admitted { patch, warnings } => {
                if let Some(patch) = patch {
                    response.insert("patchType".to_owned(), "JSONPatch".into());
                    response.insert("patch".to_owned(), STANDARD.encode(patch).into());
                }
                if !warnings.is_empty() {
                    response.insert(
                        "warnings".to_owned(),
                        warnings.iter().map(|text| warning(text)).collect(),
                    );
                }
            }
            Self::Refused { code, message } => {
                let reason = if *code == 403 {
                    "Forbidden"
                } else {
                    "InternalError"
                };
                let status = json!({
                    "code": code, "message": message, "reason": reason, "status": "Failure",
                });
                response.insert("status".to_owned(), status);
            }
        }
        json!({ "apiVersion": API_VERSION, "kind": KIND, "response": response })
            .to_string()
            .into_bytes()
    }
}

/// kubectl prints it behind `Warning: `; the prefix says who warns.
fn warning(text: &str) -> Value {
    let text = format!("stsidecar: {text}");
    if text.chars().count() <= LONGEST_WARNING {
        return text.into();
    }
    let cut: String = text.chars().take(LONGEST_WARNING - 3).collect();
    format!("{cut}...").into()
}

#[cfg(test)]
mod tests;
