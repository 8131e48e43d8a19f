//! The configuration: flags, variables and a file in; one validated, immutable [`Config`] out.
//!
//! Owns every rule between settings; what a single value may be is known by the small types it
//! builds for the layers below, which never see `Config`. It reads no environment and no disk
//! itself ([`Sources`] are arguments) and logs nothing: warnings are values. Used by `cli`, and by
//! `agent` that takes it apart.

mod access;
mod clients;
mod describe;
pub mod environment;
mod error;
pub mod file;
mod listen;
pub mod mistyped;
mod profile;
mod reach;
#[cfg(feature = "injector")]
pub mod rendered;
pub mod setting;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use ring::digest::{SHA256, digest};

pub use access::{Access, Alone, profile_of};
pub use clients::Client;
pub use describe::described_step;
pub use environment::{Flags, Origin, Sources};
pub use error::Error;
pub use file::SCHEMA;
pub use listen::{AdminListen, Listen};
pub use setting::{SETTINGS, Setting, VARIABLES, Variable};

use crate::assume::Profile;
use crate::session::schedule::RefreshAt;
use crate::{sts, telemetry};
use environment::RawValue;
use file::Document;

/// Everything the agent runs by.
#[derive(Clone, Debug)]
pub struct Config {
    /// By name; 1 to 16, each with at least its source.
    pub profiles: Vec<Profile>,
    /// Who may ask and for which profile; never empty, names and token files are unique.
    pub clients: Vec<Client>,
    /// Where STS is and how it is reached.
    pub sts: sts::ClientSettings,
    /// When in its life a credential is refreshed.
    pub refresh_at: RefreshAt,
    /// The credentials endpoint's addresses.
    pub listen: Listen,
    /// The admin surface's address.
    pub admin_listen: AdminListen,
    /// Whether the startup probe waits until all profiles hold credentials.
    pub wait_for_credentials: bool,
    /// Where the last good credentials are kept, if anywhere.
    pub state_dir: Option<PathBuf>,
    /// How the agent ends.
    pub shutdown: Shutdown,
    /// What is logged, and how.
    pub log: telemetry::LogSettings,
    /// The configuration file as it was read, if there was one.
    pub file: Option<ReadFile>,
    /// What the injector decided by, as a hash, where it made this agent. It decides nothing here.
    pub settings_hash: Option<String>,
}

/// A configuration file that was read. It is read once: what it holds later counts after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFile {
    /// Where.
    pub path: PathBuf,
    /// SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// How the agent ends after SIGTERM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// The longest time to the end.
    pub grace: Duration,
    /// The end comes when no request came for this long; at most `grace`.
    pub idle: Duration,
}

/// A configuration with what its operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the agent runs by.
    pub config: Config,
    /// One line each, to be logged once.
    pub warnings: Vec<String>,
}

impl Config {
    /// Makes the configuration from everything that was given.
    ///
    /// # Errors
    /// At the first thing that is wrong, naming it.
    pub fn load(sources: &Sources<'_>) -> Result<Loaded, Error> {
        let mut warnings = Vec::new();
        let (document, file) = document(sources, &mut warnings)?;
        let value = |setting| sources.value(setting, &document);
        let endpoints = reach::Endpoints::read(sources, &document)?;
        let profiles = profile::all(sources, &document, endpoints.servers(), &mut warnings)?;
        let clients = clients::all(sources, &document, &profiles, &mut warnings)?;
        let sts = reach::settings(sources, &document, endpoints, &profiles, &mut warnings)?;
        let (listen, admin_listen) = listen::both(sources, &document, &mut warnings)?;
        let config = Self {
            profiles,
            clients,
            sts,
            listen,
            admin_listen,
            refresh_at: parsed(value(&setting::REFRESH_AT)?.as_ref(), |given| {
                given.parse(RefreshAt::parse)
            })?
            .unwrap_or_default(),
            wait_for_credentials: parsed(
                value(&setting::WAIT_FOR_CREDENTIALS)?.as_ref(),
                RawValue::boolean,
            )?
            .unwrap_or(true),
            state_dir: parsed(value(&setting::STATE_DIR)?.as_ref(), directory)?,
            shutdown: shutdown(sources, &document)?,
            log: telemetry::LogSettings {
                format: parsed(value(&setting::LOG_FORMAT)?.as_ref(), |given| {
                    given.parse(telemetry::Format::parse)
                })?,
                filter: parsed(value(&setting::LOG_LEVEL)?.as_ref(), |given| {
                    given.parse(telemetry::Filter::parse)
                })?
                .unwrap_or_default(),
            },
            file,
            settings_hash: parsed(
                sources.variable(setting::SETTINGS_HASH.names)?.as_ref(),
                settings_hash,
            )?,
        };
        Ok(Loaded { config, warnings })
    }

    /// The effective configuration as one JSON value, without secrets.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        describe::config(self)
    }
}

impl AdminListen {
    /// Finds the admin surface's address in the same settings as `run`, and looks at nothing else.
    ///
    /// # Errors
    /// When the address is wrong, or the configuration file cannot be read.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Error> {
        let document = match sources.outer(&setting::ADMIN_LISTEN)? {
            Some(_) => Document::default(),
            None => document(sources, &mut Vec::new())?.0,
        };
        listen::admin(sources, &document)
    }
}

/// The file's document, the inline one, or the file's with the inline one's clients; and the file.
fn document(
    sources: &Sources<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Document, Option<ReadFile>), Error> {
    let (file, read) = file_document(sources)?.unzip();
    let inline_name = setting::CONFIG_INLINE.names[0];
    let inline = match sources.variable(setting::CONFIG_INLINE.names)? {
        Some(given) => Some(Document::read(inline_name, given.text.as_bytes())?),
        None => None,
    };
    let document = match (file, inline) {
        (Some(file), Some(inline)) if inline.is_only_clients() => {
            if file.clients.is_some() && inline.clients.is_some() {
                warnings.push(format!(
                    "clients of the configuration file are ignored: {inline_name} lists them"
                ));
            }
            Document {
                clients: inline.clients.or(file.clients),
                ..file
            }
        }
        (Some(_), Some(_)) => {
            let problem =
                "beside a configuration file it may hold clients only; put the rest into the file";
            return Err(Error::setting(inline_name, problem));
        }
        (file, inline) => file.or(inline).unwrap_or_default(),
    };
    Ok((document, read))
}

fn file_document(sources: &Sources<'_>) -> Result<Option<(Document, ReadFile)>, Error> {
    let Some(given) = sources.outer(&setting::CONFIG)? else {
        return Ok(None);
    };
    let path = given.file()?;
    let content = (sources.read)(&path).map_err(|source| Error::Unreadable {
        origin: given.origin.to_string(),
        path: path.clone(),
        source,
    })?;
    let document = Document::read(&path.display().to_string(), &content)?;
    let mut sha256 = String::new();
    for byte in digest(&SHA256, &content).as_ref() {
        write!(sha256, "{byte:02x}").expect("a String takes every text");
    }
    Ok(Some((document, ReadFile { path, sha256 })))
}

fn parsed<T>(
    given: Option<&RawValue>,
    parse: impl FnOnce(&RawValue) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    given.map(parse).transpose()
}

/// As the injector writes it; what is there instead must not be able to change the page that shows
/// it.
fn settings_hash(given: &RawValue) -> Result<String, Error> {
    given.parse(|text| {
        let is_plain = text.len() <= 64
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_plain {
            Ok(text.to_owned())
        } else {
            Err("up to 64 letters, digits and hyphens, as the injector writes it")
        }
    })
}

fn directory(given: &RawValue) -> Result<PathBuf, Error> {
    given.parse(|text| match text {
        "" => Err("the path of a directory"),
        _ if text.contains("://") => Err("the path of a directory, not a URL"),
        _ => Ok(PathBuf::from(text)),
    })
}

fn shutdown(sources: &Sources<'_>, document: &Document) -> Result<Shutdown, Error> {
    let duration = |setting| -> Result<(Duration, Option<Origin>), Error> {
        let given = sources.value(setting, document)?;
        let read = parsed(given.as_ref(), |given| {
            given.parse(|text| {
                humantime::parse_duration(text).map_err(|_| "a duration such as 25s or 500ms")
            })
        })?;
        Ok((read.unwrap_or_default(), given.map(|given| given.origin)))
    };
    let (grace, _) = duration(&setting::SHUTDOWN_GRACE)?;
    let (idle, idle_origin) = duration(&setting::SHUTDOWN_IDLE)?;
    match idle_origin {
        // A grace shorter than the default idle time asks for a quick end, not for an error.
        Some(Origin::Default(_)) | None => Ok(Shutdown {
            grace,
            idle: idle.min(grace),
        }),
        Some(origin) if idle > grace => {
            let allowed = format!(
                "at most the shutdown grace of {}",
                humantime::format_duration(grace)
            );
            Err(Error::value(
                origin,
                &humantime::format_duration(idle).to_string(),
                allowed,
            ))
        }
        Some(_) => Ok(Shutdown { grace, idle }),
    }
}
