//! What the short-lived commands need of a configuration: where the agent is, or how to do without
//! it.
//!
//! Owns which client such a command acts as. The agent never uses it; `cli` does.

use std::path::PathBuf;

use super::environment::{Origin, RawValue, Sources};
use super::{Client, Config, Error, Listen, document, listen, setting};
use crate::assume::{Profile, ProfileName};
use crate::sts;

/// What a command that asks a running agent needs to know of its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where credentials are asked for.
    pub listen: Listen,
    /// The token to present there: the only client's, or the one of the client `default`.
    pub token_file: PathBuf,
}

impl Access {
    /// Finds it in the same settings as `run`; the client's name or its token file's flag chooses
    /// among several.
    ///
    /// # Errors
    /// When the settings are wrong, or it is not clear which client is meant.
    pub fn load(sources: &Sources<'_>, client: Option<&str>) -> Result<Self, Error> {
        if let Some(
            given @ RawValue {
                origin: Origin::Flag(_),
                ..
            },
        ) = &sources.outer(&setting::AUTHORIZATION_TOKEN_FILE)?
        {
            let (document, _) = document(sources, &mut Vec::new())?;
            let (listen, _) = listen::both(sources, &document, &mut Vec::new())?;
            return Ok(Self {
                listen,
                token_file: given.file()?,
            });
        }
        let Config {
            listen, clients, ..
        } = Config::load(sources)?.config;
        Ok(Self {
            listen,
            token_file: chosen(&clients, client)?.token_file.clone(),
        })
    }
}

/// What a command that makes a client's exchanges itself, without an agent, needs to know.
#[derive(Clone, Debug)]
pub struct Alone {
    /// Where STS is.
    pub sts: sts::ClientSettings,
    /// What the client would be given.
    pub profile: Profile,
}

impl Alone {
    /// Finds it in the same settings as `run`; the client's name or its token file's flag chooses
    /// among several.
    ///
    /// # Errors
    /// When the settings are wrong, or it is not clear which client is meant.
    pub fn load(sources: &Sources<'_>, client: Option<&str>) -> Result<Self, Error> {
        let by_file = match sources.outer(&setting::AUTHORIZATION_TOKEN_FILE)? {
            Some(
                given @ RawValue {
                    origin: Origin::Flag(_),
                    ..
                },
            ) => Some((given.file()?, given)),
            _ => None,
        };
        // It says who asks, not what the profiles are, so it may stand beside a file that lists
        // them.
        let flags = sources
            .flags
            .without(setting::AUTHORIZATION_TOKEN_FILE.flag);
        let Config {
            clients,
            profiles,
            sts,
            ..
        } = Config::load(&Sources {
            flags: &flags,
            ..*sources
        })?
        .config;
        let client = match by_file {
            Some((file, given)) if clients.len() > 1 => clients
                .iter()
                .find(|client| client.token_file == file)
                .ok_or_else(|| {
                    Error::value(
                        given.origin,
                        &given.text,
                        "the token file of one of the clients",
                    )
                })?,
            _ => chosen(&clients, client)?,
        };
        let profile = profiles
            .into_iter()
            .find(|profile| profile.name == client.profile);
        let missing = || {
            Error::value(
                format!("client {}", client.name),
                client.profile.as_str(),
                "it is no profile",
            )
        };
        Ok(Self {
            sts,
            profile: profile.ok_or_else(missing)?,
        })
    }
}

/// The profile of the client with this name, in the same settings as `run`.
///
/// # Errors
/// When the settings are wrong, or there is no such client.
pub fn profile_of(sources: &Sources<'_>, client: &str) -> Result<ProfileName, Error> {
    let clients = Config::load(sources)?.config.clients;
    Ok(chosen(&clients, Some(client))?.profile.clone())
}

/// The client of that name; without one the only client, or the one named `default`.
fn chosen<'c>(clients: &'c [Client], name: Option<&str>) -> Result<&'c Client, Error> {
    let find = |name: &str| clients.iter().find(|client| client.name.as_str() == name);
    let names = || {
        clients
            .iter()
            .map(|client| client.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (clients, name) {
        (_, Some(name)) => find(name).ok_or_else(|| {
            Error::value("--client", name, format!("one of the clients: {}", names()))
        }),
        ([only], None) => Ok(only),
        (_, None) => find("default").ok_or_else(|| {
            let problem = format!(
                "there are several ({}) and none is named default: choose with --client",
                names()
            );
            Error::setting("clients", problem)
        }),
    }
}
