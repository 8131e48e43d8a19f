//! The command line of `stsidecar-injector`: its commands, flags and exit codes.
//!
//! Owns parsing, the logs' installation and how findings are printed; the [`Env`] is the agent's.
//! The decisions are `injector`'s.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use super::findings::{Findings, Output};
use super::run::fatal;
use super::{Env, exit};
use crate::config::Error;
use crate::finding::Finding;
use crate::inject::Template;
use crate::injector::check;
use crate::injector::config::Config;
use crate::role::{RoleArn, Server};
use crate::sts::Bundle;
use crate::{injector, redact, telemetry, version};

/// Adds stsidecar to pods that ask for it: the mutating webhook of a cluster.
#[derive(Parser)]
#[command(name = "stsidecar-injector", version = version::LONG)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer the API server
    Run(RunArgs),
    /// Find out whether a pod that asks would be injected; with `helm test`
    Check(CheckArgs),
}

#[derive(clap::Args)]
struct RunArgs {
    /// The configuration, as the chart's ConfigMap holds it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// It need not exist: nothing assumes it.
const ASKING_ROLE: &str = "arn:aws:iam::111122223333:role/stsidecar-check";

#[derive(clap::Args)]
struct CheckArgs {
    /// The configuration, as the chart's ConfigMap holds it
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Where the asking pod would be created; a dry run stores nothing
    #[arg(short, long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// The role that the asking pod names
    #[arg(long, value_name = "ARN", value_parser = role, default_value = ASKING_ROLE)]
    role_arn: String,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// Which STS it is for is decided later, by what surrounds the pod.
fn role(text: &str) -> Result<String, String> {
    RoleArn::parse_at(Server::Other, text)
        .map(|role| role.as_str().to_owned())
        .map_err(|error| error.to_string())
}

/// Runs one command; `arguments` begins with the program's name. The answer is the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>, env: &mut Env<'_>) -> u8 {
    match Cli::try_parse_from(arguments) {
        Ok(Cli {
            command: Command::Run(arguments),
        }) => run(&arguments, env),
        Ok(Cli {
            command: Command::Check(arguments),
        }) => check(&arguments, env),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            env.result(&error.render().to_string(), exit::OK)
        }
        Err(error) => env.complaint(&redact::message(&error.render().to_string()), exit::USAGE),
    }
}

fn load(path: &Path, env: &Env<'_>) -> Result<Config, Error> {
    let unreadable = |source| Error::Unreadable {
        origin: "--config".to_owned(),
        path: path.to_owned(),
        source,
    };
    Config::read(path, &(env.read)(path).map_err(unreadable)?)
}

fn run(arguments: &RunArgs, env: &mut Env<'_>) -> u8 {
    let config = match load(&arguments.config, env) {
        Ok(config) => config,
        Err(error) => return fatal(env, &error.to_string(), exit::CONFIG),
    };
    let output = telemetry::Output {
        writer: env.log.clone(),
        is_terminal: env.stderr_is_terminal,
        wall: env.wall,
    };
    if let Err(error) = telemetry::install(&config.log, output) {
        return fatal(env, &error.to_string(), exit::INTERNAL);
    }
    // A panic has printed its own message; the exit code says whose fault it is.
    match catch_unwind(AssertUnwindSafe(|| {
        injector::run(config, env.log.dropped())
    })) {
        Err(_) => fatal(env, "the injector panicked: see its log", exit::INTERNAL),
        Ok(Ok(())) => exit::OK,
        Ok(Err(error)) => fatal(env, &error.to_string(), error.exit_code()),
    }
}

const CONFIGURATION: &str = "configuration";

fn check(arguments: &CheckArgs, env: &mut Env<'_>) -> u8 {
    let config = match load(&arguments.config, env) {
        Ok(config) => config,
        Err(error) => {
            let fix = "correct it, or the chart's values that it is made of";
            let finding = Finding::failure(CONFIGURATION, error.to_string(), fix);
            let findings = Findings::new(vec![finding], false);
            return findings.print(arguments.output, env, exit::CONFIG);
        }
    };
    let findings = match check::run(&config, &arguments.namespace, &arguments.role_arn) {
        Ok(findings) => findings,
        Err(error) => {
            let complaint = format!("stsidecar-injector: cannot start: {error}\n");
            return env.complaint(&complaint, exit::INTERNAL);
        }
    };
    let found = described(&arguments.config, &config.template);
    let checks = std::iter::once(Finding::ok(CONFIGURATION, found)).chain(findings);
    let findings = Findings::new(checks.collect(), false);
    findings.print(arguments.output, env, findings.exit_code())
}

/// What a good configuration makes of pods, in one line.
fn described(path: &Path, template: &Template) -> String {
    let bundle = template
        .ca_bundle()
        .and_then(|pem| Bundle::parse(pem.as_bytes()).ok());
    let trusts = bundle.map_or_else(String::new, |bundle| {
        format!(
            ", which trusts {} certificates of agent.awsCaBundle.pem",
            bundle.certificates()
        )
    });
    format!("{} injects {}{trusts}", path.display(), template.image())
}

#[cfg(test)]
mod tests;
