//! Many requests on many kept connections while the token rotates and credentials are replaced.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::support::agent::{Agent, until};
use super::support::client::{Answer, connect, read};
use super::support::tokens::ServiceAccountToken;
use super::{Over, Scene};

const THREADS: usize = 4;
const CONNECTIONS: usize = 256;
/// What a mature allocator may keep, in kB: one that gives freed pages back late must not pass for
/// a leak.
const GROWTH: u64 = 1024;

/// `REQUESTS` in the environment, else so many that a debug build takes seconds.
fn requests() -> usize {
    std::env::var("REQUESTS").map_or(200_000, |text| text.parse().expect("REQUESTS is a number"))
}

#[test]
fn no_request_of_many_fails_while_everything_rotates() {
    let mut scene = Scene::alone();
    let agent = scene.launch_restless().start();
    agent.first_credentials();
    let fresh = Rest::of(&agent, None);
    // Once, so that every buffer there will be has been there.
    load(&agent, 10 * CONNECTIONS);
    let before = Rest::of(&agent, None);

    let (start, over) = (Instant::now(), AtomicBool::new(false));
    let (total, peak) = std::thread::scope(|threads| {
        let volume = &mut scene.volume;
        threads.spawn(|| {
            while !over.load(Relaxed) {
                volume.rotate(ServiceAccountToken::default().jwt().as_bytes());
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        let _ends = Over(&over);
        let total = load(&agent, requests());
        (total, agent.memory("VmHWM"))
    });
    let (took, answered) = (start.elapsed(), total.answers);
    let after = Rest::of(&agent, Some(before.descriptors));
    assert!(
        answered >= requests() && total.generations > (took.as_secs() / 2).min(2),
        "{total:?} in {took:?}"
    );
    assert!(agent.events("refresh failed").is_empty());
    let (grown, limit) = (after.anonymous.saturating_sub(before.anonymous), GROWTH);
    println!(
        "{answered} requests over {CONNECTIONS} kept connections, 0 errors, {} generations, expiration never backwards, \
         {took:.1?} ({}/s); at rest fresh {fresh:?}, before {before:?}, after {after:?}, \
         peak RSS {peak} kB",
        total.generations,
        1000 * answered as u128 / took.as_millis(),
    );
    assert!(
        grown <= limit,
        "{grown} kB of private memory were not given back"
    );
}

/// What is at rest and must be so again; memory in kB.
#[derive(Debug)]
struct Rest {
    descriptors: u64,
    anonymous: u64,
    resident: u64,
}

impl Rest {
    /// Once no connection is open but the one that asks, and STS's is idle or gone.
    fn of(agent: &Agent, wanted: Option<u64>) -> Self {
        let open = || agent.metric::<u64>("process_open_fds");
        let mut lowest = u64::MAX;
        let start = Instant::now();
        let descriptors = until("descriptors at rest", || {
            lowest = lowest.min(open());
            let settled = start.elapsed() > Duration::from_secs(2);
            wanted
                .map_or(settled, |wanted| lowest <= wanted)
                .then_some(lowest)
        });
        Self {
            descriptors,
            anonymous: agent.memory("RssAnon"),
            resident: agent.memory("VmRSS"),
        }
    }
}

/// What a load has come to.
#[derive(Debug, Default)]
struct Total {
    answers: usize,
    generations: u64,
}

/// Sends at least so many requests over all connections, each of which waits for its answers.
fn load(agent: &Agent, requests: usize) -> Total {
    let token = std::fs::read_to_string(agent.token_file()).expect("written");
    let address = agent.address();
    let head = format!(
        "GET /v1/credentials HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\n\r\n"
    );
    let rounds = requests.div_ceil(CONNECTIONS);
    std::thread::scope(|threads| {
        let one = || {
            let open = |_| connect(address).expect("a connection");
            let mut connections: Vec<_> = (0..CONNECTIONS / THREADS).map(open).collect();
            let mut newest = Newest::default();
            for _ in 0..rounds {
                newest.round(&mut connections, head.as_bytes());
            }
            newest.generations
        };
        let threads: Vec<_> = (0..THREADS).map(|_| threads.spawn(one)).collect();
        let generations = threads
            .into_iter()
            .map(|thread| thread.join().expect("no error"))
            .max();
        Total {
            answers: rounds * CONNECTIONS,
            generations: generations.unwrap_or_default(),
        }
    })
}

/// The newest generation that one thread was given.
#[derive(Default)]
struct Newest {
    body: Vec<u8>,
    expiration: i64,
    generations: u64,
}

impl Newest {
    /// One request on each connection, all under way at once.
    fn round(&mut self, connections: &mut [BufReader<TcpStream>], head: &[u8]) {
        for connection in &mut *connections {
            connection
                .get_mut()
                .write_all(head)
                .expect("a kept connection");
        }
        // All of these were asked after everything before had been read.
        let (floor, start) = (self.expiration, Instant::now());
        for connection in connections {
            self.check(&read(connection, start).expect("a whole answer"), floor);
        }
    }

    /// Every byte of every answer is checked: it is the newest one's, or it is looked into.
    fn check(&mut self, answer: &Answer, floor: i64) {
        assert_eq!(answer.status, 200, "{}", answer.text());
        if answer.body == self.body {
            return;
        }
        let issued = answer.issued().expect("credentials of one issue");
        assert!(
            issued.expiration >= floor,
            "the expiration went backwards: {issued:?} after {floor}"
        );
        if issued.expiration >= self.expiration {
            self.generations += 1;
            self.expiration = issued.expiration;
            self.body.clone_from(&answer.body);
        }
    }
}
