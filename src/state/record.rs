//! The JSON of a state file. The one place where secrets are written, into a 0600 file of our own
//! directory.
//!
//! Owns the mapping between the session's snapshot and its stored form; `state` adds the checksum.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Saved;
use crate::assume::{ResponseDetails, SessionDuration};
use crate::credentials::{Credentials, Secret};
use crate::identity::{Identity, Sum};
use crate::role::SessionName;
use crate::session::Lease;
use crate::session::snapshot::{Digest, SavedHop, Snapshot};
use crate::time::{Boot, Wall};

/// Changes with every change of the form or of what a value means; a file of another version is
/// ignored. 2: an identity for each hop.
const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    boot_id: String,
    digest: [u8; 32],
    named: Option<IdentityRecord>,
    session_names: Vec<Option<String>>,
    hops: Vec<Option<HopRecord>>,
}

/// A digest of the identity that a content names, or of the content.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum IdentityRecord {
    Named([u8; 32]),
    Opaque([u8; 32]),
}

/// Instants and durations are milliseconds: of the boot clock, of the Unix epoch, of a lifetime.
#[derive(Serialize, Deserialize)]
struct HopRecord {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: i64,
    account: Option<String>,
    deadline: u64,
    lifetime: u64,
    received: i64,
    due: u64,
    generation: u64,
    worked_seconds: Option<u64>,
    assumed_role_arn: Option<String>,
    identity: Option<IdentityRecord>,
}

pub(super) fn encode(saved: &Saved) -> Vec<u8> {
    let record = Record {
        version: VERSION,
        boot_id: saved.boot_id.clone(),
        digest: saved.snapshot.digest.0,
        named: write_identity(saved.named),
        session_names: saved
            .session_names
            .iter()
            .map(|name| name.as_ref().map(ToString::to_string))
            .collect(),
        hops: saved
            .snapshot
            .hops
            .iter()
            .map(|hop| hop.as_ref().map(write_hop))
            .collect(),
    };
    serde_json::to_vec(&record)
        .expect("a record is strings, numbers and lists, which JSON always holds")
}

pub(super) fn decode(body: &[u8]) -> Option<Saved> {
    let record: Record = serde_json::from_slice(body).ok()?;
    (record.version == VERSION).then(|| Saved {
        boot_id: record.boot_id,
        named: read_identity(record.named.as_ref()),
        session_names: record.session_names.into_iter().map(read_name).collect(),
        snapshot: Snapshot {
            digest: Digest(record.digest),
            hops: record
                .hops
                .into_iter()
                .map(|hop| hop.map(read_hop))
                .collect(),
        },
    })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn boot(milliseconds: u64) -> Boot {
    Boot::from_duration(Duration::from_millis(milliseconds))
}

fn write_hop(saved: &SavedHop) -> HopRecord {
    let Lease {
        credentials,
        deadline,
        lifetime,
        received,
        details,
        identity,
    } = &saved.lease;
    HopRecord {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.expose().to_owned(),
        session_token: credentials.session_token.expose().to_owned(),
        expiration: credentials.expiration.unix_milliseconds(),
        account: credentials.account.clone(),
        deadline: milliseconds(deadline.as_duration()),
        lifetime: milliseconds(*lifetime),
        received: received.unix_milliseconds(),
        due: milliseconds(saved.due.as_duration()),
        generation: saved.generation,
        worked_seconds: saved.worked.map(|duration| duration.seconds().into()),
        assumed_role_arn: details.assumed_role_arn.clone(),
        identity: write_identity(*identity),
    }
}

fn write_identity(identity: Identity) -> Option<IdentityRecord> {
    match identity {
        Identity::Unknown => None,
        Identity::Named(sum) => Some(IdentityRecord::Named(sum.0)),
        Identity::Opaque(sum) => Some(IdentityRecord::Opaque(sum.0)),
    }
}

fn read_identity(record: Option<&IdentityRecord>) -> Identity {
    match record {
        None => Identity::Unknown,
        Some(IdentityRecord::Named(sum)) => Identity::Named(Sum(*sum)),
        Some(IdentityRecord::Opaque(sum)) => Identity::Opaque(Sum(*sum)),
    }
}

fn read_name(name: Option<String>) -> Option<SessionName> {
    SessionName::parse(&name?).ok()
}

fn read_hop(record: HopRecord) -> SavedHop {
    let worked = record.worked_seconds.map(Duration::from_secs);
    SavedHop {
        lease: Lease {
            credentials: Credentials {
                access_key_id: record.access_key_id,
                secret_access_key: Secret::new(record.secret_access_key),
                session_token: Secret::new(record.session_token),
                expiration: Wall::from_unix_milliseconds(record.expiration),
                account: record.account,
            },
            deadline: boot(record.deadline),
            lifetime: Duration::from_millis(record.lifetime),
            received: Wall::from_unix_milliseconds(record.received),
            details: ResponseDetails {
                assumed_role_arn: record.assumed_role_arn,
                ..ResponseDetails::default()
            },
            identity: read_identity(record.identity.as_ref()),
        },
        due: boot(record.due),
        generation: record.generation,
        worked: worked.and_then(|duration| SessionDuration::from_duration(duration).ok()),
    }
}
