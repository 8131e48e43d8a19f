//! Instructions for each kept-alive request of the real binaries, under callgrind
//! (<https://valgrind.org/docs/manual/cl-manual.html>).
//!
//! A run with N requests and one with twice as many differ in N requests and nothing else:
//! start-up, the first credentials and the drain cancel out. That includes what no benchmark of the
//! library can see: the zeroizing allocator, the event loop, the release profile.

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::load::Target;
use crate::servers::{self, Agent, Process, SERVER_CORE};

const REQUESTS: u64 = 4000;

/// Of the agent.
pub fn agent(binary: &Path, sts: SocketAddr) -> Result<f64> {
    per_request(|wrapper| {
        let agent = Agent::new(binary, sts)?;
        let process = Process::start(&mut agent.command(wrapper), SERVER_CORE)?;
        agent.first_answer()?;
        let target = agent.target()?;
        Ok((process, target, Some(agent)))
    })
}

/// Of the bare server.
pub fn bare(body: &str) -> Result<f64> {
    per_request(|wrapper| {
        let (process, address) = servers::bare(body, wrapper)?;
        Ok((process, Target::new(address, "0".repeat(43))?, None))
    })
}

/// A server that runs below a wrapper, and the files that it needs.
type Started = (Process, Target, Option<Agent>);

fn per_request(start: impl Fn(&[&str]) -> Result<Started>) -> Result<f64> {
    let (once, twice) = (counted(&start, REQUESTS)?, counted(&start, 2 * REQUESTS)?);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    Ok(twice.saturating_sub(once) as f64 / REQUESTS as f64)
}

/// All instructions of a run with so many requests.
fn counted(start: impl Fn(&[&str]) -> Result<Started>, requests: u64) -> Result<u64> {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("callgrind");
    let (file, log) = (
        format!("--callgrind-out-file={}", out.display()),
        format!("--log-file={}.log", out.display()),
    );
    let (process, target, files) = start(&["valgrind", "--tool=callgrind", &file, &log])?;
    target.keep_alive(Duration::MAX, requests)?;
    process.stop()?;
    drop(files);
    let text = std::fs::read_to_string(&out)?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok());
    total.ok_or_else(|| Error::other("callgrind wrote no total"))
}
