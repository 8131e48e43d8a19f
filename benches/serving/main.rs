//! What the agent costs, as one table: `make bench`.
//!
//! Compares the released agent with a bare hyper server that answers the same bytes, in interleaved
//! pairs with both on one core and the load on another, and measures the agent's start, memory,
//! size and idleness. `serving AGENT [DYNAMIC]`: the agent's static binary, and the one linked to
//! glibc for its size. Set by the environment: PAIRS (21), STARTS (31), `IDLE_SECONDS` (300).
//!
//! The exit code says whether the figures that do not depend on the machine's mood (instructions,
//! memory, sizes, wake-ups) meet their bars; the timed ones are shown beside theirs.

mod bare;
mod instructions;
mod load;
mod measure;
mod servers;
mod sts;
mod table;

use std::io::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use servers::{Agent, LOAD_CORE, Process, SERVER_CORE, pin};
use table::Table;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match (arguments.next().as_deref(), arguments.next()) {
        (Some("bare"), Some(body)) => bare::serve(body).map(|()| true),
        (Some(agent), dynamic) => report(Path::new(agent), dynamic.map(PathBuf::from).as_deref()),
        (None, _) => Err(Error::other("usage: serving AGENT [DYNAMIC]")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("serving: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures everything and prints it; whether all bars that do not depend on time are met.
fn report(binary: &Path, dynamic: Option<&Path>) -> std::io::Result<bool> {
    if std::thread::available_parallelism()?.get() < 2 {
        return Err(Error::other(
            "needs two cores: one for the server, one for the load",
        ));
    }
    pin(LOAD_CORE)?;
    let sts = sts::start()?;
    // Idles while the others work, which costs it no wake-up.
    let idle = measure::Idle::start(
        Agent::new(binary, sts)?,
        Duration::from_secs(number("IDLE_SECONDS", 300)?),
    )?;
    let mut table = Table::default();
    table.sizes(binary, dynamic)?;

    let agent = Agent::new(binary, sts)?;
    let starts = measure::starts(&agent, number("STARTS", 31)?)?;
    table.starts(&starts);

    let body = compare(&Agent::new(binary, sts)?, &mut table)?;
    table.instructions(
        instructions::agent(binary, sts)?,
        instructions::bare(&body)?,
    );
    let idle = idle.finish()?;
    table.memory("idle", &idle.process)?;
    table.wake_ups(&idle);
    idle.process.stop()?;
    table.print();
    Ok(table.all_met())
}

/// Puts the agent beside the bare server that answers the same bytes, and returns these.
fn compare(agent: &Agent, table: &mut Table) -> std::io::Result<String> {
    let process = Process::start(&mut agent.command(&[]), SERVER_CORE)?;
    let answer = agent.first_answer()?;
    let body = measure::body(&answer)?;
    let (bare, address) = servers::bare(&body, &[])?;
    let sides = measure::Sides {
        agent: (process, agent.target()?),
        bare: (bare, load::Target::new(address, agent.target()?.token)?),
    };
    sides.answer_the_same_bytes()?;
    let pairs = number("PAIRS", 21)?;
    table.pairs(
        "kept-alive",
        &sides.pairs(pairs, |target| target.keep_alive(measure::ROUND, u64::MAX))?,
    );
    table.pairs(
        "new connections",
        &sides.pairs(pairs, |target| target.connections(measure::ROUND))?,
    );
    let paced = Duration::from_secs(5);
    table.paced(
        &sides.agent.1.paced(1000, paced)?,
        &sides.bare.1.paced(1000, paced)?,
    );
    table.memory("after the load", &sides.agent.0)?;
    Ok(body)
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(
    name: &str,
    default: T,
) -> std::io::Result<T> {
    #[allow(
        clippy::disallowed_methods,
        reason = "the agent's rule; a benchmark has no configuration"
    )]
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    text.parse()
        .map_err(|error| Error::other(format!("{name}={text}: {error}")))
}
