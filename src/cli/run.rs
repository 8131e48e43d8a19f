//! `stsidecar run`: the configuration, the logs, then the agent.
//!
//! Owns where a fatal error is said: on stderr, and as one plain line where `kubectl describe pod`
//! shows it
//! (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Env, exit};
use crate::config::Flags;
use crate::{agent, telemetry};

pub(super) fn run(flags: &Flags, env: &mut Env<'_>) -> u8 {
    let loaded = match env.load(flags) {
        Ok(loaded) => loaded,
        Err(error) => return fatal(env, &error.to_string(), exit::CONFIG),
    };
    let output = telemetry::Output {
        writer: env.log.clone(),
        is_terminal: env.stderr_is_terminal,
        wall: env.wall,
    };
    if let Err(error) = telemetry::install(&loaded.config.log, output) {
        return fatal(env, &error.to_string(), exit::INTERNAL);
    }
    // A panic has printed its own message; the exit code says whose fault it is.
    match catch_unwind(AssertUnwindSafe(|| {
        agent::run(loaded, env.log.dropped(), agent::Pace::default())
    })) {
        Err(_) => fatal(env, "the agent panicked: see its log", exit::INTERNAL),
        Ok(Ok(())) => exit::OK,
        Ok(Err(error)) => {
            let code = error.exit_code();
            fatal(env, &error.to_string(), code)
        }
    }
}

/// Says why the process ends. The kubelet shows the termination log's text instead of the last
/// lines of the log, which are JSON.
pub(super) fn fatal(env: &mut Env<'_>, reason: &str, code: u8) -> u8 {
    let line: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = format!("stsidecar: {line}\n");
    // Where it does not exist it is not read, so it is not created.
    if let Ok(mut file) = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(env.termination_log)
    {
        drop(file.write_all(line.as_bytes()));
    }
    env.complaint(&line, code)
}
