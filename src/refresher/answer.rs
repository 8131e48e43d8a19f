//! What the endpoint answers for a profile, made of what the session decided.
//!
//! Owns the bodies that are published: credentials, or the failure with its hint. It decides
//! neither when the answer changes nor whether a refusal is permanent: `session` does. Called by
//! the driver.

use super::Refresher;
use crate::cache::{Published, Refused, Served};
use crate::credentials::Credentials;
use crate::failure::Failure;
use crate::response;
use crate::sts::Assume;
use crate::time::Boot;

/// The code of the answer before STS has said anything.
pub const NOT_READY: &str = "CredentialsNotReady";

impl<A: Assume + Send + Sync + 'static> Refresher<A> {
    pub(super) fn serve(&mut self, credentials: &Credentials, deadline: Boot) {
        let body = response::credentials_body(credentials);
        self.log.body_size(&self.parts.profile.name, body.len());
        self.parts
            .publisher
            .publish(Published::Served(Served { body, deadline }));
    }

    pub(super) fn refuse(&self, failure: Option<&Failure>, permanent: bool) {
        let profile = &self.parts.profile.name;
        let (code, message) = match failure {
            None => (
                NOT_READY.into(),
                format!("stsidecar: profile {profile}: waiting for the first answer of STS"),
            ),
            Some(failure) => (
                failure.code.text(),
                format!(
                    "stsidecar: profile {profile}: {}; {}",
                    failure.message,
                    failure.hint()
                ),
            ),
        };
        let status = if permanent { 403 } else { 503 };
        self.parts.publisher.publish(Published::Refused(Refused {
            status,
            body: response::error_body(&code, &message),
        }));
    }
}
