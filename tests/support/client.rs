//! A small HTTP/1.1 client that keeps its connection and shows exactly what came, as an SDK's
//! would.
//!
//! It sends a request only when the answer before has been read whole. A connection that ends
//! within an answer is an error, never a short body.

use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fake_sts::Issued;

/// Longer than the agent may take for anything, except a waiting `/status`.
const LIMIT: Duration = Duration::from_secs(30);

/// One complete answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    /// The lines behind the status line, with their line ends.
    pub head: String,
    pub body: Vec<u8>,
    /// From the first byte sent to the last one read.
    pub took: Duration,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("every body is text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The credentials in a 200, checked to be of one issue.
    pub fn issued(&self) -> Result<Issued, String> {
        if self.status != 200 {
            return Err(format!("status {}: {}", self.status, self.text()));
        }
        let body: Value = serde_json::from_slice(&self.body).map_err(|error| error.to_string())?;
        let text = |key: &str| body[key].as_str().ok_or_else(|| format!("no {key}"));
        Issued::verify(
            text("AccessKeyId")?,
            text("SecretAccessKey")?,
            text("Token")?,
            text("Expiration")?,
        )
    }
}

/// One client with at most one connection.
pub struct Client {
    address: SocketAddr,
    authorization: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client that has not connected yet; `authorization` is the header's value.
    pub fn new(address: SocketAddr, authorization: &str) -> Self {
        Self {
            address,
            authorization: authorization.to_owned(),
            stream: None,
        }
    }

    /// Asks for credentials, on the connection at hand when there is one.
    pub fn credentials(&mut self) -> io::Result<Answer> {
        self.get("/v1/credentials")
    }

    /// `GET path`; after an error the next request connects anew.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        let start = Instant::now();
        let (host, authorization) = (host(self.address), &self.authorization);
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\n\r\n"
        );
        stream.get_mut().write_all(request.as_bytes())?;
        let answer = read(&mut stream, start)?;
        if !answer.head.contains("connection: close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

/// What the agent calls itself; the other loopback addresses are only reached under a name.
fn host(address: SocketAddr) -> String {
    let known = address.is_ipv6() || address.ip() == Ipv4Addr::LOCALHOST;
    if known {
        address.to_string()
    } else {
        format!("localhost:{}", address.port())
    }
}

/// One request on a connection of its own.
pub fn get(port: u16, path: &str) -> io::Result<Answer> {
    Client::new((Ipv4Addr::LOCALHOST, port).into(), "none").get(path)
}

pub fn connect(address: SocketAddr) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(BufReader::new(stream))
}

/// Reads one answer that has a length.
pub fn read(stream: &mut BufReader<TcpStream>, start: Instant) -> io::Result<Answer> {
    let mut line = String::new();
    read_line(stream, &mut line)?;
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok());
    let status = status
        .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("no status line: {line}")))?;
    let mut head = String::new();
    let mut length = None;
    loop {
        line.clear();
        read_line(stream, &mut line)?;
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().ok();
        }
        head.push_str(&line);
    }
    let length: usize =
        length.ok_or_else(|| Error::new(ErrorKind::InvalidData, "no content-length"))?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if !stream.buffer().is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidData,
            "more than one answer to one request",
        ));
    }
    Ok(Answer {
        status,
        head,
        body,
        took: start.elapsed(),
    })
}

fn read_line(stream: &mut BufReader<TcpStream>, line: &mut String) -> io::Result<()> {
    if stream.read_line(line)? == 0 || !line.ends_with("\r\n") {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}
