//! The STS client: one attempt per call, built on the SDK, the only file that names the SDK's STS crate.
//!
//! Owns what is sent and the settings under which it is sent: no retries, no identity cache, no clock
//! correction of the SDK's own, since `session` alone decides about repeating and time (agent decisions B2,
//! B15). It never formats an error of the SDK, which can print the token (A3): `client/evidence.rs` takes it
//! apart instead. Called by `refresher` and `check`.

mod capture;
mod clock;
mod evidence;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_sdk_sts::Client as Sdk;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    AppName, BehaviorVersion, Config, Credentials as Signer, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_sdk_sts::operation::assume_role::AssumeRoleOutput;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use aws_sdk_sts::types::{AssumedRoleUser, Credentials as Issued, PolicyDescriptorType, Tag};
use aws_smithy_runtime_api::client::http::http_client_fn;
use http::Uri;

use self::capture::{Capture, Seen};
use self::clock::ServerClock;
use super::connector::{self, ATTEMPT_TIMEOUT, CONNECT_TIMEOUT, connector};
use super::reply::{Fields, Server, check};
use super::settings::{Endpoint, Settings};
use super::{Assume, Proof, Request};
use crate::assume::{Reply, Restriction, Role, Step, WebIdentity};
use crate::credentials::Credentials;
use crate::failure::{Class, Failure, classify};
use crate::role::SessionName;
use crate::time::{Now, Wall};
use crate::token::WebIdentityToken;

/// What signed requests to a custom STS name when no region is set; most such servers ignore it.
pub const REGION_OF_CUSTOM_ENDPOINTS: &str = "us-east-1";

/// Stands in the user agent, and so in CloudTrail.
const APP_NAME: &str = concat!("stsidecar-", env!("CARGO_PKG_VERSION"));

/// Why there is no client: always a wrong setting, and so exit 78.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a region nor an endpoint.
    #[error("no AWS region: set region (AWS_REGION), or the URL of an STS with stsEndpoint (AWS_ENDPOINT_URL_STS)")]
    NoRegion,
    /// FIPS and dual-stack are variants of AWS's own endpoints.
    #[error("AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT cannot be combined with an STS endpoint of your own")]
    Variant,
    /// The region has no such endpoint, or the URL cannot be used.
    #[error("there is no STS endpoint for region {region}: {reason}")]
    NoEndpoint {
        /// The region asked for.
        region: String,
        /// The SDK's words.
        reason: String,
    },
    /// Roots or proxy.
    #[error(transparent)]
    Connector(#[from] connector::Error),
}

/// Makes exchanges with one STS.
pub struct Client {
    sdk: Sdk,
    clock: ServerClock,
    server: Server,
    host: String,
}

impl Client {
    /// Prepares a client; nothing is sent. `clock` is read when a request is signed and when an answer comes.
    ///
    /// # Errors
    /// When a setting is wrong: all that can be known without a call is checked here.
    pub fn new(settings: &Settings, clock: impl Fn() -> Now + Send + Sync + 'static) -> Result<Self, Error> {
        let region = match (&settings.region, &settings.endpoint) {
            (Some(region), _) => region.as_str().to_owned(),
            (None, Some(_)) => REGION_OF_CUSTOM_ENDPOINTS.to_owned(),
            (None, None) => return Err(Error::NoRegion),
        };
        if settings.endpoint.is_some() && (settings.fips || settings.dualstack) {
            return Err(Error::Variant);
        }
        let host = host(settings, &region)?;
        let clock = ServerClock::new(clock);
        let sdk = Sdk::from_conf(config(settings, region, clock.clone())?);
        let aws = settings.endpoint.as_ref().is_none_or(Endpoint::is_aws);
        Ok(Self { sdk, clock, server: if aws { Server::Aws } else { Server::Other }, host })
    }

    /// Host and port that are called, for the log and `check`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The time at STS by its last answer that had a `Date`, for `check`; nothing before the first.
    #[must_use]
    pub fn server_time(&self) -> Option<Wall> {
        self.clock.known()
    }

    async fn web_identity(
        &self,
        step: &WebIdentity,
        name: &SessionName,
        seconds: u32,
        token: WebIdentityToken,
    ) -> Result<Reply, Failure> {
        let seen = Seen::default();
        let sent = self
            .sdk
            .assume_role_with_web_identity()
            .set_role_arn(step.role_arn.as_ref().map(ToString::to_string))
            .role_session_name(name.as_str())
            .web_identity_token(token.expose())
            .duration_seconds(seconds.cast_signed())
            .set_policy(policy(&step.restriction))
            .set_policy_arns(policy_arns(&step.restriction))
            .customize()
            .interceptor(Capture::new(&seen))
            .send();
        // Not kept while STS is waited for: the SDK holds the only copy.
        drop(token);
        match sent.await {
            Ok(output) => self.accepted(step.role_arn.as_ref(), output.into(), &seen),
            Err(error) => Err(self.refused(evidence::of(&error, &self.host, false), &seen)),
        }
    }

    async fn role(&self, step: &Role, name: &SessionName, seconds: u32, parent: Credentials) -> Result<Reply, Failure> {
        let seen = Seen::default();
        let tags = step.tags.iter().map(|tag| {
            let built = Tag::builder().key(tag.key.as_str()).value(tag.value.as_str()).build();
            built.expect("key and value are set")
        });
        let sent = self
            .sdk
            .assume_role()
            .role_arn(step.role_arn.as_str())
            .role_session_name(name.as_str())
            .duration_seconds(seconds.cast_signed())
            .set_policy(policy(&step.restriction))
            .set_policy_arns(policy_arns(&step.restriction))
            .set_external_id(step.external_id.as_ref().map(ToString::to_string))
            .set_tags(non_empty(tags.collect()))
            .set_transitive_tag_keys(non_empty(step.transitive_tag_keys.iter().map(ToString::to_string).collect()))
            .set_source_identity(step.source_identity.as_ref().map(ToString::to_string))
            .customize()
            .config_override(Config::builder().credentials_provider(signer(&parent)))
            .interceptor(Capture::new(&seen))
            .send();
        drop(parent);
        match sent.await {
            Ok(output) => self.accepted(Some(&step.role_arn), output.into(), &seen),
            Err(error) => Err(self.refused(evidence::of(&error, &self.host, true), &seen)),
        }
    }

    fn accepted(&self, asked: Option<&crate::role::RoleArn>, fields: Fields, seen: &Seen) -> Result<Reply, Failure> {
        let envelope = seen.take();
        self.clock.learn(envelope.date);
        check(self.server, asked, fields, envelope)
    }

    /// Only an answer with a code comes from STS; the `Date` of a proxy's error page is not believed.
    fn refused(&self, mut evidence: crate::failure::Evidence, seen: &Seen) -> Failure {
        let envelope = seen.take();
        if evidence.code.is_some() {
            self.clock.learn(envelope.date);
        }
        evidence.status = evidence.status.or(envelope.status);
        evidence.request_id = envelope.request_id.or(evidence.request_id);
        classify(evidence)
    }
}

impl Assume for Client {
    async fn assume(&self, request: Request) -> Result<Reply, Failure> {
        let Request { step, session_name, duration, proof } = request;
        match (&*step, proof) {
            (Step::WebIdentity(step), Proof::Token(token)) => {
                self.web_identity(step, &session_name, duration.seconds(), token).await
            }
            (Step::Role(step), Proof::Signer(parent)) => {
                self.role(step, &session_name, duration.seconds(), parent).await
            }
            (step, _) => {
                let message = format!("{} was asked for with the wrong kind of proof", step.operation());
                Err(Failure::local(Class::Config, "RequestNotSent", message))
            }
        }
    }
}

fn config(settings: &Settings, region: String, clock: ServerClock) -> Result<Config, Error> {
    let connector = connector(settings)?;
    let time_outs =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region))
        .use_fips(settings.fips)
        .use_dual_stack(settings.dualstack)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .timeout_config(time_outs)
        .retry_config(RetryConfig::disabled())
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .disable_clock_skew_correction(true)
        .time_source(clock)
        .app_name(AppName::new(APP_NAME).expect("letters, digits, dots and dashes"));
    builder.set_endpoint_url(settings.endpoint.as_ref().map(Endpoint::url));
    Ok(builder.build())
}

/// Host and port of the endpoint, found with the SDK's own rules so that a bad region is told at start.
fn host(settings: &Settings, region: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::NoEndpoint { region: region.to_owned(), reason };
    let params = Params::builder().region(region).use_fips(settings.fips).use_dual_stack(settings.dualstack);
    let params = params.use_global_endpoint(false).set_endpoint(settings.endpoint.as_ref().map(Endpoint::url));
    let params = params.build().map_err(|error| failed(error.to_string()))?;
    let resolver = DefaultResolver::new();
    let answer = pin!(resolver.resolve_endpoint(&params)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(endpoint) = answer else { return Err(failed("its rules cannot be read".to_owned())) };
    let url = endpoint.map_err(|error| failed(error.to_string()))?.url().to_owned();
    let url: Uri = url.parse().map_err(|_| failed(format!("{url} is not a URL")))?;
    Ok(url.authority().map(ToString::to_string).unwrap_or_default())
}

fn signer(parent: &Credentials) -> Signer {
    let (secret, token) = (parent.secret_access_key.expose(), parent.session_token.expose());
    Signer::new(&parent.access_key_id, secret, Some(token.to_owned()), None, "stsidecar")
}

fn policy(restriction: &Restriction) -> Option<String> {
    restriction.policy.as_ref().map(ToString::to_string)
}

fn policy_arns(restriction: &Restriction) -> Option<Vec<PolicyDescriptorType>> {
    let described = restriction.policy_arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn.as_str()).build());
    non_empty(described.collect())
}

/// An empty list is left out: some servers take its bare key for an empty first member.
fn non_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

impl From<AssumeRoleWithWebIdentityOutput> for Fields {
    fn from(output: AssumeRoleWithWebIdentityOutput) -> Self {
        fields(output.credentials, output.assumed_role_user)
    }
}

impl From<AssumeRoleOutput> for Fields {
    fn from(output: AssumeRoleOutput) -> Self {
        fields(output.credentials, output.assumed_role_user)
    }
}

fn fields(issued: Option<Issued>, assumed: Option<AssumedRoleUser>) -> Fields {
    let assumed_role_arn = assumed.map(|user| user.arn);
    let Some(issued) = issued else { return Fields { assumed_role_arn, ..Fields::default() } };
    Fields {
        expiration: Wall::from_unix_milliseconds(issued.expiration.to_millis().unwrap_or_default()),
        access_key_id: issued.access_key_id,
        secret_access_key: issued.secret_access_key,
        session_token: issued.session_token,
        assumed_role_arn,
    }
}
