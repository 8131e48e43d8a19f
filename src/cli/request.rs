//! One blocking request to the agent in the same pod, with a deadline over all of it.
//!
//! Owns the little HTTP that takes: a request with `Connection: close`, an answer of known length.
//! It is used by `status` and `credential-process`; the agent itself never calls it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::clock;
use crate::time::Boot;

/// What is asked.
pub(super) struct Request<'a> {
    /// `GET`, or `POST` without a body.
    pub(super) method: &'static str,
    /// With its query.
    pub(super) path: &'a str,
    /// The `Authorization` header, if any.
    pub(super) authorization: Option<&'a str>,
    /// For connecting, sending and receiving together.
    pub(super) within: Duration,
}

/// What came back, whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: String,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Nothing listens there: the agent is not up yet, or not there at all.
    #[error("no agent answers on {0}")]
    NoAgent(String),
    /// It took the connection and did not answer in time.
    #[error("the agent on {0} does not answer in time")]
    Silent(SocketAddr),
    /// It took the connection and broke off.
    #[error("the agent on {0} broke off: {1}")]
    Broken(SocketAddr, io::Error),
    /// It took the connection and ended: an agent that is replaced, or killed.
    #[error("the agent on {0} ended before it answered")]
    Closed(SocketAddr),
    /// Another process has the port.
    #[error("what answers on {0} is not the agent: its answer is not HTTP")]
    NotHttp(SocketAddr),
}

/// The longest answer: 16 profiles with chains stay far below it.
const LONGEST: u64 = 1 << 20;

/// Asks the first address that takes the connection.
pub(super) fn ask(addresses: &[SocketAddr], request: &Request<'_>) -> Result<Response, Error> {
    let end = clock::boot().plus(request.within);
    for address in addresses {
        if let Ok(stream) = TcpStream::connect_timeout(address, left(end)) {
            let answer =
                exchange(stream, *address, request, end).map_err(|error| match error.kind() {
                    // Which of the two a socket's time-out gives depends on the platform.
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Silent(*address),
                    _ => Error::Broken(*address, error),
                })?;
            let unread = if answer.is_empty() {
                Error::Closed(*address)
            } else {
                Error::NotHttp(*address)
            };
            return parse(&answer).ok_or(unread);
        }
    }
    let tried: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    Err(Error::NoAgent(tried.join(" or ")))
}

/// What is left of the time; never zero, which the socket would take for no limit.
fn left(end: Boot) -> Duration {
    end.since(clock::boot()).max(Duration::from_millis(1))
}

fn exchange(
    mut stream: TcpStream,
    address: SocketAddr,
    request: &Request<'_>,
    end: Boot,
) -> io::Result<Vec<u8>> {
    let Request {
        method,
        path,
        authorization,
        ..
    } = request;
    let authorization = authorization
        .map(|token| format!("Authorization: {token}\r\n"))
        .unwrap_or_default();
    stream.set_write_timeout(Some(left(end)))?;
    // The agent calls itself so at whichever of its addresses; of the others it knows no name.
    let port = address.port();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\n{authorization}Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        stream.set_read_timeout(Some(left(end)))?;
        let read = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..read]);
        if read == 0 {
            return Ok(answer);
        }
        if end.since(clock::boot()).is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if answer.len() as u64 > LONGEST {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is longer than 1 MiB",
            ));
        }
    }
}

/// Status and body; nothing when the answer is no HTTP, or is not as long as it says.
fn parse(answer: &[u8]) -> Option<Response> {
    let text = std::str::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let length = headers
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?
        .1;
    (length.trim().parse() == Ok(body.len())).then(|| Response {
        status,
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_only_when_it_is_whole() {
        let whole =
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(
            parse(whole),
            Some(Response {
                status: 200,
                body: "{}".to_owned()
            })
        );
        for bad in [
            &whole[..whole.len() - 1],
            b"",
            b"SSH-2.0-OpenSSH",
            b"HTTP/1.1 200 OK\r\n\r\n{}",
            b"HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
            b"\xff\xff",
        ] {
            assert_eq!(parse(bad), None, "{}", String::from_utf8_lossy(bad));
        }
    }
}
