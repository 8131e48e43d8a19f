//! Names that STS and IAM give meaning to: roles, role sessions, regions.
//!
//! Owns their grammar, checked once at the edge; nothing inside checks again. It never talks to anybody.
//! Used by `assume`, `config` and everything that shows a role.

use std::fmt;

use serde::Serialize;

/// The ARN of an IAM role, of any partition (`arn:minio:iam:::role/x` too).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RoleArn(String);

/// What is wrong with a name; the caller adds the key it stood under and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not `arn:<partition>:iam::<account>:role/<name>`.
    #[error("not a role ARN: it must look like arn:aws:iam::111122223333:role/NAME (20 to 2048 characters)")]
    RoleArn,
    /// Outside `[\w+=,.@-]{2,64}`.
    #[error("a role session name has 2 to 64 characters, letters, digits and _+=,.@- only")]
    SessionName,
    /// Could not be part of a host name.
    #[error("a region looks like eu-central-1: 1 to 63 lower-case letters, digits and dashes")]
    Region,
}

impl RoleArn {
    /// Reads an ARN.
    ///
    /// # Errors
    /// When it has not six parts, names no role, or has an account that no STS has.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else { return Err(Error::RoleArn) };
        let name = resource.strip_prefix("role/").unwrap_or("");
        let sound = (20..=2048).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic())
            && !partition.is_empty()
            && service == "iam"
            && region.is_empty()
            && is_account(account)
            && !name.is_empty()
            && !name.ends_with('/');
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::RoleArn) }
    }

    /// The ARN as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account, when the partition has accounts; twelve digits at AWS only.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.0.split(':').nth(4).filter(|account| !account.is_empty())
    }

    /// The role's name without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether `assumed` (`arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`) is a session of this role.
    ///
    /// STS drops the role's path in it, so account and name are all that can be compared (agent decision A4).
    #[must_use]
    pub fn issued(&self, assumed: &str) -> bool {
        let account = assumed.split(':').nth(4);
        self.named(assumed) && self.account().is_none_or(|own| account == Some(own))
    }

    /// Whether `assumed` is a session of a role of this name, in whatever account.
    ///
    /// All that can be asked of a server other than AWS: `SeaweedFS` answers with account 000000000000 for
    /// every role, Ceph RGW with none.
    #[must_use]
    pub fn named(&self, assumed: &str) -> bool {
        let parts: Vec<&str> = assumed.splitn(6, ':').collect();
        let ["arn", _, _, _, _, resource] = parts[..] else { return false };
        let mut resource = resource.split('/');
        resource.next() == Some("assumed-role") && resource.next() == Some(self.name())
    }
}

/// Twelve digits at AWS; nothing, a tenant (`team_1`) or an account with letters (`RGW33567154695143645`) at
/// others, such as Ceph RGW. Digits of another number are a slip of the pen.
fn is_account(account: &str) -> bool {
    let has_letters = account.bytes().any(|b| b.is_ascii_alphabetic());
    if has_letters {
        account.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    } else {
        account.is_empty() || account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
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
    /// Takes a name as it stands.
    ///
    /// # Errors
    /// When STS would refuse it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let sound = (2..=LONGEST_SESSION_NAME).contains(&text.len()) && text.chars().all(is_session_name_character);
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::SessionName) }
    }

    /// Makes a name out of any text: other characters become dashes, and it is cut or padded to STS's limits.
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

/// An AWS region, or whatever a custom STS calls one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Region(String);

impl Region {
    /// Takes a region's name.
    ///
    /// # Errors
    /// When it could not be part of a host name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let sound = (1..=63).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if sound { Ok(Self(text.to_owned())) } else { Err(Error::Region) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_arns_of_every_partition_are_read() {
        for (text, account, name) in [
            ("arn:aws:iam::111122223333:role/app", Some("111122223333"), "app"),
            ("arn:aws-cn:iam::111122223333:role/team/deep/app", Some("111122223333"), "app"),
            ("arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0", None, "nOybJqMNzNmroqEKq5D0EUsRZw0"),
            ("arn:aws:iam::RGW33567154695143645:role/app", Some("RGW33567154695143645"), "app"),
            ("arn:aws:iam::tenant_1:role/app", Some("tenant_1"), "app"),
        ] {
            let role = RoleArn::parse(text).expect(text);
            assert_eq!((role.account(), role.name()), (account, name));
        }
    }

    #[test]
    fn what_is_not_a_role_arn_is_refused() {
        for bad in [
            "",
            "app",
            "arn:aws:iam::1111:role/app",
            "arn:aws:iam::1111-2222-33:role/app",
            "arn:aws:iam::<account>:role/app",
            "arn:aws:iam::${ACCOUNT}:role/app",
            "arn:aws:iam::111122223333:user/someone",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:s3::111122223333:role/app",
            "arn:aws:iam::111122223333:role/a b",
            "arn:aws:sts::111122223333:assumed-role/app/session",
        ] {
            assert_eq!(RoleArn::parse(bad), Err(Error::RoleArn), "{bad}");
        }
    }

    #[test]
    fn an_assumed_role_is_compared_by_account_and_name_only() {
        let role = RoleArn::parse("arn:aws:iam::111122223333:role/path/app").expect("a role");
        assert!(role.issued("arn:aws:sts::111122223333:assumed-role/app/session"));
        assert!(!role.issued("arn:aws:sts::999922223333:assumed-role/app/session"));
        assert!(!role.issued("arn:aws:sts::111122223333:assumed-role/other/session"));
        assert!(!role.issued("garbage"));
        assert!(role.named("arn:aws:sts::000000000000:assumed-role/app/session"));
        assert!(!role.named("arn:aws:sts::000000000000:assumed-role/other/session"));
    }

    #[test]
    fn any_text_becomes_a_session_name_that_sts_takes() {
        for text in ["", "a", "ns.pod-0", "ünïcode/and spaces", &"x".repeat(200)] {
            let name = SessionName::sanitised(text);
            assert_eq!(SessionName::parse(name.as_str()), Ok(name.clone()), "{text}");
        }
        assert_eq!(SessionName::sanitised("a b").as_str(), "a-b");
        assert_eq!(SessionName::parse("a b"), Err(Error::SessionName));
    }

    #[test]
    fn regions_are_host_name_labels() {
        assert!(Region::parse("eu-central-1").is_ok());
        for bad in ["", "EU", "eu_central", "-eu", "a.b"] {
            assert_eq!(Region::parse(bad), Err(Error::Region), "{bad}");
        }
    }
}
