//! Looks at one answer's head as it comes in, and bounds its body: a success that is too long is none, of a refusal
//! the beginning is read.
//!
//! The SDK keeps neither `Date` nor status of a success, and reads a body of any length: an answer without end would
//! take all memory of the container. One value per call; it changes nothing of the request.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use http_body_util::Limited;
use hyper::body::{Body, Frame};

use crate::sts::reply::Envelope;
use crate::time::Wall;

/// More than four times the longest answer of STS; what is longer comes from another server.
pub(super) const LONGEST_BODY: usize = 64 * 1024;

/// Where the head of the answer is put.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen(Arc<Mutex<Envelope>>);

impl Seen {
    /// Of an answer that another client received.
    #[cfg(feature = "cognito")]
    pub(super) fn of(envelope: Envelope) -> Self {
        Self(Arc::new(Mutex::new(envelope)))
    }

    /// What was seen; nothing when there was no answer.
    pub(super) fn take(&self) -> Envelope {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The interceptor of one call.
#[derive(Debug)]
pub(super) struct Capture(Seen);

impl Capture {
    /// Puts what it sees into `seen`.
    pub(super) fn new(seen: &Seen) -> Self {
        Self(seen.clone())
    }
}

impl Intercept for Capture {
    fn name(&self) -> &'static str {
        "Capture"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = envelope(response);
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let limited = if response.status().is_success() {
            SdkBody::from_body_1_x(Limited::new(body, LONGEST_BODY))
        } else {
            SdkBody::from_body_1_x(Beginning::of(body))
        };
        *response.body_mut() = limited;
        Ok(())
    }
}

/// What a refusal begins with: pages of filters hold their images, and say what they say in front of them.
pub(super) struct Beginning {
    body: SdkBody,
    left: usize,
}

impl Beginning {
    /// At most [`LONGEST_BODY`] bytes of a body.
    pub(super) fn of(body: SdkBody) -> Self {
        Self {
            body,
            left: LONGEST_BODY,
        }
    }
}

impl Body for Beginning {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let Some(Ok(mut frame)) = frame else {
            return Poll::Ready(frame);
        };
        if let Some(data) = frame.data_mut() {
            data.truncate(self.left);
            self.left -= data.len();
        }
        Poll::Ready(Some(Ok(frame)))
    }
}

/// What the head of an answer says.
pub(super) fn envelope(response: &HttpResponse) -> Envelope {
    let header = |name| response.headers().get(name);
    Envelope {
        date: header("date").and_then(Wall::parse_http_date),
        request_id: header("x-amzn-requestid")
            .or_else(|| header("x-amz-request-id"))
            .map(str::to_owned),
        status: Some(response.status().as_u16()),
    }
}
