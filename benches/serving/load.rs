//! The load: requests as an SDK sends them, from one thread, with as little
//! work for each as possible.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Requests under way at a time: enough that the server never waits for the load.
const CONCURRENT: usize = 16;

/// Where requests go, and with which token.
#[derive(Clone, Debug)]
pub struct Target {
    /// Always on loopback.
    pub address: SocketAddr,
    /// The authorization token.
    pub token: String,
    /// Length of an answer on a kept-alive connection, head included; the same for every answer.
    answer: usize,
}

impl Target {
    /// Asks once, to know how long an answer is.
    pub fn new(address: SocketAddr, token: String) -> std::io::Result<Self> {
        let mut target = Self {
            address,
            token,
            answer: 0,
        };
        let (mut stream, mut answer) = (target.connect()?, Vec::new());
        stream.write_all(&target.request("keep-alive"))?;
        while !answer.ends_with(b"}") {
            let mut chunk = [0; 8192];
            let length = stream.read(&mut chunk)?;
            answer.extend_from_slice(&chunk[..length]);
            if length == 0 {
                break;
            }
        }
        checked(&answer)?;
        target.answer = answer.len();
        Ok(target)
    }

    /// The head that botocore sends.
    fn request(&self, connection: &str) -> Vec<u8> {
        format!(
            "GET /v1/credentials HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\nUser-Agent: Boto3/1.40 \
             md/Botocore ua/2.1 os/linux lang/python\r\nAccept: application/json\r\nAuthorization: {}\r\n\
             Connection: {connection}\r\n\r\n",
            self.address, self.token
        )
        .into_bytes()
    }

    /// Asks on kept-alive connections for `time`, or `most` times; how many answers came, and in
    /// what time.
    pub fn keep_alive(&self, time: Duration, most: u64) -> std::io::Result<(u64, Duration)> {
        let (request, mut answer) = (self.request("keep-alive"), vec![0; self.answer]);
        let mut streams = (0..CONCURRENT)
            .map(|_| self.connect())
            .collect::<std::io::Result<Vec<_>>>()?;
        let (start, mut answers) = (now(), 0);
        for stream in &mut streams {
            stream.write_all(&request)?;
        }
        while start.elapsed() < time && answers < most {
            for stream in &mut streams {
                stream.read_exact(&mut answer)?;
                stream.write_all(&request)?;
            }
            answers += CONCURRENT as u64;
        }
        let took = start.elapsed();
        for stream in &mut streams {
            stream.read_exact(&mut answer)?;
        }
        checked(&answer).map(|()| (answers, took))
    }

    /// Asks for `time` with a connection for each request; how many answers came, and in what time.
    pub fn connections(&self, time: Duration) -> std::io::Result<(u64, Duration)> {
        let (request, mut answer) = (self.request("close"), Vec::with_capacity(self.answer));
        let (start, mut answers, mut under_way) = (now(), 0, VecDeque::with_capacity(CONCURRENT));
        loop {
            let over = start.elapsed() >= time;
            while !over && under_way.len() < CONCURRENT {
                let mut stream = self.connect()?;
                stream.write_all(&request)?;
                under_way.push_back(stream);
            }
            let Some(mut stream) = under_way.pop_front() else {
                break;
            };
            answer.clear();
            stream.read_to_end(&mut answer)?;
            checked(&answer)?;
            answers += 1;
        }
        Ok((answers, start.elapsed()))
    }

    /// Asks `rate` times a second for `time` on one connection. Each latency is counted from when
    /// the request was to be sent, so that a late answer counts for those it delays too
    /// (coordinated omission, <https://github.com/giltene/wrk2>).
    pub fn paced(&self, rate: u32, time: Duration) -> std::io::Result<Vec<Duration>> {
        let (request, mut answer) = (self.request("keep-alive"), vec![0; self.answer]);
        let mut stream = self.connect()?;
        let (start, mut latencies) = (now(), Vec::new());
        let mut due = Duration::ZERO;
        while due < time {
            // Sleeping would add the timer's own delay.
            while start.elapsed() < due {
                std::hint::spin_loop();
            }
            stream.write_all(&request)?;
            stream.read_exact(&mut answer)?;
            latencies.push(start.elapsed().saturating_sub(due));
            due += Duration::from_secs(1) / rate;
        }
        checked(&answer).map(|()| latencies)
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(stream)
    }
}

/// One request on a connection of its own: the whole answer, when its status is 200.
pub fn ask(address: SocketAddr, token: &str) -> std::io::Result<Vec<u8>> {
    let target = Target {
        address,
        token: token.to_owned(),
        answer: 0,
    };
    let (mut stream, mut answer) = (target.connect()?, Vec::new());
    stream.write_all(&target.request("close"))?;
    stream.read_to_end(&mut answer)?;
    checked(&answer).map(|()| answer)
}

fn checked(answer: &[u8]) -> std::io::Result<()> {
    let whole = answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"}");
    if whole {
        Ok(())
    } else {
        Err(std::io::Error::other(
            String::from_utf8_lossy(answer).into_owned(),
        ))
    }
}

/// Reads the clock of the benchmark.
#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn now() -> Instant {
    Instant::now()
}
