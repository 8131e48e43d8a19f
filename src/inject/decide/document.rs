//! The configuration that the sidecar is handed over: profiles and clients as compact JSON in a
//! variable.
//!
//! Owns that document, in the shape that `config` reads; a test feeds it to `config`. With a
//! ConfigMap of the author it holds clients only. Called by `decide`.

use serde_json::{Map, Value, json};

use super::Tokens;
use crate::inject::gather::{Choice, Facts, PodSettings};
use crate::inject::sidecar::ENDPOINTS_DIRECTORY;
use crate::inject::{Denial, Reason};
use crate::role::RoleArn;

/// The profile of the pod's own role.
const DEFAULT: &str = "default";
/// As many as the agent takes.
const MOST_PROFILES: usize = 16;
/// STS grants no more behind a role session:
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html> (role chaining).
const CHAINED: &str = "1h";

/// The document as compact JSON.
pub(super) fn of(facts: &Facts<'_>, tokens: &Tokens) -> Result<String, Denial> {
    let (settings, choice) = (&facts.settings, &facts.choice);
    let profiles = profiles(settings, choice)?;
    let clients: Vec<Value> = choice
        .chosen
        .iter()
        .map(|name| client(settings, name, tokens))
        .collect();
    let document = match settings.config {
        Some(_) => json!({ "clients": clients }),
        None => json!({ "profiles": profiles, "clients": clients }),
    };
    Ok(document.to_string())
}

/// One for each role that a container has of its own, and the pod's for the other containers.
fn profiles(settings: &PodSettings, choice: &Choice) -> Result<Map<String, Value>, Denial> {
    let mut profiles = Map::new();
    for (name, role) in &settings.container_roles {
        profiles.insert(name.clone(), profile(settings, Some(role), &[]));
    }
    let needs_default = choice
        .chosen
        .iter()
        .any(|name| settings.role_of(name).is_none());
    if needs_default && profiles.contains_key(DEFAULT) {
        return combination(
            "the role of a container named default is the pod's own: set stsidecar.dev/role-arn \
             instead of naming it in stsidecar.dev/container-roles",
        );
    }
    if needs_default {
        let own = profile(settings, settings.role.as_ref(), &settings.chain);
        profiles.insert(DEFAULT.to_owned(), own);
    } else if !settings.chain.is_empty() {
        return combination(
            "stsidecar.dev/role-chain is for the pod's role, but stsidecar.dev/container-roles \
             gives every container another",
        );
    }
    if profiles.len() > MOST_PROFILES {
        return combination(
            "stsidecar.dev/container-roles: at most 16 different profiles are possible in a pod",
        );
    }
    Ok(profiles)
}

fn combination<T>(message: &str) -> Result<T, Denial> {
    Err(Denial::new(Reason::Combination, message.to_owned()))
}

fn client(settings: &PodSettings, name: &str, tokens: &Tokens) -> Value {
    let mut client = json!({
        "name": name,
        "tokenFile": format!("{ENDPOINTS_DIRECTORY}/{name}/token"),
    });
    // With a ConfigMap the agent takes the profile of the container's name, else `default`.
    if settings.config.is_none() {
        let own = settings.role_of(name).map(|_| name);
        client["profile"] = own.unwrap_or(DEFAULT).into();
    }
    if let Some(token) = tokens.of(name) {
        client["authorizationToken"] = token.into();
    }
    client
}

/// One profile: the pod's token against `role`, then each hop. Policies narrow what is vended: the
/// last hop.
fn profile(settings: &PodSettings, role: Option<&RoleArn>, chain: &[RoleArn]) -> Value {
    let source = hop(settings, role, &settings.session_duration, chain.is_empty());
    let duration = chained(&settings.session_duration);
    let mut hops = Vec::new();
    for (at, role) in chain.iter().enumerate() {
        hops.push(hop(settings, Some(role), duration, at + 1 == chain.len()));
    }
    if hops.is_empty() {
        json!({ "webIdentity": source })
    } else {
        json!({ "webIdentity": source, "chain": hops })
    }
}

fn hop(settings: &PodSettings, role: Option<&RoleArn>, duration: &str, is_last: bool) -> Value {
    let mut hop = json!({ "sessionDuration": duration });
    if let Some(role) = role {
        hop["roleArn"] = role.as_str().into();
    }
    if let Some(name) = &settings.session_name {
        hop["sessionName"] = name.as_str().into();
    }
    if is_last && !settings.policy_arns.is_empty() {
        hop["policyArns"] = json!(settings.policy_arns);
    }
    hop
}

/// A hop lasts as long as asked, up to the hour of role chaining.
fn chained(duration: &str) -> &str {
    let asked = humantime::parse_duration(duration).ok();
    if asked.is_some_and(|asked| asked < crate::assume::ROLE_CHAINING_LIMIT) {
        duration
    } else {
        CHAINED
    }
}
