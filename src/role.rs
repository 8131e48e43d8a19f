//! Names that STS and IAM give meaning to: roles, role sessions, regions.
//!
//! Owns their grammar, checked once at the edge; nothing inside checks again. It never talks to
//! anybody. Used by `assume`, `config` and everything that shows a role.

mod region;
mod server;

use std::fmt;

pub use region::Region;
use serde::Serialize;
pub use server::Server;

/// The ARN of an IAM role, of any partition (`arn:minio:iam:::role/x` too), or whatever an STS that
/// is not AWS's takes for one (`urn:ecs:iam::ns1:role/x`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RoleArn {
    text: String,
    #[serde(skip)]
    is_arn: bool,
}

/// What is wrong with a name; the caller adds its key and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not `arn:<partition>:iam::<account>:role/<name>`.
    #[error(
        "not a role ARN: it must look like arn:aws:iam::111122223333:role/NAME (20 to 2048 characters); another name needs stsEndpoint, the URL of an STS that is not AWS's"
    )]
    RoleArn,
    /// Not what any STS takes.
    #[error(
        "not a role ARN, nor a role of an STS that is not AWS's: 20 to 2048 printable ASCII characters without blank and comma"
    )]
    Role,
    /// What no server takes, whichever is asked.
    #[error(
        "a role ARN looks like arn:aws:iam::111122223333:role/NAME (20 to 2048 characters); an STS that is not AWS's (stsEndpoint) may have any name of that length without blank and comma"
    )]
    AnyRole,
    /// Outside `[\w+=,.@-]{2,64}`.
    #[error("a role session name has 2 to 64 characters, letters, digits and _+=,.@- only")]
    SessionName,
    /// Could not be part of a host name.
    #[error(
        "a region looks like eu-central-1: 1 to 63 lower-case letters, digits and dashes; another name needs stsEndpoint, the URL of an STS that is not AWS's"
    )]
    Region,
    /// Could not be part of a signature's scope.
    #[error(
        "the region of an STS that is not AWS's has 1 to 128 printable ASCII characters without blank, quote, backslash and any of /,="
    )]
    Scope,
}

/// Of an ARN in STS's model.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=2048;

impl RoleArn {
    /// Reads a role as a server has it: an ARN, or elsewhere than at AWS any name of an ARN's
    /// length.
    ///
    /// # Errors
    /// When the server could have no such role.
    pub fn parse_at(server: Server, text: &str) -> Result<Self, Error> {
        match (Self::parse(text), server) {
            (Err(_), Server::Other) if is_foreign_name(text) => Ok(Self {
                text: text.to_owned(),
                is_arn: false,
            }),
            (Err(_), Server::Other) => Err(Error::Role),
            (parsed, _) => parsed,
        }
    }

    /// Reads an ARN.
    ///
    /// # Errors
    /// When it has not six parts, names no role, or has an account that no STS has.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(Error::RoleArn);
        };
        let name = resource.strip_prefix("role/").unwrap_or("");
        let is_role = LENGTHS.contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && !partition.is_empty()
            && service == "iam"
            && region.is_empty()
            && is_account(account)
            && !name.is_empty()
            && !name.ends_with('/');
        if is_role {
            Ok(Self {
                text: text.to_owned(),
                is_arn: true,
            })
        } else {
            Err(Error::RoleArn)
        }
    }

    /// The role as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The account of an ARN, when the partition has accounts; twelve digits at AWS only.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.text
            .split(':')
            .nth(4)
            .filter(|account| self.is_arn && !account.is_empty())
    }

    /// The role's name without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// The role's path with its name.
    fn path_and_name(&self) -> &str {
        self.text
            .split_once(":role/")
            .map_or("", |(_, path_and_name)| path_and_name)
    }

    /// Whether `assumed` (`arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`) is a session of this
    /// role at AWS.
    ///
    /// STS drops the role's path in it, so account and name are all that can be compared.
    #[must_use]
    pub fn issued(&self, assumed: &str) -> bool {
        let parts: Vec<&str> = assumed.splitn(6, ':').collect();
        let ["arn", _, _, _, account, resource] = parts[..] else {
            return false;
        };
        let mut resource = resource.split('/');
        resource.next() == Some("assumed-role")
            && resource.next() == Some(self.name())
            && self.account().is_none_or(|own| account == own)
    }

    /// Whether `assumed` may be a session of this role at a server other than AWS: of its name, in
    /// whatever account. What the sessions of a role that is no ARN are called is not known, so it
    /// may be any.
    ///
    /// `SeaweedFS` answers with account 000000000000 for every role, its first releases with no
    /// field for one. Ceph RGW keeps the role's path (`generateAssumedRoleUser` in
    /// <https://github.com/ceph/ceph/blob/main/src/rgw/rgw_sts.cc>), and so does `SeaweedFS`, to
    /// which it is a part of the name
    /// (<https://github.com/seaweedfs/seaweedfs/blob/master/weed/iam/utils/arn_utils.go>). So the
    /// role is all in front of the session, whose name has no slash, and a path that is there is
    /// the one asked for. A server without a notion of sessions repeats the role.
    #[must_use]
    pub fn named(&self, assumed: &str) -> bool {
        if !self.is_arn || assumed == self.text {
            return true;
        }
        let resource = assumed
            .strip_prefix("arn:")
            .and_then(|rest| rest.split_once(":assumed-role/"));
        let Some((_, resource)) = resource else {
            return false;
        };
        let role = resource
            .rsplit_once('/')
            .map_or(resource, |(role, _session)| role);
        role == self.name() || role == self.path_and_name()
    }
}

/// Whether a server that is not AWS's may have a role, a policy or a provider of this name: any of
/// an ARN's length.
///
/// A comma would end it in the lists of annotations, a blank in a log line.
#[must_use]
pub fn is_foreign_name(text: &str) -> bool {
    LENGTHS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b',')
}

/// Twelve digits at AWS; nothing, a tenant (`team_1`) or an account with letters
/// (`RGW33567154695143645`) at others, such as Ceph RGW. Digits of another number are a slip of the
/// pen.
fn is_account(account: &str) -> bool {
    let has_letters = account.bytes().any(|b| b.is_ascii_alphabetic());
    if has_letters {
        account
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    } else {
        account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A role session name: what CloudTrail shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SessionName(String);

/// STS's upper limit for a role session name.
const LONGEST_SESSION_NAME: usize = 64;

fn is_session_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

impl SessionName {
    /// Takes a name as it is.
    ///
    /// # Errors
    /// When STS would refuse it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_name = (2..=LONGEST_SESSION_NAME).contains(&text.len())
            && text.chars().all(is_session_name_character);
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::SessionName)
        }
    }

    /// Makes a name out of any text: other characters become dashes, and it is cut or padded to
    /// STS's limits.
    #[must_use]
    pub fn sanitised(text: &str) -> Self {
        let mut name: String = text
            .chars()
            .map(|c| if is_session_name_character(c) { c } else { '-' })
            .take(LONGEST_SESSION_NAME)
            .collect();
        while name.len() < 2 {
            name.push('-');
        }
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
