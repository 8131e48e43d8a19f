//! `stsidecar run`: the configuration, the logs, then the agent.
//!
//! Owns how a fatal error is told: on stderr, and as one plain line where `kubectl describe pod` shows it.

use std::fs::OpenOptions;
use std::io::Write;

use super::{World, exit};
use crate::config::{Config, Flags, Loaded};
use crate::role::{Region, RoleArn};
use crate::sts::Endpoint;
use crate::{agent, telemetry, version};

pub(super) fn run(flags: &Flags, world: &mut World<'_>) -> u8 {
    let Loaded { config, warnings } = match Config::load(&world.sources(flags)) {
        Ok(loaded) => loaded,
        Err(error) => return fatal(world, &error.to_string(), exit::CONFIG),
    };
    let output = telemetry::Output { writer: std::io::stderr, is_terminal: world.stderr_is_terminal, wall: world.wall };
    if let Err(error) = telemetry::install(&config.log, output) {
        return fatal(world, &error.to_string(), exit::INTERNAL);
    }
    announce(&config);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    match agent::run(config) {
        Ok(()) => exit::OK,
        Err(error) => {
            let code = error.exit_code();
            fatal(world, &error.to_string(), code)
        }
    }
}

/// Who runs here, for whom and against what: one line to read, and the whole configuration for a support case.
fn announce(config: &Config) {
    let profiles: Vec<&str> = config.profiles.iter().map(|profile| profile.name.as_str()).collect();
    let vended = config.profiles.iter().filter_map(|profile| profile.steps.last());
    let roles: Vec<&str> = vended.filter_map(|step| step.role_arn()).map(RoleArn::as_str).collect();
    tracing::info!(
        version = version::VERSION,
        commit = version::COMMIT,
        profiles = profiles.join(","),
        roles = roles.join(","),
        region = config.sts.region.as_ref().map(Region::as_str),
        sts = config.sts.endpoint.as_ref().map(Endpoint::url),
        "stsidecar is starting"
    );
    tracing::info!(configuration = %config.describe(), "effective configuration");
}

/// Tells why the process ends. The kubelet shows the termination log's text instead of the last lines of the
/// log, which are JSON.
fn fatal(world: &mut World<'_>, reason: &str, code: u8) -> u8 {
    let line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = format!("stsidecar: {line}\n");
    // Where it does not exist nobody looks, so it is not created.
    if let Ok(mut file) = OpenOptions::new().write(true).truncate(true).open(world.termination_log) {
        drop(file.write_all(line.as_bytes()));
    }
    world.complaint(&line, code)
}
