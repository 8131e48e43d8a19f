//! The requests, one for each operation: every parameter of the step, and what signs it.
//!
//! Owns what goes into each field of the SDK's builders. A token, an assertion and a signer are
//! dropped before STS is waited for: besides the SDK's own copy, [`Sent`] keeps what is needed to
//! hide them in an answer.

use aws_sdk_sts::config::{Config, Credentials as Signer};
use aws_sdk_sts::types::ProvidedContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::capture::{Capture, Seen};
use super::parameters::{non_empty, policy_arns, serial_number, tags, text};
use super::sent::Sent;
use super::{Client, evidence};
use crate::assume::{FederationToken, Hop, Role, Saml, SessionToken, StsResponse, WebIdentity};
use crate::credentials::Secret;
use crate::failure::{Failure, Kind, OwnCode};
use crate::file_content::Form;
use crate::role::{RoleArn, SessionName};
use crate::sts::reply::Fields;
use crate::sts::{Authentication, MfaAndContexts, Request};

/// What a call is made with besides its step.
struct With {
    session_name: SessionName,
    seconds: i32,
    proof: Authentication,
    extras: MfaAndContexts,
}

impl With {
    /// The secrets that go out with the call.
    fn sent(&self) -> Sent {
        let proof = match &self.proof {
            Authentication::Token(_) | Authentication::Assertion(_) => [self.proof.unsigned(), ""],
            Authentication::AccessKey(key) => [key.secret().expose(), ""],
            Authentication::Signer(parent) => [
                parent.secret_access_key.expose(),
                parent.session_token.expose(),
            ],
        };
        let extras = self.extras.code.iter().chain(&self.extras.contexts);
        Sent::of(proof.into_iter().chain(extras.map(Secret::expose)))
    }
}

/// Sends a request and answers what became of it. A macro, because the SDK's builders share no
/// trait.
macro_rules! exchanged {
    ($client:ident, $request:ident, $with:ident, unsigned, $asked:expr) => {
        exchanged!($client, $request.customize(), $with, $asked, false)
    };
    ($client:ident, $request:ident, $with:ident, signed, $asked:expr) => {
        exchanged!(
            $client,
            $request
                .customize()
                .config_override(signed_by(&$with.proof)),
            $with,
            $asked,
            true
        )
    };
    ($client:ident, $customized:expr, $with:ident, $asked:expr, $signed:literal) => {{
        let seen = Seen::default();
        let sending = $customized.interceptor(Capture::new(&seen)).send();
        let sent = $with.sent();
        drop($with);
        $client.finished($asked, $signed, (&seen, &sent), sending.await)
    }};
}

impl Client {
    /// Makes one attempt.
    pub(super) async fn call(&self, request: Request) -> Result<StsResponse, Failure> {
        let Request {
            step,
            session_name,
            duration,
            proof,
            extras,
        } = request;
        let with = With {
            session_name,
            seconds: duration.seconds().cast_signed(),
            proof,
            extras,
        };
        if !with.proof.is_for(&step) {
            return Err(not_sent(
                &step,
                "was asked for with the wrong kind of proof",
            ));
        }
        match &*step {
            Hop::WebIdentity(step) => self.web_identity(step, with).await,
            Hop::Saml(step) => self.saml(step, with).await,
            Hop::SessionToken(step) => self.session_token(step, with).await,
            Hop::FederationToken(step) => self.federation_token(step, with).await,
            Hop::Role(step) => self.role(step, with).await,
            #[cfg(feature = "cognito")]
            Hop::Cognito(pool) => match with.proof {
                Authentication::Token(token) => self.cognito(pool, token).await,
                Authentication::Assertion(_)
                | Authentication::AccessKey(_)
                | Authentication::Signer(_) => Err(not_sent(&step, "takes a token only")),
            },
            #[cfg(not(feature = "cognito"))]
            Hop::Cognito(_) => Err(not_sent(&step, "is not in this build")),
        }
    }

    async fn web_identity(&self, step: &WebIdentity, with: With) -> Result<StsResponse, Failure> {
        let request = self
            .sdk
            .assume_role_with_web_identity()
            .set_role_arn(text(step.role_arn.as_ref()))
            .role_session_name(with.session_name.as_str())
            .web_identity_token(with.proof.unsigned())
            .set_provider_id(text(step.provider_id.as_ref()))
            .duration_seconds(with.seconds)
            .set_policy(text(step.policy.as_ref()))
            .set_policy_arns(policy_arns(&step.policy_arns));
        exchanged!(self, request, with, unsigned, step.role_arn.as_ref())
    }

    async fn saml(&self, step: &Saml, with: With) -> Result<StsResponse, Failure> {
        let request = self
            .sdk
            .assume_role_with_saml()
            .role_arn(step.role_arn.as_str())
            .principal_arn(step.principal_arn.as_str())
            .saml_assertion(with.proof.unsigned())
            .duration_seconds(with.seconds)
            .set_policy(text(step.policy.as_ref()))
            .set_policy_arns(policy_arns(&step.policy_arns));
        exchanged!(self, request, with, unsigned, Some(&step.role_arn))
    }

    async fn session_token(&self, step: &SessionToken, with: With) -> Result<StsResponse, Failure> {
        let request = self
            .sdk
            .get_session_token()
            .duration_seconds(with.seconds)
            .set_serial_number(serial_number(step.mfa.as_ref()))
            .set_token_code(with.extras.code.as_ref().map(exposed));
        exchanged!(self, request, with, signed, None)
    }

    async fn federation_token(
        &self,
        step: &FederationToken,
        with: With,
    ) -> Result<StsResponse, Failure> {
        let request = self
            .sdk
            .get_federation_token()
            .name(step.name.as_str())
            .duration_seconds(with.seconds)
            .set_policy(text(step.policy.as_ref()))
            .set_policy_arns(policy_arns(&step.policy_arns))
            .set_tags(tags(&step.tags));
        exchanged!(self, request, with, signed, None)
    }

    async fn role(&self, step: &Role, with: With) -> Result<StsResponse, Failure> {
        let contexts = step
            .provided_contexts
            .iter()
            .zip(&with.extras.contexts)
            .map(|(context, assertion)| {
                let named = ProvidedContext::builder().provider_arn(context.provider_arn.as_str());
                named.context_assertion(assertion.expose()).build()
            });
        let request = self
            .sdk
            .assume_role()
            .role_arn(step.role_arn.as_str())
            .role_session_name(with.session_name.as_str())
            .duration_seconds(with.seconds)
            .set_policy(text(step.policy.as_ref()))
            .set_policy_arns(policy_arns(&step.policy_arns))
            .set_external_id(text(step.external_id.as_ref()))
            .set_tags(tags(&step.tags))
            .set_transitive_tag_keys(non_empty(
                step.transitive_tag_keys
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            ))
            .set_source_identity(text(step.source_identity.as_ref()))
            .set_serial_number(serial_number(step.mfa.as_ref()))
            .set_token_code(with.extras.code.as_ref().map(exposed))
            .set_provided_contexts(non_empty(contexts.collect()));
        exchanged!(self, request, with, signed, Some(&step.role_arn))
    }

    fn finished<O, E>(
        &self,
        asked: Option<&RoleArn>,
        signed: bool,
        (seen, sent): (&Seen, &Sent),
        outcome: Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<StsResponse, Failure>
    where
        O: Into<Fields>,
        E: ProvideErrorMetadata,
    {
        match outcome {
            Ok(output) => self.accepted(asked, output.into(), seen),
            // Of an operation's own error only code and message count, and those are the same type
            // for all.
            Err(error) => {
                let error = error.map_service_error(|error| error.meta().clone());
                Err(self.refused(evidence::of(&error, &self.host, signed), seen, sent))
            }
        }
    }
}

/// Before a call: its parts do not fit together.
fn not_sent(step: &Hop, problem: &str) -> Failure {
    let message = format!("{} {problem}", step.operation());
    Failure::local(OwnCode::Ended(Kind::BeforeTheWire), message)
}

impl Authentication {
    /// Whether it is what the step's source file holds; without such a file the step before signs.
    fn is_for(&self, step: &Hop) -> bool {
        match step.source_file().map(|(_, form)| form) {
            Some(Form::Token | Form::OAuthToken) => matches!(self, Self::Token(_)),
            Some(Form::Assertion) => matches!(self, Self::Assertion(_)),
            Some(Form::AccessKey { .. }) => matches!(self, Self::AccessKey(_)),
            Some(Form::Totp | Form::Code | Form::Context) => false,
            None => matches!(self, Self::Signer(_)),
        }
    }

    /// What goes into an unsigned request.
    fn unsigned(&self) -> &str {
        match self {
            Self::Token(token) => token.expose(),
            Self::Assertion(assertion) => assertion.expose(),
            Self::AccessKey(_) | Self::Signer(_) => "",
        }
    }
}

fn signed_by(proof: &Authentication) -> aws_sdk_sts::config::Builder {
    let signer = match proof {
        Authentication::AccessKey(key) => Some((key.id(), key.secret(), None)),
        Authentication::Signer(parent) => Some((
            parent.access_key_id.as_str(),
            &parent.secret_access_key,
            Some(exposed(&parent.session_token)),
        )),
        Authentication::Token(_) | Authentication::Assertion(_) => None,
    };
    let mut config = Config::builder();
    if let Some((id, secret, token)) = signer {
        config =
            config.credentials_provider(Signer::new(id, secret.expose(), token, None, "stsidecar"));
    }
    config
}

fn exposed(secret: &Secret) -> String {
    secret.expose().to_owned()
}
