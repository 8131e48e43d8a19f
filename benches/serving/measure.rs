//! The measurements: interleaved pairs, starts, idling.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use crate::load::{Target, now};
use crate::servers::{Agent, Process, SERVER_CORE};

/// How long one side of a pair is under load.
pub const ROUND: Duration = Duration::from_millis(600);

/// What one side did in one round.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Requests a second.
    pub rate: f64,
    /// Processor seconds for each request.
    pub cpu: f64,
}

/// One pair, in the order agent, bare.
pub type Pair = (Round, Round);

/// Both servers, on the same core.
pub struct Sides {
    pub agent: (Process, Target),
    pub bare: (Process, Target),
}

impl Sides {
    /// The comparison is one only when nothing but Date, which moves on, and the
    /// order of headers differ.
    pub fn answer_the_same_bytes(&self) -> Result<()> {
        let agent = comparable_answer(&self.agent.1)?;
        let bare = comparable_answer(&self.bare.1)?;
        if agent == bare {
            Ok(())
        } else {
            Err(Error::other(format!(
                "the answers differ:\n{agent:#?}\n{bare:#?}"
            )))
        }
    }

    /// Rounds of both sides in turns, each pair beginning with the other side than the one before.
    pub fn pairs(
        &self,
        count: usize,
        load: impl Fn(&Target) -> Result<(u64, Duration)>,
    ) -> Result<Vec<Pair>> {
        // Pages, caches and branch predictors of both are warm before the first pair.
        let _ = (round(&self.agent, &load)?, round(&self.bare, &load)?);
        let mut pairs = Vec::with_capacity(count);
        for number in 0..count {
            pairs.push(if number % 2 == 0 {
                let agent = round(&self.agent, &load)?;
                (agent, round(&self.bare, &load)?)
            } else {
                let bare = round(&self.bare, &load)?;
                (round(&self.agent, &load)?, bare)
            });
        }
        Ok(pairs)
    }
}

/// The lines of an answer, sorted and without Date.
fn comparable_answer(target: &Target) -> Result<Vec<String>> {
    let answer = crate::load::ask(target.address, &target.token)?;
    let answer = String::from_utf8_lossy(&answer).to_lowercase();
    let lines = answer.lines().filter(|line| !line.starts_with("date: "));
    let mut lines: Vec<_> = lines.map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn round(
    (process, target): &(Process, Target),
    load: impl Fn(&Target) -> Result<(u64, Duration)>,
) -> Result<Round> {
    let before = process.cpu()?;
    let (answers, took) = load(target)?;
    let cpu = process.cpu()?.saturating_sub(before);
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let answers = answers as f64;
    Ok(Round {
        rate: answers / took.as_secs_f64(),
        cpu: cpu.as_secs_f64() / answers,
    })
}

/// From before the exec to the first 200, each start with nothing kept from the one before.
pub fn starts(agent: &Agent, count: usize) -> Result<Vec<Duration>> {
    (0..count).map(|_| start(agent)).collect()
}

fn start(agent: &Agent) -> Result<Duration> {
    agent.forget()?;
    let mut command = agent.command(&[]);
    let began = now();
    let process = Process::start(&mut command, SERVER_CORE)?;
    agent.first_answer()?;
    let took = began.elapsed();
    process.stop().map(|()| took)
}

/// An agent without requests.
pub struct Idle {
    pub process: Process,
    pub time: Duration,
    /// At first those before the time began, then those within it.
    pub switches: u64,
    since: Instant,
    _files: Agent,
}

impl Idle {
    /// Starts it, and the count once it has its credentials, its watcher
    /// and no connection any more.
    pub fn start(agent: Agent, time: Duration) -> Result<Self> {
        let process = Process::start(&mut agent.command(&[]), SERVER_CORE)?;
        agent.first_answer()?;
        // The connection to STS is kept for 5 s, the sweep sees the last connection's end within
        // one more.
        std::thread::sleep(Duration::from_secs(8));
        Ok(Self {
            switches: process.switches()?,
            since: now(),
            process,
            time,
            _files: agent,
        })
    }

    /// Waits until the time is over.
    pub fn finish(mut self) -> Result<Self> {
        std::thread::sleep(self.time.saturating_sub(self.since.elapsed()));
        self.time = self.since.elapsed();
        self.switches = self.process.switches()?.saturating_sub(self.switches);
        Ok(self)
    }
}

/// The body of a whole answer.
pub fn body(answer: &[u8]) -> Result<String> {
    let text = String::from_utf8_lossy(answer);
    let (_, body) = text
        .split_once("\r\n\r\n")
        .ok_or_else(|| Error::other("an answer without an end of its head"))?;
    Ok(body.to_owned())
}
