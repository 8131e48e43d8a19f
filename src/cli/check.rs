//! `stsidecar check`: the doctor. It takes the settings of `run` and tries everything that they lead to.
//!
//! Owns the order of the checks and what they look at; each judgement is a function of its own below. It
//! changes nothing and asks a running agent nothing, so it can be run beside one. What STS issues is dropped
//! unseen.

mod calls;
mod surroundings;
mod token;

use std::sync::Arc;

use super::flags::{All, SettingFlags};
use super::report::{Check, Output, Report};
use super::{World, exchange, exit};
use crate::assume::{Profile, Step};
use crate::config::{Config, Error, Loaded};
use crate::rotated_file::Latest;
use crate::sts::{Client, Endpoint, Settings};
use crate::token::WebIdentityToken;
use crate::{clock, process, refresher};

#[derive(clap::Args)]
pub(super) struct Args {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Call nobody: look at configuration, files and token only
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    settings: SettingFlags<All>,
}

/// A profile with what its token file held.
type Held = (Profile, Latest<WebIdentityToken>);

pub(super) fn run(arguments: &Args, world: &mut World<'_>) -> u8 {
    // It holds credentials for a moment; what the kernel refuses here, `run` reports.
    let _ = process::harden();
    let loaded = Config::load(&world.sources(&arguments.settings.given)).map_err(|error| wrong(&error)).and_then(
        |Loaded { config, warnings }| match Client::new(&config.sts, clock::now) {
            Ok(client) => Ok((config, warnings, Arc::new(client))),
            Err(error) => Err(Check::failure(CONFIGURATION, error.to_string(), "correct the setting that it names")),
        },
    );
    let (config, warnings, client) = match loaded {
        Ok(loaded) => loaded,
        Err(check) => return Report::new(vec![check], false).print(arguments.output, world, exit::CONFIG),
    };
    let checks = match examine(config, warnings, &client, arguments.offline, world) {
        Ok(checks) => checks,
        Err(error) => return world.complaint(&format!("stsidecar: cannot start: {error}\n"), exit::INTERNAL),
    };
    let report = Report::new(checks, arguments.offline);
    let code = if report.has_failed() { exit::NOT_READY } else { exit::OK };
    report.print(arguments.output, world, code)
}

const CONFIGURATION: &str = "configuration";

fn wrong(error: &Error) -> Check {
    let fix = match error {
        Error::Value { origin, .. } => format!("correct {origin}"),
        Error::Setting { origin, .. } => format!("change {origin} as it says"),
        Error::Unreadable { path, .. } => format!("let the agent read {}, or correct the path", path.display()),
    };
    Check::failure(CONFIGURATION, error.to_string(), fix)
}

fn examine(
    config: Config,
    warnings: Vec<String>,
    client: &Arc<Client>,
    offline: bool,
    world: &World<'_>,
) -> std::io::Result<Vec<Check>> {
    let Config { profiles, clients, sts, state_dir, .. } = config;
    let mut general = configuration(&profiles, clients.len(), client.host(), warnings);
    general.extend(surroundings::environment(world.variable));
    general.extend(clients.iter().map(surroundings::client));
    general.push(surroundings::state_directory(state_dir.as_deref()));
    let held: Vec<Held> = profiles
        .into_iter()
        .map(|profile| {
            let latest = exchange::token(&profile);
            (profile, latest)
        })
        .collect();
    let outcomes = if offline { None } else { Some(call(client, &held)?) };
    let at_sts = client.server_time();
    if outcomes.is_some()
        && let Some(at_sts) = at_sts
    {
        general.push(calls::clock((world.wall)(), at_sts));
    }
    let mut outcomes = outcomes.map(Vec::into_iter);
    let of_profiles = held.iter().flat_map(|(profile, latest)| {
        let mut checks = token(profile, latest, &sts, world);
        if let Some(outcomes) = outcomes.as_mut().and_then(Iterator::next) {
            checks.extend(calls::judge(profile, &outcomes, at_sts.unwrap_or_else(world.wall)));
        }
        checks.into_iter().map(|check| check.of(profile.name.as_str())).collect::<Vec<_>>()
    });
    general.extend(of_profiles);
    Ok(general)
}

fn configuration(profiles: &[Profile], clients: usize, host: &str, warnings: Vec<String>) -> Vec<Check> {
    let named = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let message = format!("{}, {}, STS at {host}", named(profiles.len(), "profile"), named(clients, "client"));
    let warning = |text: String| Check::warning(CONFIGURATION, text, "remove or correct the setting named first");
    std::iter::once(Check::ok(CONFIGURATION, message)).chain(warnings.into_iter().map(warning)).collect()
}

/// The calls of all profiles at the same time, so that an STS that hangs costs its time-out once.
fn call(client: &Arc<Client>, held: &[Held]) -> std::io::Result<Vec<exchange::Outcomes>> {
    let host_name = process::host_name();
    exchange::block_on(async {
        let start = |(profile, latest): &Held| {
            tokio::spawn(exchange::all(Arc::clone(client), profile.clone(), latest.clone(), host_name.clone()))
        };
        let started: Vec<_> = held.iter().map(start).collect();
        let mut outcomes = Vec::with_capacity(started.len());
        for one in started {
            outcomes.push(one.await?);
        }
        Ok(outcomes)
    })?
}

fn token(profile: &Profile, latest: &Latest<WebIdentityToken>, sts: &Settings, world: &World<'_>) -> Vec<Check> {
    const NAME: &str = "token file";
    let Step::WebIdentity(source) = &*profile.steps[0] else { unreachable!("the configuration puts a source first") };
    let path = &source.token_file;
    match (&latest.value, &latest.error) {
        (Some(token), None) => {
            let aws = sts.endpoint.as_ref().is_none_or(Endpoint::is_aws);
            let mut checks = vec![Check::ok(NAME, format!("{} holds a token", path.display()))];
            checks.extend(token::judge(token.claims(), token::layout(path), aws, (world.wall)()));
            checks
        }
        (_, Some(error)) => vec![Check::failure(NAME, error.to_string(), refresher::unreadable(error).hint())],
        (None, None) => unreachable!("a read leaves a content or an error"),
    }
}
