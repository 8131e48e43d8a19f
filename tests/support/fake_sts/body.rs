//! Answer bodies, good and bad.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Interval, Sleep};

/// What is sent behind the head.
pub enum AnswerBody {
    /// All of it, with its length.
    Whole(Option<Bytes>),
    /// A byte a second.
    Drip { left: Bytes, pace: Interval },
    /// Without end, as fast as it is read.
    Flood,
    /// A part, then the connection is reset.
    Broken {
        first: Option<Bytes>,
        pause: Pin<Box<Sleep>>,
        connection: std::net::TcpStream,
    },
}

impl AnswerBody {
    pub fn whole(text: impl Into<Bytes>) -> Self {
        Self::Whole(Some(text.into()))
    }

    pub fn drip(text: String) -> Self {
        Self::Drip {
            left: text.into(),
            pace: tokio::time::interval(Duration::from_secs(1)),
        }
    }

    /// `connection` is the accepted socket, so that its end can be a reset.
    pub fn broken(first: String, connection: std::net::TcpStream) -> Self {
        let pause = Box::pin(tokio::time::sleep(Duration::from_millis(20)));
        Self::Broken {
            first: Some(first.into()),
            pause,
            connection,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Drip { left, pace } => {
                if left.is_empty() {
                    return Poll::Ready(None);
                }
                ready!(pace.poll_tick(context));
                Poll::Ready(Some(Ok(Frame::data(left.split_to(1)))))
            }
            Self::Flood => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(
                &[b'x'; 16 * 1024],
            ))))),
            Self::Broken {
                first,
                pause,
                connection,
            } => {
                if let Some(first) = first.take() {
                    return Poll::Ready(Some(Ok(Frame::data(first))));
                }
                // The head and the first part are on the wire before the reset overtakes them.
                ready!(pause.as_mut().poll(context));
                let socket = tokio::net::TcpStream::from_std(connection.try_clone()?)?;
                socket.set_zero_linger()?;
                Poll::Ready(Some(Err(io::Error::other("scripted reset"))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(text) => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Self::Drip { left, .. } => SizeHint::with_exact(left.len() as u64),
            Self::Flood | Self::Broken { .. } => SizeHint::default(),
        }
    }
}
