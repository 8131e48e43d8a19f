//! Answers of the fake API server: an object, a refusal, or the events of a watch.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub(super) fn answer(object: &Value) -> Response<Body> {
    let (sender, receiver) = mpsc::unbounded_channel();
    sender
        .send(object.to_string().into())
        .expect("the receiver is here");
    Response::new(Body(receiver))
}

pub(super) fn refusal(code: StatusCode, message: &str) -> Response<Body> {
    let reason = code
        .canonical_reason()
        .expect("a known code")
        .replace(' ', "");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16()});
    let mut response = answer(&status);
    *response.status_mut() = code;
    response
}

pub struct Body(pub(super) mpsc::UnboundedReceiver<Bytes>);

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
