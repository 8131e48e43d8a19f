//! The STS client: one attempt per call, built on the SDK, whose STS crate nothing but this and
//! `client/` names.
//!
//! Owns what is sent and the settings under which it is sent: no retries, no time-outs, no identity
//! cache and no clock correction of the SDK's own: `session` alone decides about repeating and
//! time, and the connector ends each attempt. `client/calls.rs` has the requests. It never formats
//! an error of the SDK, whose `Debug` can print the request with the token in it:
//! `client/evidence.rs` takes it apart instead. Called by `refresher` and `check`.

mod as_written;
mod calls;
mod capture;
mod clock;
#[cfg(feature = "cognito")]
mod cognito;
mod evidence;
mod fields;
mod own_endpoint;
mod parameters;
mod sent;
mod tls;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_sdk_sts::Client as Sdk;
use aws_sdk_sts::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{
    AppName, BehaviorVersion, Config, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::http::http_client_fn;
use http::Uri;

use self::as_written::AsWritten;
use self::capture::Seen;
use self::clock::ServerClock;
use self::own_endpoint::OwnEndpoint;
use self::sent::Sent;
use super::connector::{self, CaBundle, connector};
use super::reply::{Fields, check};
use super::settings::{ClientSettings, Endpoint};
use super::{Assume, Request};
use crate::assume::StsResponse;
use crate::failure::{Evidence, Failure, classify};
use crate::role::{RoleArn, Server};
use crate::time::{Now, Wall};

/// What signed requests to a custom STS name when no region is set; most such servers ignore it.
pub const REGION_OF_CUSTOM_ENDPOINTS: &str = "us-east-1";

/// In the user agent, and so in CloudTrail.
const APP_NAME: &str = concat!("stsidecar-", env!("CARGO_PKG_VERSION"));

/// Why there is no client: always a wrong setting, and so exit 78.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither a region nor an endpoint.
    #[error(
        "no AWS region: set region (AWS_REGION), or the URL of an STS with stsEndpoint (AWS_ENDPOINT_URL_STS)"
    )]
    NoRegion,
    /// FIPS and dual-stack are variants of AWS's own endpoints.
    #[error(
        "AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT cannot be combined with an endpoint of your own"
    )]
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
    #[cfg(feature = "cognito")]
    pools: cognito::Pools,
}

impl Client {
    /// Prepares a client that reads its CA bundle once; else as [`Client::following`].
    ///
    /// # Errors
    /// As there.
    pub fn new(
        settings: &ClientSettings,
        clock: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        Self::following(settings, connector::read_once(settings)?, clock)
    }

    /// Prepares a client; nothing is sent. `bundle` answers the newest content of the settings' CA
    /// bundle, if they name one, and is asked before each request; `clock` is read when a request
    /// is signed and when an answer comes.
    ///
    /// # Errors
    /// When a setting is wrong: all that can be known without a call is checked here.
    pub fn following(
        settings: &ClientSettings,
        bundle: Option<CaBundle>,
        clock: impl Fn() -> Now + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let region = match (&settings.region, &settings.endpoint) {
            (Some(region), _) => region.as_str().to_owned(),
            (None, Some(_)) => REGION_OF_CUSTOM_ENDPOINTS.to_owned(),
            (None, None) => return Err(Error::NoRegion),
        };
        let host = host(settings, &region)?;
        let clock = ServerClock::new(clock);
        let sdk = Sdk::from_conf(config(settings, bundle.clone(), &region, clock.clone())?);
        Ok(Self {
            sdk,
            clock,
            server: Endpoint::server(settings.endpoint.as_ref()),
            host,
            #[cfg(feature = "cognito")]
            pools: cognito::Pools::new(settings, bundle),
        })
    }

    /// Host and port that are called, for the log and `check`.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    fn accepted(
        &self,
        asked: Option<&RoleArn>,
        fields: Fields,
        seen: &Seen,
    ) -> Result<StsResponse, Failure> {
        let envelope = seen.take();
        self.clock.learn(envelope.date);
        check(self.server, asked, fields, envelope)
    }

    /// Only an answer with a code comes from STS; the `Date` of a proxy's error page is not
    /// believed.
    fn refused(&self, mut evidence: Evidence, seen: &Seen, sent: &Sent) -> Failure {
        let envelope = seen.take();
        if evidence.code.is_some() {
            self.clock.learn(envelope.date);
        }
        evidence.status = evidence.status.or(envelope.status);
        evidence.request_id = envelope.request_id.or(evidence.request_id);
        let said = evidence.kind.is_none();
        for text in [
            &mut evidence.code,
            &mut evidence.message,
            &mut evidence.request_id,
        ] {
            *text = text
                .take()
                .map(|text| if said { sent.hidden_in(&text) } else { text });
        }
        classify(evidence)
    }
}

impl Assume for Client {
    async fn assume(&self, request: Request) -> Result<StsResponse, Failure> {
        self.call(request).await
    }

    fn server_time(&self) -> Option<Wall> {
        self.clock.known()
    }
}

fn config(
    settings: &ClientSettings,
    bundle: Option<CaBundle>,
    region: &str,
    clock: ServerClock,
) -> Result<Config, Error> {
    let connector = connector(settings, bundle)?;
    let mut builder = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(region.to_owned()))
        .use_fips(settings.fips)
        .use_dual_stack(settings.dualstack)
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .timeout_config(TimeoutConfig::disabled())
        .retry_config(RetryConfig::disabled())
        .identity_cache(IdentityCache::no_cache())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .disable_clock_skew_correction(true)
        .time_source(clock)
        .app_name(AppName::new(APP_NAME).expect("letters, digits, dots and dashes"));
    if let Some(endpoint) = &settings.endpoint {
        // The SDK makes no host of a region then, but looks whether it could.
        builder = builder
            .endpoint_resolver(OwnEndpoint::new(endpoint, region))
            .interceptor(AsWritten::new(endpoint));
        builder = builder.region(Region::new(REGION_OF_CUSTOM_ENDPOINTS));
    }
    Ok(builder.build())
}

/// Host and port that are called: of an endpoint of one's own, else found with the SDK's own rules,
/// so that a bad region is reported at start.
fn host(settings: &ClientSettings, region: &str) -> Result<String, Error> {
    if let Some(endpoint) = &settings.endpoint {
        let variant = settings.fips || settings.dualstack;
        return if variant {
            Err(Error::Variant)
        } else {
            Ok(endpoint.authority().to_owned())
        };
    }
    let failed = |reason: String| Error::NoEndpoint {
        region: region.to_owned(),
        reason,
    };
    let params = Params::builder()
        .region(region)
        .use_fips(settings.fips)
        .use_dual_stack(settings.dualstack);
    let params = params
        .use_global_endpoint(false)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    let resolver = DefaultResolver::new();
    let answer =
        pin!(resolver.resolve_endpoint(&params)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(endpoint) = answer else {
        return Err(failed("its rules cannot be read".to_owned()));
    };
    let url = endpoint
        .map_err(|error| failed(error.to_string()))?
        .url()
        .to_owned();
    let url: Uri = url
        .parse()
        .map_err(|_| failed(format!("{url} is not a URL")))?;
    Ok(url.authority().map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests;
