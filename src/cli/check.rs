//! `stsidecar check`: the doctor. It takes the settings of `run` and tries everything that they lead to.
//!
//! Owns the order of the checks and what they look at; each judgement is a function of its own below. It
//! changes nothing and asks a running agent nothing, so it can be run beside one. What STS issues is dropped
//! unseen.

mod assertion;
mod calls;
mod surroundings;
mod token;

use std::path::Path;
use std::sync::Arc;

use super::flags::{All, SettingFlags};
use super::report::{Check, Output, Report};
use super::{World, exchange, exit, longest};
use crate::assume::Profile;
use crate::config::{Config, Error, Loaded};
use crate::material::{Form, Material};
use crate::refresher::SentCodes;
use crate::role::Server;
use crate::rotated_file::{Latest, RotatedFile};
use crate::sts::{Assume, Client, Endpoint, Settings};
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

/// A profile with what its source's file held.
type Held = (Profile, Latest<Material>);

pub(super) fn run(arguments: &Args, world: &mut World<'_>) -> u8 {
    // It holds credentials for a moment; what the kernel refuses here, `run` reports.
    let _ = process::harden();
    let loaded = world
        .load(&arguments.settings.given)
        .map_err(|error| wrong(&error))
        .and_then(
            |Loaded { config, warnings }| match Client::new(&config.sts, clock::now) {
                Ok(client) => Ok((config, warnings, Arc::new(client))),
                Err(error) => Err(Check::failure(
                    CONFIGURATION,
                    error.to_string(),
                    "correct the setting that it names",
                )),
            },
        );
    let (config, warnings, client) = match loaded {
        Ok(loaded) => loaded,
        Err(check) => {
            return Report::new(vec![check], false).print(arguments.output, world, exit::CONFIG);
        }
    };
    let checks = match examine(config, warnings, &client, arguments.offline, world) {
        Ok(checks) => checks,
        Err(error) => {
            return world.complaint(
                &format!("stsidecar: cannot start: {error}\n"),
                exit::INTERNAL,
            );
        }
    };
    let report = Report::new(checks, arguments.offline);
    let code = if report.has_failed() {
        exit::NOT_READY
    } else {
        exit::OK
    };
    report.print(arguments.output, world, code)
}

const CONFIGURATION: &str = "configuration";

fn wrong(error: &Error) -> Check {
    let fix = match error {
        Error::Value { origin, .. } => format!("correct {origin}"),
        Error::Setting { origin, .. } => format!("change {origin} as it says"),
        Error::Unreadable { path, .. } => {
            format!("let the agent read {}, or correct the path", path.display())
        }
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
    let Config {
        profiles,
        clients,
        sts,
        state_dir,
        ..
    } = config;
    let mut general = configuration(&profiles, clients.len(), client.host(), warnings);
    general.extend(surroundings::environment(world.variable));
    general.extend(clients.iter().map(surroundings::client));
    general.push(surroundings::state_directory(state_dir.as_deref()));
    let held: Vec<Held> = profiles
        .into_iter()
        .map(|profile| {
            let latest = exchange::source(&profile);
            (profile, latest)
        })
        .collect();
    let outcomes = if offline {
        None
    } else {
        Some(call(client, &held)?)
    };
    let at_sts = client.server_time();
    if outcomes.is_some()
        && let Some(at_sts) = at_sts
    {
        general.push(calls::clock((world.wall)(), at_sts));
    }
    let mut outcomes = outcomes.map(Vec::into_iter);
    let of_profiles = held.iter().flat_map(|(profile, latest)| {
        let mut checks = source(profile, latest, &sts, world);
        checks.extend(
            profile
                .steps
                .iter()
                .flat_map(|step| step.extra_files())
                .map(extra),
        );
        if let Some(outcomes) = outcomes.as_mut().and_then(Iterator::next) {
            checks.extend(calls::judge(
                profile,
                &outcomes.0,
                at_sts.unwrap_or_else(world.wall),
            ));
            checks.extend(outcomes.1.iter().map(calls::longest));
        }
        checks
            .into_iter()
            .map(|check| check.of(profile.name.as_str()))
            .collect::<Vec<_>>()
    });
    general.extend(of_profiles);
    Ok(general)
}

fn configuration(
    profiles: &[Profile],
    clients: usize,
    host: &str,
    warnings: Vec<String>,
) -> Vec<Check> {
    let named =
        |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let message = format!(
        "{}, {}, STS at {host}",
        named(profiles.len(), "profile"),
        named(clients, "client")
    );
    let warning = |text: String| {
        Check::warning(
            CONFIGURATION,
            text,
            "remove or correct the setting named first",
        )
    };
    std::iter::once(Check::ok(CONFIGURATION, message))
        .chain(warnings.into_iter().map(warning))
        .collect()
}

/// What came of the calls of a profile, and of the longer sessions that were asked for.
type Outcomes = (exchange::Outcomes, Vec<longest::Found>);

/// The calls of all profiles at the same time, so that an STS that hangs costs its time-out once.
fn call(client: &Arc<Client>, held: &[Held]) -> std::io::Result<Vec<Outcomes>> {
    let (host_name, sent) = (process::host_name(), SentCodes::default());
    exchange::block_on(async {
        let start = |(profile, latest): &Held| {
            let (client, host_name, sent) = (Arc::clone(client), host_name.clone(), sent.clone());
            let (profile, latest) = (profile.clone(), latest.clone());
            tokio::spawn(async move {
                let calls = exchange::all(
                    Arc::clone(&client),
                    profile.clone(),
                    latest.clone(),
                    host_name.clone(),
                    sent,
                );
                let outcomes = calls.await;
                let found = longest::find(&*client, &profile, &latest, &host_name, &outcomes).await;
                (outcomes, found)
            })
        };
        let started: Vec<_> = held.iter().map(start).collect();
        let mut outcomes = Vec::with_capacity(started.len());
        for one in started {
            outcomes.push(one.await?);
        }
        Ok(outcomes)
    })?
}

/// The source's file, and what its content says.
fn source(
    profile: &Profile,
    latest: &Latest<Material>,
    sts: &Settings,
    world: &World<'_>,
) -> Vec<Check> {
    let (path, form) = profile.source_file();
    let (name, now) = (format!("{form} file"), (world.wall)());
    let material = match (&latest.value, &latest.error) {
        (Some(material), None) => material,
        (_, Some(error)) => {
            return vec![Check::failure(
                &name,
                error.to_string(),
                refresher::unreadable(error, &form).hint(),
            )];
        }
        (None, None) => unreachable!("a read leaves a content or an error"),
    };
    let mut checks = Vec::new();
    match &**material {
        Material::Token(token) => {
            checks.push(Check::ok(
                &name,
                format!("{} holds a token", path.display()),
            ));
            if form == Form::Token {
                let aws = Endpoint::server(sts.endpoint.as_ref()) == Server::Aws;
                checks.extend(token::judge(token.claims(), token::layout(path), aws, now));
            }
        }
        Material::Assertion(assertion) => {
            checks.push(assertion::judge(&name, assertion.facts(), now));
        }
        Material::AccessKey(key) => {
            let message = format!(
                "{} holds the long-term key ..{}",
                path.display(),
                key.suffix()
            );
            checks.push(Check::ok(&name, message));
        }
        Material::Totp(_) | Material::Text(_) => unreachable!("no source is read in this form"),
    }
    checks
}

/// A file that goes with a call: only whether it can be used is said of it.
fn extra((path, form): (&Path, Form)) -> Check {
    let (name, limit) = (format!("{form} file"), form.limit());
    let own = form.clone();
    match RotatedFile::new(path, limit, move |content| own.parse(content), None)
        .reload()
        .error
    {
        None => Check::ok(&name, format!("{} holds one", path.display())),
        Some(error) => Check::failure(
            &name,
            error.to_string(),
            refresher::unreadable(&error, &form).hint(),
        ),
    }
}
