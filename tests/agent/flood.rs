//! Two thousand clients that cost as much as they can, send a byte a second and come back whenever
//! they are dropped.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::support::agent::{Agent, BOUND};
use super::{Over, Scene};

const SLOW: usize = 2_000;
const THREADS: usize = 2;
/// Requests a second of the client that means well.
const GOOD: u32 = 100;
/// Requests of it, however slow the machine.
const LEAST: usize = 50;
/// The endpoint's cap, and what the agent may use beside it and its descriptors at rest.
const MOST_CONNECTIONS: u64 = 512;
/// The most bytes and lines that a head may have.
const MOST_HEAD: usize = 16 * 1024;
const MOST_LINES: usize = 100;
/// More bytes than a connection lives seconds.
const DRIPPED: usize = 80;
const OTHER_DESCRIPTORS: u64 = 16;
/// Private memory in kB: the injected container has 32 MiB, and the program's own pages count too.
const MOST_MEMORY: u64 = 24 * 1024;

/// `FLOOD_SECONDS` in the environment, else 10.
fn duration() -> Duration {
    Duration::from_secs(
        std::env::var("FLOOD_SECONDS").map_or(10, |text| text.parse().expect("a number")),
    )
}

#[derive(Debug, Default)]
struct Flood {
    over: AtomicBool,
    connected: AtomicU64,
    dropped: AtomicU64,
}

#[test]
fn slow_clients_cost_a_good_one_no_answer() {
    let allowed = stsidecar::process::raise_nofile();
    assert!(
        allowed > 2 * SLOW as u64,
        "ulimit -n {allowed} is too low for {SLOW} clients"
    );
    let scene = Scene::alone();
    let agent = scene.launch_restless().start();
    agent.first_credentials();
    let (at_rest, memory_at_rest) = (
        agent.metric::<u64>("process_open_fds"),
        agent.memory("RssAnon"),
    );
    let flood = Flood::default();
    let (good, (descriptors, memory)) = std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| flood.run(agent.address(), SLOW / THREADS));
        }
        let watched = threads.spawn(|| flood.most_used(&agent));
        let ends = Over(&flood.over);
        let good = ask_steadily(&agent, &flood);
        drop(ends);
        (good, watched.join().expect("the admin surface answers"))
    });
    let (connected, dropped) = (flood.connected.load(Relaxed), flood.dropped.load(Relaxed));
    println!(
        "{SLOW} slow clients for {:?}: {connected} connections, {dropped} dropped, at most {descriptors} descriptors ({at_rest} at rest) \
         and {memory} kB of private memory ({memory_at_rest} at rest); \
         {} requests of a good client, 0 errors, slowest {:.1?}, median {:.1?}",
        duration(),
        good.len(),
        good[good.len() - 1],
        good[good.len() / 2],
    );
    assert!(
        descriptors <= at_rest + MOST_CONNECTIONS + OTHER_DESCRIPTORS,
        "{descriptors}"
    );
    assert!(memory <= MOST_MEMORY, "{memory} kB");
    // An SDK that gives up after a second would have had it. The slowest one and how many there
    // were say as much about the machine, so they are judged at full size only, which is for a
    // quiet one.
    let at_full_size = std::env::var_os("FLOOD_SECONDS").is_some();
    assert!(
        !at_full_size || good.len() as u128 > duration().as_millis() / 20,
        "{} requests",
        good.len()
    );
    let judged = good[if at_full_size {
        good.len() - 1
    } else {
        good.len() / 2
    }];
    assert!(judged < Duration::from_secs(1), "{judged:?}");
}

/// On a kept connection, and each tenth request on one of its own; how long each took, sorted.
/// Where an answer takes longer than the next request should wait, there are fewer of them, and no
/// more time.
fn ask_steadily(agent: &Agent, flood: &Flood) -> Vec<Duration> {
    let (start, mut kept, mut took) = (Instant::now(), agent.client(), Vec::new());
    for number in 0_u32.. {
        let due = start + Duration::from_secs(1) * number / GOOD;
        if start.elapsed() >= duration() && flood.is_one() && took.len() >= LEAST {
            break;
        }
        assert!(
            start.elapsed() < duration() + 2 * BOUND,
            "no flood: {flood:?}"
        );
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let asked = Instant::now();
        let answer = if number % 10 == 0 {
            agent.client().credentials()
        } else {
            kept.credentials()
        };
        let answer = answer.unwrap_or_else(|error| panic!("request {number}: {error}"));
        answer.issued().expect("credentials");
        took.push(asked.elapsed());
    }
    took.sort_unstable();
    took
}

impl Flood {
    /// Whether all have come, and half of them again.
    fn is_one(&self) -> bool {
        self.connected.load(Relaxed) > SLOW as u64 && self.dropped.load(Relaxed) > SLOW as u64 / 2
    }

    /// Each sends nearly all of a head with as many bytes and lines as one may have, and the rest
    /// of it byte by byte.
    fn run(&self, address: SocketAddr, clients: usize) {
        let head = format!("GET /v1/credentials HTTP/1.1\r\nhost: {address}\r\n");
        let lines = "x-slow: s\r\n".repeat(MOST_LINES - 2);
        let filling = "s".repeat(MOST_HEAD - head.len() - lines.len() - 100);
        let request = format!("{head}{lines}x: {filling}");
        let mut slow: Vec<Option<(TcpStream, usize)>> = (0..clients).map(|_| None).collect();
        while !self.over.load(Relaxed) {
            let second = Instant::now();
            let mut beat = true;
            while second.elapsed() < Duration::from_secs(1) && !self.over.load(Relaxed) {
                for client in &mut slow {
                    self.tend(client, address, request.as_bytes(), beat);
                }
                beat = false;
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// One look at one client: a byte at each beat, and a new connection when it was dropped.
    fn tend(
        &self,
        client: &mut Option<(TcpStream, usize)>,
        address: SocketAddr,
        request: &[u8],
        beat: bool,
    ) {
        match client {
            Some((stream, sent)) => {
                let closed = match stream.read(&mut [0; 512]) {
                    Ok(bytes) => bytes == 0,
                    Err(error) => error.kind() != ErrorKind::WouldBlock,
                };
                let failed = !closed && beat && stream.write(&request[*sent..=*sent]).is_err();
                *sent += usize::from(beat);
                if closed || failed {
                    self.dropped.fetch_add(1, Relaxed);
                    *client = None;
                }
            }
            // A refused connection is tried again at the next look.
            None => {
                if let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
                    stream.set_nonblocking(true).expect("a socket");
                    self.connected.fetch_add(1, Relaxed);
                    // The socket's buffers take it; what they do not take comes byte by byte.
                    let sent = (&stream)
                        .write(&request[..request.len() - DRIPPED])
                        .unwrap_or(0);
                    *client = Some((stream, sent));
                }
            }
        }
    }

    /// The most descriptors and private memory (kB) that were in use at a time.
    fn most_used(&self, agent: &Agent) -> (u64, u64) {
        let (mut descriptors, mut memory) = (0, 0);
        while !self.over.load(Relaxed) {
            descriptors = descriptors.max(agent.metric("process_open_fds"));
            memory = memory.max(agent.memory("RssAnon"));
            std::thread::sleep(Duration::from_millis(100));
        }
        (descriptors, memory)
    }
}
