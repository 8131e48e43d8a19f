//! What each operation answers, as fields to be checked: the SDK's outputs taken apart.
//!
//! Owns the mapping from each output's elements. It judges nothing: `reply.rs` does.

use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role_with_saml::AssumeRoleWithSamlOutput;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use aws_sdk_sts::operation::get_federation_token::GetFederationTokenOutput;
use aws_sdk_sts::operation::get_session_token::GetSessionTokenOutput;
use aws_sdk_sts::types::{AssumedRoleUser, Credentials as Issued};

use crate::assume::ResponseDetails;
use crate::sts::reply::Fields;
use crate::time::Wall;

impl From<AssumeRoleWithWebIdentityOutput> for Fields {
    #[allow(
        deprecated,
        reason = "servers that do not know SessionTokenUtilization yet answer with PackedPolicySize"
    )]
    fn from(output: AssumeRoleWithWebIdentityOutput) -> Self {
        let details = ResponseDetails {
            packed_policy_size: output.packed_policy_size,
            session_token_utilization: output.session_token_utilization,
            session_token_size: output.session_token_size,
            source_identity: output.source_identity,
            subject_from_web_identity_token: output.subject_from_web_identity_token,
            audience: output.audience,
            provider: output.provider,
            ..of_role(output.assumed_role_user)
        };
        fields(output.credentials, details)
    }
}

impl From<AssumeRoleWithSamlOutput> for Fields {
    #[allow(deprecated, reason = "as above")]
    fn from(output: AssumeRoleWithSamlOutput) -> Self {
        let details = ResponseDetails {
            packed_policy_size: output.packed_policy_size,
            session_token_utilization: output.session_token_utilization,
            session_token_size: output.session_token_size,
            source_identity: output.source_identity,
            subject: output.subject,
            subject_type: output.subject_type,
            issuer: output.issuer,
            audience: output.audience,
            name_qualifier: output.name_qualifier,
            ..of_role(output.assumed_role_user)
        };
        fields(output.credentials, details)
    }
}

impl From<AssumeRoleOutput> for Fields {
    #[allow(deprecated, reason = "as above")]
    fn from(output: AssumeRoleOutput) -> Self {
        let details = ResponseDetails {
            packed_policy_size: output.packed_policy_size,
            session_token_utilization: output.session_token_utilization,
            session_token_size: output.session_token_size,
            source_identity: output.source_identity,
            ..of_role(output.assumed_role_user)
        };
        fields(output.credentials, details)
    }
}

impl From<GetSessionTokenOutput> for Fields {
    fn from(output: GetSessionTokenOutput) -> Self {
        let details = ResponseDetails {
            session_token_utilization: output.session_token_utilization,
            session_token_size: output.session_token_size,
            ..ResponseDetails::default()
        };
        fields(output.credentials, details)
    }
}

impl From<GetFederationTokenOutput> for Fields {
    #[allow(deprecated, reason = "as above")]
    fn from(output: GetFederationTokenOutput) -> Self {
        let user = output
            .federated_user
            .map(|user| (user.arn, user.federated_user_id))
            .unzip();
        let details = ResponseDetails {
            federated_user_arn: user.0,
            federated_user_id: user.1,
            packed_policy_size: output.packed_policy_size,
            session_token_utilization: output.session_token_utilization,
            session_token_size: output.session_token_size,
            ..ResponseDetails::default()
        };
        fields(output.credentials, details)
    }
}

fn of_role(assumed: Option<AssumedRoleUser>) -> ResponseDetails {
    let (assumed_role_arn, assumed_role_id) =
        assumed.map(|user| (user.arn, user.assumed_role_id)).unzip();
    ResponseDetails {
        assumed_role_arn,
        assumed_role_id,
        ..ResponseDetails::default()
    }
}

fn fields(issued: Option<Issued>, details: ResponseDetails) -> Fields {
    let Some(issued) = issued else {
        return Fields {
            details,
            ..Fields::default()
        };
    };
    Fields {
        expiration: Wall::from_unix_milliseconds(issued.expiration.to_millis().unwrap_or_default()),
        access_key_id: issued.access_key_id,
        secret_access_key: issued.secret_access_key,
        session_token: issued.session_token,
        details,
    }
}
