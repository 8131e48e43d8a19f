//! `stsidecar run`: the configuration, the logs, then the agent.
//!
//! Owns where a fatal error is said: on stderr, and as one plain line where `kubectl describe pod`
//! shows it
//! (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{World, exit};
use crate::config::Flags;
use crate::{agent, telemetry};

pub(super) fn run(flags: &Flags, world: &mut World<'_>) -> u8 {
    let loaded = match world.load(flags) {
        Ok(loaded) => loaded,
        Err(error) => return fatal(world, &error.to_string(), exit::CONFIG),
    };
    let output = telemetry::Output {
        writer: world.log.clone(),
        is_terminal: world.stderr_is_terminal,
        wall: world.wall,
    };
    if let Err(error) = telemetry::install(&loaded.config.log, output) {
        return fatal(world, &error.to_string(), exit::INTERNAL);
    }
    // A panic has printed its own message; the exit code says whose fault it is.
    match catch_unwind(AssertUnwindSafe(|| {
        agent::run(loaded, world.log.dropped(), agent::Pace::default())
    })) {
        Err(_) => fatal(world, "the agent panicked: see its log", exit::INTERNAL),
        Ok(Ok(())) => exit::OK,
        Ok(Err(error)) => {
            let code = error.exit_code();
            fatal(world, &error.to_string(), code)
        }
    }
}

/// Says why the process ends. The kubelet shows the termination log's text instead of the last
/// lines of the log, which are JSON.
pub(super) fn fatal(world: &mut World<'_>, reason: &str, code: u8) -> u8 {
    let line: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = format!("stsidecar: {line}\n");
    // Where it does not exist it is not read, so it is not created.
    if let Ok(mut file) = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(world.termination_log)
    {
        drop(file.write_all(line.as_bytes()));
    }
    world.complaint(&line, code)
}
