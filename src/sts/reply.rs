//! Checks what STS issued, field by field, before anything else sees it.
//!
//! The SDK makes credentials of empty strings that ended in 1970 of a success with missing elements
//! (`correct_errors` in
//! <https://github.com/awslabs/aws-sdk-rust/blob/main/sdk/sts/src/serde_util.rs>), so nothing is
//! believed here. Owns the predicates of a usable reply, and the check that the role is the one
//! asked for: a server behind a wrong URL, or one that was taken over, must not make the pod act as
//! another role. The lifetime is for `session` to judge. Pure; called by `client.rs`.

use crate::assume::{ResponseDetails, StsResponse};
use crate::credentials::{Credentials, Secret, is_access_key_id};
use crate::failure::{Evidence, Failure, Kind, classify, safe_line};
use crate::role::{RoleArn, Server};
use crate::time::Wall;

/// The longest session token taken: the endpoint's answer must stay below 10,000 bytes, which
/// clients on the AWS Common Runtime refuse
/// (<https://github.com/awslabs/aws-c-auth/blob/main/source/credentials_provider_ecs.c>).
pub const LONGEST_SESSION_TOKEN: usize = 8192;

/// The shortest key id in STS's model.
const SHORTEST_KEY_ID: usize = 16;

/// Longer than any secret key (AWS: 40 characters), short enough for the endpoint's answer.
const LONGEST_SECRET: usize = 512;

/// The longest ARN in STS's model.
const LONGEST_ARN: usize = 2048;

/// 2001-09-09 and the end of the year 9999: what lies outside is a default or nonsense, not an
/// expiry.
const EXPIRATIONS: std::ops::Range<i64> = 1_000_000_000..253_402_300_800;

/// The fields of a success, as they came.
#[derive(Clone, Default)]
pub struct Fields {
    /// `Credentials/AccessKeyId`.
    pub access_key_id: String,
    /// `Credentials/SecretAccessKey`.
    pub secret_access_key: String,
    /// `Credentials/SessionToken`.
    pub session_token: String,
    /// `Credentials/Expiration`.
    pub expiration: Wall,
    /// Everything else; an empty `AssumedRoleUser/Arn` says nothing.
    pub details: ResponseDetails,
}

/// What came with the answer besides its fields.
#[derive(Clone, Debug, Default)]
pub struct Envelope {
    /// The `Date` header.
    pub date: Option<Wall>,
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
}

/// Turns the fields into a reply; `asked` is the role of the request, when it named one.
///
/// # Errors
/// Class `BadReply` when a field cannot be used, class `Role` when another role answered.
pub fn check(
    server: Server,
    asked: Option<&RoleArn>,
    fields: Fields,
    envelope: Envelope,
) -> Result<StsResponse, Failure> {
    if let Err((kind, message)) = judge(server, asked, &fields) {
        return Err(classify(Evidence {
            kind: Some(kind),
            code: None,
            message: Some(message),
            status: envelope.status,
            request_id: envelope.request_id,
            signed: false,
        }));
    }
    let mut details = shown(fields.details);
    details.request_id = envelope.request_id;
    let assumed = details.assumed_role_arn.as_ref();
    let session = assumed.or(details.federated_user_arn.as_ref());
    let account = session
        .and_then(|arn| account_of(arn))
        .or_else(|| asked.and_then(|role| account_of(role.as_str())));
    let credentials = Credentials {
        account: account.map(str::to_owned),
        access_key_id: fields.access_key_id,
        secret_access_key: Secret::new(fields.secret_access_key),
        session_token: Secret::new(fields.session_token),
        expiration: fields.expiration,
    };
    Ok(StsResponse {
        credentials,
        date: envelope.date,
        details,
    })
}

/// Whether every field can be used, and the role is the one asked for.
fn judge(server: Server, asked: Option<&RoleArn>, fields: &Fields) -> Result<(), (Kind, String)> {
    if let Some(fault) = fault(server, fields) {
        return unusable(fault);
    }
    let assumed = fields
        .details
        .assumed_role_arn
        .as_deref()
        .filter(|arn| !arn.is_empty());
    let is_issued = match server {
        Server::Aws => RoleArn::issued,
        Server::Other => RoleArn::named,
    };
    match (asked, assumed) {
        (Some(role), Some(arn)) if !is_issued(role, arn) => {
            let message = format!("asked for {role}, but STS answered for {arn}");
            Err((Kind::RoleMismatch, message))
        }
        (Some(_), None) if server == Server::Aws => unusable("AssumedRoleUser is missing"),
        _ => Ok(()),
    }
}

fn unusable(fault: &str) -> Result<(), (Kind, String)> {
    let message = format!("STS answered with success, but {fault}");
    Err((Kind::InvalidReply, message))
}

/// The details as they may be shown: one line each, and no longer than STS's own limits let them
/// be.
fn shown(mut details: ResponseDetails) -> ResponseDetails {
    details.assumed_role_arn = details.assumed_role_arn.filter(|arn| !arn.is_empty());
    for text in [
        &mut details.assumed_role_id,
        &mut details.federated_user_arn,
        &mut details.federated_user_id,
        &mut details.source_identity,
        &mut details.subject_from_web_identity_token,
        &mut details.audience,
        &mut details.provider,
        &mut details.subject,
        &mut details.subject_type,
        &mut details.issuer,
        &mut details.name_qualifier,
        &mut details.identity_id,
    ] {
        *text = text
            .take()
            .map(|text| safe_line(&text))
            .filter(|text| !text.is_empty());
    }
    details
}

/// What keeps the fields from being used, in words without any of their content.
fn fault(server: Server, fields: &Fields) -> Option<&'static str> {
    let id = &fields.access_key_id;
    if !is_access_key_id(id, server) || server == Server::Aws && id.len() < SHORTEST_KEY_ID {
        return Some("its AccessKeyId is missing or malformed");
    }
    if !is_printable(&fields.secret_access_key, LONGEST_SECRET) {
        return Some("its SecretAccessKey is missing or malformed");
    }
    if fields.session_token.len() > LONGEST_SESSION_TOKEN {
        return Some("its SessionToken is longer than 8 KiB, more than SDKs take from an endpoint");
    }
    if !is_printable(&fields.session_token, LONGEST_SESSION_TOKEN) {
        return Some("its SessionToken is missing or malformed");
    }
    if !EXPIRATIONS.contains(&fields.expiration.unix_seconds()) {
        return Some("its Expiration is missing or makes no sense");
    }
    match &fields.details.assumed_role_arn {
        Some(arn) if !arn.is_empty() && !is_printable(arn, LONGEST_ARN) => {
            Some("its AssumedRoleUser is malformed")
        }
        _ => None,
    }
}

/// Printable ASCII without quotes and backslashes, so that no answer of ours grows by escaping it.
fn is_printable(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// The account in an ARN, when it is one of AWS's: SDKs take nothing else for an `AccountId`.
fn account_of(arn: &str) -> Option<&str> {
    let account = arn
        .strip_prefix("arn:")
        .and_then(|parts| parts.split(':').nth(3));
    account.filter(|account| account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
