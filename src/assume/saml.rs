//! A SAML assertion against a role session: `AssumeRoleWithSAML`.
//!
//! Owns the parameters of this source.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>

use super::{DurationSetting, Exchange, FilePath, Issues, Outline, Policy, Service};
use crate::file_content::Form;
use crate::role::{RoleArn, Server};

arn! {
    /// `PrincipalArn`: a SAML provider in IAM.
    SamlProviderArn, "saml-provider/",
    "the ARN of a SAML provider in IAM, such as arn:aws:iam::111122223333:saml-provider/NAME (20 to 2048 characters)"
}

restricted! {
    /// `AssumeRoleWithSAML`.
    pub struct Saml {
        /// The role to assume.
        pub role_arn: RoleArn,
        /// The SAML provider in IAM.
        pub principal_arn: SamlProviderArn,
        /// The response of the identity provider, XML or base 64; a renewal replaces the file.
        pub assertion_file: FilePath,
        /// 15m to 12h, or longest; the assertion may allow less.
        #[serde(default, rename = "sessionDuration")]
        pub duration: DurationSetting,
    }
}

impl Exchange for Saml {
    fn outline(&self) -> Outline<'_> {
        Outline {
            operation: "AssumeRoleWithSAML",
            service: Service::Sts,
            role_arn: Some(&self.role_arn),
            names: vec![
                ("roleArn", &self.role_arn),
                ("principalArn", &self.principal_arn),
            ],
            // The assertion names it.
            session_name: None,
            duration: self.duration,
            source_file: Some((&self.assertion_file, Form::Assertion)),
            mfa: None,
            contexts: &[],
            restriction: Some(self.restriction()),
            issues: Issues::RoleSession,
        }
    }

    fn policy_mut(&mut self) -> Option<&mut Option<Policy>> {
        Some(&mut self.policy)
    }

    fn keys_of(&mut self) -> Option<&mut Server> {
        None
    }
}
