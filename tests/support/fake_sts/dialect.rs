//! How servers that are not AWS word what STS says: the shapes that their sources and bug reports
//! show.
//!
//! Ceph RGW: <https://github.com/ceph/ceph/blob/main/src/rgw/rgw_sts.cc> and `rgw_rest_sts.cc`.
//! `MinIO`: <https://github.com/minio/minio/blob/master/cmd/sts-handlers.go> and `sts-errors.go`.

use serde::Deserialize;

use super::Issued;

/// Whose words an answer is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dialect {
    #[default]
    Aws,
    /// Keeps a role's path, misspells `AssumedRoleId`, and refuses in S3's shape.
    Ceph,
    /// Names no role in its answers, and issues key ids without a prefix.
    Minio,
}

impl Dialect {
    /// The `AssumedRoleUser` of a session of this role; `arn` is AWS's.
    pub fn assumed_role_user(self, issued: &Issued, arn: &str, id: &str) -> String {
        let (arn, element) = match self {
            Self::Aws => (arn.to_owned(), "AssumedRoleId"),
            Self::Ceph => (ceph_arn(issued), "AssumeRoleId"),
            Self::Minio => return "<AssumedRoleUser><Arn></Arn><AssumeRoleId></AssumeRoleId></AssumedRoleUser>".into(),
        };
        format!("<AssumedRoleUser><{element}>{id}</{element}><Arn>{arn}</Arn></AssumedRoleUser>")
    }

    /// An error document; the texts are escaped.
    pub fn error(self, fault: &str, code: &str, message: &str, request_id: &str) -> Option<String> {
        let inner = format!("<Code>{code}</Code><Message>{message}</Message>");
        match self {
            Self::Aws => None,
            Self::Ceph => Some(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{inner}<RequestId>{request_id}</RequestId><HostId>1-default</HostId></Error>"
            )),
            Self::Minio => Some(format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>{fault}</Type>{inner}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            )),
        }
    }

    /// The name of the header with the request's id.
    pub fn request_id_header(self) -> &'static str {
        if self == Self::Aws {
            "x-amzn-requestid"
        } else {
            "x-amz-request-id"
        }
    }
}

/// The role's resource with `assumed-` in front and the session behind.
fn ceph_arn(issued: &Issued) -> String {
    let role = issued
        .role_arn
        .as_deref()
        .unwrap_or("arn:aws:iam:::role/none");
    let parts: Vec<&str> = role.splitn(6, ':').collect();
    let (account, resource) = (parts.get(4).unwrap_or(&""), parts.get(5).unwrap_or(&""));
    format!(
        "arn:aws:sts::{account}:assumed-{resource}/{}",
        issued.session_name
    )
}
