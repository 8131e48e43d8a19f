//! What an identity pool answers: credentials or an error, taken out of its JSON.
//!
//! Owns the mapping from the document's members. It judges nothing: `reply` and `failure` do.

use serde_json::Value;

use crate::assume::ResponseDetails;
use crate::failure::Evidence;
use crate::sts::error_document::{self, ErrorDocument};
use crate::sts::reply::Fields;
use crate::time::Wall;

/// `{"__type": "com.amazonaws.cognito.identity.model#NotAuthorizedException", "message": "..."}`,
/// or what a server in front of the pool says.
pub(super) fn answered_error(body: &[u8]) -> Evidence {
    let ErrorDocument {
        code,
        message,
        request_id,
    } = error_document::read(body);
    Evidence {
        kind: None,
        code,
        message,
        status: None,
        request_id,
        signed: false,
    }
}

/// The credentials of an answer, for `reply` to check.
pub(super) fn fields(answer: &Value) -> Fields {
    let issued = &answer["Credentials"];
    let text = |key: &str| issued[key].as_str().unwrap_or_default().to_owned();
    #[allow(
        clippy::cast_possible_truncation,
        reason = "float casts saturate, and `check` judges the instant"
    )]
    let expiration = (issued["Expiration"].as_f64().unwrap_or_default() * 1000.0) as i64;
    Fields {
        access_key_id: text("AccessKeyId"),
        secret_access_key: text("SecretKey"),
        session_token: text("SessionToken"),
        expiration: Wall::from_unix_milliseconds(expiration),
        details: ResponseDetails {
            identity_id: answer["IdentityId"].as_str().map(str::to_owned),
            ..ResponseDetails::default()
        },
    }
}
