//! An endpoint of one's own, as the SDK is handed it: a URL, and the region that requests to it are
//! signed for.
//!
//! The SDK's endpoint rules take a region for a part of a host name even where an endpoint is
//! given, so they never see this one: it goes from here straight into the signature's scope. Called
//! by the SDK for every request.

use aws_sdk_sts::config::endpoint::{
    Endpoint as Resolved, EndpointFuture, Params, ResolveEndpoint,
};
use aws_smithy_types::endpoint::EndpointAuthScheme;

use crate::sts::settings::Endpoint;

/// Answers every question of the SDK with the same endpoint.
#[derive(Clone, Debug)]
pub(super) struct OwnEndpoint(Resolved);

impl OwnEndpoint {
    /// The endpoint, with requests signed for `region`.
    pub(super) fn new(endpoint: &Endpoint, region: &str) -> Self {
        let signing =
            EndpointAuthScheme::with_capacity("sigv4", 1).put("signingRegion", region.to_owned());
        Self(
            Resolved::builder()
                .url(endpoint.url())
                .auth_scheme(signing)
                .build(),
        )
    }
}

impl ResolveEndpoint for OwnEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(self.0.clone()))
    }
}
