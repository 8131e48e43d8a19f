//! `stsidecar check`: the doctor. It takes the settings of `run` and tries everything that they
//! lead to.
//!
//! Owns the order of the checks and what they look at; each judgement is a function of its own
//! below. It changes nothing and asks a running agent nothing, so it can be run beside one. What
//! STS issues is dropped unseen.

mod assertion;
mod calls;
mod surroundings;
mod token;

use std::path::Path;
use std::sync::Arc;

use super::findings::{Findings, Output, counted};
use super::flags::{All, SettingFlags};
use super::{Env, exchange, exit, longest};
use crate::assume::Profile;
use crate::config::{Config, Error, Loaded};
use crate::file_content::{FileContent, Form};
use crate::finding::Finding;
use crate::refresher::SentCodes;
use crate::role::Server;
use crate::rotated_file::{Latest, RotatedFile};
use crate::sts::{Assume, Client, ClientSettings, Endpoint};
use crate::time::Wall;
use crate::{clock, process, redact, refresher};

#[derive(clap::Args)]
pub(super) struct Args {
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
    /// Call no server: look at configuration, files and token only
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    settings: SettingFlags<All>,
}

/// A profile with what its source's file holds.
type Source = (Profile, Latest<FileContent>);

pub(super) fn run(arguments: &Args, env: &mut Env<'_>) -> u8 {
    // It has credentials for a moment; what the kernel refuses here, `run` reports.
    let _ = process::harden();
    let (config, warnings, client) = match load(arguments, env) {
        Ok(loaded) => loaded,
        Err(finding) => {
            let findings = Findings::new(vec![finding], false);
            return findings.print(arguments.output, env, exit::CONFIG);
        }
    };
    match examine(config, warnings, &client, arguments.offline, env) {
        Ok(findings) => {
            let findings = Findings::new(findings, arguments.offline);
            findings.print(arguments.output, env, findings.exit_code())
        }
        Err(error) => {
            let complaint = format!("stsidecar: cannot start: {error}\n");
            env.complaint(&complaint, exit::INTERNAL)
        }
    }
}

fn load(arguments: &Args, env: &Env<'_>) -> Result<(Config, Vec<String>, Arc<Client>), Finding> {
    let Loaded { config, warnings } = env
        .load(&arguments.settings.given)
        .map_err(|error| wrong(&error))?;
    match Client::new(&config.sts, clock::now) {
        Ok(client) => Ok((config, warnings, Arc::new(client))),
        Err(error) => {
            let fix = "correct the setting that it names";
            Err(Finding::failure(CONFIGURATION, error.to_string(), fix))
        }
    }
}

const CONFIGURATION: &str = "configuration";

fn wrong(error: &Error) -> Finding {
    let fix = match error {
        Error::Value { origin, .. } => format!("correct {origin}"),
        Error::Setting { origin, .. } => format!("change {origin} as it says"),
        Error::Unreadable { path, .. } => {
            let path = redact::value(&path.display().to_string());
            format!("let the agent read {path}, or correct the path")
        }
    };
    Finding::failure(CONFIGURATION, error.to_string(), fix)
}

fn examine(
    config: Config,
    warnings: Vec<String>,
    client: &Arc<Client>,
    offline: bool,
    env: &Env<'_>,
) -> std::io::Result<Vec<Finding>> {
    let Config {
        profiles,
        clients,
        sts,
        state_dir,
        ..
    } = config;
    let mut findings = configuration(&profiles, clients.len(), client.host(), warnings);
    findings.extend(surroundings::environment(env.variable));
    findings.extend(clients.iter().map(surroundings::client));
    findings.push(surroundings::state_directory(state_dir.as_deref()));
    let sources: Vec<Source> = profiles.into_iter().map(read).collect();
    let called = if offline {
        Vec::new()
    } else {
        call(client, &sources)?
    };
    let (now, at_sts) = ((env.wall)(), client.server_time());
    if let Some(at_sts) = at_sts.filter(|_| !offline) {
        findings.push(calls::clock(now, at_sts));
    }
    for (at, (profile, latest)) in sources.iter().enumerate() {
        let mut own = source(profile, latest, &sts, now);
        let steps = profile.steps.iter();
        own.extend(steps.flat_map(|step| step.extra_files()).map(extra));
        if let Some((outcomes, longest)) = called.get(at) {
            own.extend(calls::judge(profile, outcomes, at_sts.unwrap_or(now)));
            own.extend(longest.iter().map(calls::longest));
        }
        let name = profile.name.as_str();
        findings.extend(own.into_iter().map(|finding| finding.of(name)));
    }
    Ok(findings)
}

fn read(profile: Profile) -> Source {
    let latest = exchange::source(&profile);
    (profile, latest)
}

fn configuration(
    profiles: &[Profile],
    clients: usize,
    host: &str,
    warnings: Vec<String>,
) -> Vec<Finding> {
    let message = format!(
        "{}, {}, STS at {host}",
        counted(profiles.len(), "profile"),
        counted(clients, "client")
    );
    let fix = "remove or correct the setting named first";
    let warnings = warnings
        .into_iter()
        .map(|text| Finding::warning(CONFIGURATION, text, fix));
    std::iter::once(Finding::ok(CONFIGURATION, message))
        .chain(warnings)
        .collect()
}

/// What came of the calls of a profile, and of the longer sessions that were asked for.
type Outcomes = (exchange::Outcomes, Vec<longest::Found>);

/// The calls of all profiles at the same time, so that an STS that hangs costs its time-out once.
fn call(client: &Arc<Client>, sources: &[Source]) -> std::io::Result<Vec<Outcomes>> {
    let (host_name, sent) = (process::host_name(), SentCodes::default());
    exchange::block_on(async {
        let start = |source: &Source| {
            let (client, source) = (Arc::clone(client), source.clone());
            tokio::spawn(call_one(client, source, host_name.clone(), sent.clone()))
        };
        let started: Vec<_> = sources.iter().map(start).collect();
        let mut outcomes = Vec::with_capacity(started.len());
        for one in started {
            outcomes.push(one.await?);
        }
        Ok(outcomes)
    })?
}

async fn call_one(
    client: Arc<Client>,
    (profile, latest): Source,
    host_name: String,
    sent: SentCodes,
) -> Outcomes {
    let outcomes = exchange::all(&*client, &profile, &latest, &host_name, &sent).await;
    let longest = longest::find(&*client, &profile, &latest, &host_name, &outcomes).await;
    (outcomes, longest)
}

/// The source's file, and what its content says.
fn source(
    profile: &Profile,
    latest: &Latest<FileContent>,
    sts: &ClientSettings,
    now: Wall,
) -> Vec<Finding> {
    let (path, form) = profile.source_file();
    let name = format!("{form} file");
    let material = match (&latest.value, &latest.error) {
        (Some(material), None) => material,
        (_, Some(error)) => {
            return vec![Finding::failure(
                &name,
                error.to_string(),
                refresher::unreadable(error, &form).hint(),
            )];
        }
        (None, None) => unreachable!("a read leaves a content or an error"),
    };
    let mut checks = Vec::new();
    match &**material {
        FileContent::Token(token) => {
            checks.push(Finding::ok(
                &name,
                format!("{} holds a token", path.display()),
            ));
            if form == Form::Token {
                let aws = Endpoint::server(sts.endpoint.as_ref()) == Server::Aws;
                checks.extend(token::judge(token.claims(), token::layout(path), aws, now));
            }
        }
        FileContent::Assertion(assertion) => {
            checks.push(assertion::judge(&name, assertion.facts(), now));
        }
        FileContent::AccessKey(key) => {
            let message = format!(
                "{} holds the long-term key ..{}",
                path.display(),
                key.suffix()
            );
            checks.push(Finding::ok(&name, message));
        }
        FileContent::Totp(_) | FileContent::Text(_) => {
            unreachable!("no source is read in this form")
        }
    }
    checks
}

/// A file that goes with a call: only whether it can be used is said of it.
fn extra((path, form): (&Path, Form)) -> Finding {
    let (name, limit) = (format!("{form} file"), form.limit());
    let own = form.clone();
    match RotatedFile::new(path, limit, move |content| own.parse(content), None)
        .reload()
        .error
    {
        None => Finding::ok(&name, format!("{} holds one", path.display())),
        Some(error) => Finding::failure(
            &name,
            error.to_string(),
            refresher::unreadable(&error, &form).hint(),
        ),
    }
}
