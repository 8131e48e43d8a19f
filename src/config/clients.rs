//! Clients: which container gets which profile, and the file its authorization token is in.
//!
//! Owns the rules between clients. The token decides which client asks, so no two may share a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::environment::{Origin, RawValue, Sources};
use super::error::Error;
use super::file::{self, Document};
use super::setting::AUTHORIZATION_TOKEN_FILE;
use crate::assume::{Profile, ProfileName};
use crate::authorization;
use crate::credentials::Secret;

/// One container that asks for credentials.
#[derive(Clone, Debug)]
pub struct Client {
    /// Usually the container's name.
    pub name: ProfileName,
    /// Whose credentials it gets.
    pub profile: ProfileName,
    /// Where its authorization token is, or will be written.
    pub token_file: PathBuf,
    /// The token to write there; a random one without it.
    pub authorization_token: Option<Secret>,
}

/// The profile of a container that no profile is named after.
const DEFAULT: &str = "default";

/// The clients of a configuration; never empty.
pub(super) fn all(
    sources: &Sources<'_>,
    document: &Document,
    profiles: &[Profile],
    warnings: &mut Vec<String>,
) -> Result<Vec<Client>, Error> {
    let clients = match (&document.clients, document.lists_profiles()) {
        (Some(listed), _) => {
            if !document.lists_profiles() {
                super::profile::refuse_outer(
                    sources,
                    &AUTHORIZATION_TOKEN_FILE,
                    "clients",
                    warnings,
                )?;
            }
            listed
                .iter()
                .enumerate()
                .map(|(at, client)| read(at, client, profiles))
                .collect::<Result<Vec<_>, _>>()?
        }
        (None, true) => profiles
            .iter()
            .map(|profile| own_client(profile.name.clone()))
            .collect(),
        (None, false) => {
            let given = sources.value(&AUTHORIZATION_TOKEN_FILE, document)?;
            let client = own_client(ProfileName::parse(DEFAULT).expect("a profile name"));
            let token_file =
                super::parsed(given.as_ref(), RawValue::file)?.unwrap_or(client.token_file);
            vec![Client {
                token_file,
                ..client
            }]
        }
    };
    if clients.is_empty() {
        return Err(Error::setting(
            "clients",
            "the list is empty; leave it out to give each profile its own client",
        ));
    }
    check_unique(&clients)?;
    check_apart(&clients, profiles)?;
    Ok(clients)
}

/// The client that a profile has when none are listed: same name, the file the injector would
/// mount.
fn own_client(name: ProfileName) -> Client {
    let token_file = PathBuf::from(default_file(&name));
    Client {
        profile: name.clone(),
        name,
        token_file,
        authorization_token: None,
    }
}

fn default_file(name: &ProfileName) -> String {
    format!("/var/run/secrets/stsidecar.dev/endpoints/{name}/token")
}

fn read(at: usize, client: &file::Client, profiles: &[Profile]) -> Result<Client, Error> {
    let key = |key: &str| format!("clients[{at}].{key}");
    let name = given(key("name"), &client.name).parse(ProfileName::parse)?;
    let names: Vec<&str> = profiles
        .iter()
        .map(|profile| profile.name.as_str())
        .collect();
    let wanted = match &client.profile {
        Some(profile) => profile.as_str(),
        None if names.contains(&name.as_str()) => name.as_str(),
        None => DEFAULT,
    };
    let profile = profiles
        .iter()
        .find(|profile| profile.name.as_str() == wanted)
        .ok_or_else(|| {
            Error::value(
                key("profile"),
                wanted,
                format!("it is no profile; there are: {}", names.join(", ")),
            )
        })?;
    let token_file = match &client.token_file {
        Some(file) => given(key("tokenFile"), file).file()?,
        None => PathBuf::from(default_file(&name)),
    };
    if client
        .authorization_token
        .as_ref()
        .is_some_and(|token| !authorization::is_valid(token.expose()))
    {
        let allowed = "the token (not shown) must have 32 to 1024 letters, digits and -._~ only";
        return Err(Error::setting(key("authorizationToken"), allowed));
    }
    let authorization_token = client.authorization_token.clone();
    Ok(Client {
        name,
        profile: profile.name.clone(),
        token_file,
        authorization_token,
    })
}

fn given(path: String, text: &str) -> RawValue {
    RawValue {
        origin: Origin::Key(path),
        text: text.to_owned(),
    }
}

fn check_unique(clients: &[Client]) -> Result<(), Error> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut files: BTreeMap<&Path, usize> = BTreeMap::new();
    let mut tokens: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, client) in clients.iter().enumerate() {
        let taken = |first: usize| format!("clients[{first}] has the same");
        if let Some(first) = names.insert(client.name.as_str(), at) {
            return Err(Error::value(
                format!("clients[{at}].name"),
                client.name.as_str(),
                taken(first),
            ));
        }
        if let Some(first) = files.insert(&client.token_file, at) {
            let file = client.token_file.display().to_string();
            return Err(Error::value(
                format!("clients[{at}].tokenFile"),
                &file,
                taken(first),
            ));
        }
        let given = client.authorization_token.as_ref().map(Secret::expose);
        if let Some(first) = given.and_then(|text| tokens.insert(text, at)) {
            return Err(Error::setting(
                format!("clients[{at}].authorizationToken"),
                taken(first),
            ));
        }
    }
    Ok(())
}

/// An authorization token written over what proves who we are would end all refreshing.
fn check_apart(clients: &[Client], profiles: &[Profile]) -> Result<(), Error> {
    let is_read = |client: &&Client| {
        profiles
            .iter()
            .flat_map(Profile::files)
            .any(|(path, _)| path == client.token_file)
    };
    match clients.iter().find(is_read) {
        Some(client) => {
            let file = client.token_file.display().to_string();
            let allowed = "a profile reads its token, keys or codes from this file";
            Err(Error::value(
                format!("authorization token file of client {}", client.name),
                &file,
                allowed,
            ))
        }
        None => Ok(()),
    }
}
