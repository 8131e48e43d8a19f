//! `AdmissionReview` v1 on the wire: a request read, an answer written.
//!
//! Owns the shape of both and the limits of the API server on texts. It decides nothing about a pod, and keeps
//! it raw: a typed one would drop fields it does not know. Called by the webhook.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::failure::safe_line;

const API_VERSION: &str = "admission.k8s.io/v1";
const KIND: &str = "AdmissionReview";

/// The longest warning, in characters: the API server may cut longer ones.
const LONGEST_WARNING: usize = 256;
/// More values than a pod has that could be stored: each takes about a hundred bytes of ours, and text of a few
/// bytes can ask for one (threat T30).
pub const MOST_VALUES: u32 = 250_000;

/// A pod that is about to be created. It is not printed: a pod can hold tokens.
pub struct Review {
    /// Names the review in its answer.
    pub uid: String,
    /// Where the pod is created.
    pub namespace: String,
    /// Whether nothing is to be stored.
    pub dry_run: bool,
    /// As it came.
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
        "{what} is {found:?}, expected {expected:?}: this webhook answers the creation of v1 Pods; correct its rules"
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
    object: Value,
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
        let Envelope { api_version, kind, request } = serde_json::from_slice(body).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "a field is missing or of the wrong kind",
                serde_json::error::Category::Eof => "it ends too early",
                _ => "it is not JSON",
            };
            Error::Json { line: error.line(), column: error.column(), what }
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
                return Err(Error::Other { what, found: safe_line(found), expected });
            }
        }
        let Request { uid, namespace, object: pod, dry_run, .. } = request;
        Ok(Self { uid, namespace, dry_run: dry_run.unwrap_or(false), pod })
    }
}

/// At most so many values does a JSON text hold, told from its separators without reading it.
#[must_use]
pub fn count_values(body: &[u8]) -> u32 {
    let (mut count, mut in_text, mut escaped) = (1_u32, false, false);
    for byte in body {
        if in_text {
            in_text = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
        } else {
            in_text = *byte == b'"';
            count = count.saturating_add(u32::from(matches!(byte, b',' | b'[' | b'{')));
        }
    }
    count
}

/// What the API server is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The pod is admitted, with this JSON patch if there is one.
    Admitted {
        /// RFC 6902.
        patch: Option<Value>,
        /// For whoever creates it.
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
        response.insert("allowed".to_owned(), matches!(self, Self::Admitted { .. }).into());
        match self {
            Self::Admitted { patch, warnings } => {
                if let Some(patch) = patch {
                    response.insert("patchType".to_owned(), "JSONPatch".into());
                    response.insert("patch".to_owned(), STANDARD.encode(patch.to_string()).into());
                }
                if !warnings.is_empty() {
                    response.insert("warnings".to_owned(), warnings.iter().map(|text| warning(text)).collect());
                }
            }
            Self::Refused { code, message } => {
                let reason = if *code == 403 { "Forbidden" } else { "InternalError" };
                let status = json!({ "code": code, "message": message, "reason": reason, "status": "Failure" });
                response.insert("status".to_owned(), status);
            }
        }
        json!({ "apiVersion": API_VERSION, "kind": KIND, "response": response }).to_string().into_bytes()
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
mod tests {
    use super::*;

    fn review() -> Value {
        json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u-1", "kind": { "group": "", "version": "v1", "kind": "Pod" }, "namespace": "team",
                "operation": "CREATE", "object": { "spec": {}, "unknown": [1.5, null] }, "oldObject": null,
                "options": {}, "somethingOfLater": true,
            },
        })
    }

    fn parsed(review: &Value) -> Result<Review, String> {
        Review::parse(review.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_review_is_read_with_its_pod_untouched() {
        let Ok(read) = parsed(&review()) else { panic!("it is right") };
        assert_eq!((read.uid.as_str(), read.namespace.as_str(), read.dry_run), ("u-1", "team", false));
        assert_eq!(read.pod, review()["request"]["object"]);
        let mut dry = review();
        dry["request"]["dryRun"] = true.into();
        assert!(parsed(&dry).is_ok_and(|read| read.dry_run));
    }

    #[test]
    fn what_is_no_creation_of_a_pod_is_refused_by_the_field() {
        for (pointer, value, said) in [
            ("/apiVersion", json!("admission.k8s.io/v1beta1"), "apiVersion is \"admission.k8s.io/v1beta1\""),
            ("/kind", json!("Pod"), "kind is \"Pod\""),
            ("/request/kind/kind", json!("Deployment"), "request.kind is \"Deployment\", expected \"Pod\""),
            ("/request/kind/group", json!("apps"), "request.kind's version is \"apps/v1\""),
            ("/request/operation", json!("UPDATE"), "request.operation is \"UPDATE\""),
            ("/request/uid", json!(7), "a field is missing or of the wrong kind"),
            ("/request", Value::Null, "a field is missing or of the wrong kind"),
        ] {
            let mut wrong = review();
            *wrong.pointer_mut(pointer).expect("there") = value;
            let Err(error) = parsed(&wrong) else { panic!("{said}") };
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_broken_body_is_an_error_that_repeats_nothing_of_it() {
        let deep = "[".repeat(100_000);
        for body in ["", "{", "canary", "[]", "null", "{\"apiVersion\":\"canary", deep.as_str(), "\u{0}"] {
            let Err(error) = Review::parse(body.as_bytes()) else { panic!("{body} is none") };
            assert!(!error.to_string().contains("canary"), "{error}");
        }
    }

    #[test]
    fn values_are_counted_outside_of_texts_only() {
        assert_eq!(count_values(br#"{"a":1}"#), 2);
        assert_eq!(count_values(br#"{"a,[{":"\",\\\"[{","b":[]}"#), 4);
        assert_eq!(count_values(br#"{"a":"\\","b":[1,2]}"#), 5);
    }

    fn response(verdict: &Verdict) -> Value {
        let answer: Value = serde_json::from_slice(&verdict.body("u-1")).expect("JSON");
        assert_eq!((&answer["apiVersion"], &answer["kind"]), (&API_VERSION.into(), &KIND.into()));
        assert_eq!(answer["response"]["uid"], "u-1");
        answer["response"].clone()
    }

    #[test]
    fn an_answer_holds_what_the_verdict_says_and_nothing_else() {
        let patch = json!([{ "op": "add", "path": "/a", "value": 1 }]);
        let patched = response(&Verdict::Admitted { patch: Some(patch.clone()), warnings: vec!["w".to_owned()] });
        let encoded = patched["patch"].as_str().expect("base64");
        assert_eq!(STANDARD.decode(encoded).expect("base64"), patch.to_string().as_bytes());
        assert_eq!(patched["warnings"], json!(["stsidecar: w"]));
        assert_eq!((&patched["allowed"], &patched["patchType"]), (&true.into(), &"JSONPatch".into()));
        let plain = response(&Verdict::Admitted { patch: None, warnings: Vec::new() });
        assert_eq!(plain, json!({ "uid": "u-1", "allowed": true }));
        let refused = response(&Verdict::Refused { code: 403, message: "stsidecar: no".to_owned() });
        let status = json!({ "code": 403, "message": "stsidecar: no", "reason": "Forbidden", "status": "Failure" });
        assert_eq!(refused, json!({ "uid": "u-1", "allowed": false, "status": status }));
    }

    #[test]
    fn a_long_warning_is_cut_to_what_the_api_server_takes() {
        let long = response(&Verdict::Admitted { patch: None, warnings: vec!["ä".repeat(400)] });
        let text = long["warnings"][0].as_str().expect("text");
        assert_eq!(text.chars().count(), 256);
        assert!(text.starts_with("stsidecar: ää") && text.ends_with("ä..."), "{text}");
    }
}
