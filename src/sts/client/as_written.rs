//! The URL of a custom STS, sent and signed as its operator wrote it.
//!
//! The SDK joins the endpoint's path and the operation's, which is `/` for all of STS, so
//! `/sts/tenant` would become `/sts/tenant/`. Servers route the two apart: MinIO's operator serves
//! the first and answers the second with 404, and the other SDKs of AWS send the first
//! (<https://github.com/boto/botocore/blob/develop/botocore/awsrequest.py>,
//! `prepare_request_dict`).

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use crate::sts::settings::Endpoint;

/// The interceptor of every call to a custom STS.
#[derive(Debug)]
pub(super) struct AsWritten(String);

impl AsWritten {
    /// Sends to this endpoint's own path.
    pub(super) fn new(endpoint: &Endpoint) -> Self {
        Self(endpoint.url())
    }
}

impl Intercept for AsWritten {
    fn name(&self) -> &'static str {
        "AsWritten"
    }

    /// Before signing, since the signature covers the path.
    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Ok(context.request_mut().set_uri(self.0.as_str())?)
    }
}
