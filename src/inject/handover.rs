//! The configuration that the sidecar is handed over: profiles and clients as compact JSON in a variable.
//!
//! Owns that document, in the shape that `config` reads; a test feeds it to `config`. With a ConfigMap of the
//! author it holds clients only. Called by `inject`.

use serde_json::{Map, Value, json};

use super::pod::{Choice, Container};
use super::settings::Settings;
use super::{Denial, Reason};
use crate::role::RoleArn;

/// The variable that holds it.
pub(super) const INLINE: &str = "STSIDECAR_CONFIG_INLINE";
/// Where the author's ConfigMap is mounted, as `config.yaml`.
pub(super) const CONFIG_DIRECTORY: &str = "/var/run/stsidecar/config";
/// The volume of the author's ConfigMap.
pub(super) const CONFIG_VOLUME: &str = "stsidecar-config";

/// The profile of the pod's own role.
const DEFAULT: &str = "default";
/// As many as the agent takes.
const MOST_PROFILES: usize = 16;
/// STS grants no more behind a role session.
const CHAINED: &str = "1h";

/// The random tokens of legacy clients, by container: those of an earlier call, then new ones.
pub(super) type Tokens = Vec<(String, String)>;

/// Keeps the tokens that a sidecar already has, and draws the missing ones.
pub(super) fn tokens(
    own: Option<&Container<'_>>,
    choice: &Choice,
    draw: &mut dyn FnMut() -> String,
) -> Tokens {
    let document: Option<Value> = own
        .and_then(|own| own.literal(INLINE))
        .and_then(|text| serde_json::from_str(text).ok());
    let kept = |name: &str| {
        let clients = document.as_ref()?.get("clients")?.as_array()?;
        let client = clients.iter().find(|client| client["name"] == name)?;
        client["authorizationToken"].as_str().map(str::to_owned)
    };
    choice
        .chosen
        .iter()
        .map(|name| (name.clone(), kept(name).unwrap_or_else(&mut *draw)))
        .collect()
}

/// The document as compact JSON.
pub(super) fn document(
    settings: &Settings,
    choice: &Choice,
    tokens: &Tokens,
) -> Result<String, Denial> {
    let own_role = |name: &str| {
        settings
            .container_roles
            .iter()
            .find(|(container, _)| container == name)
    };
    let mut profiles = Map::new();
    for (name, role) in &settings.container_roles {
        profiles.insert(name.clone(), profile(settings, Some(role), &[]));
    }
    if choice.chosen.iter().any(|name| own_role(name).is_none()) {
        if profiles.contains_key(DEFAULT) {
            return combination(
                "the role of a container named default is the pod's own: set stsidecar.dev/role-arn \
                 instead of naming it in stsidecar.dev/container-roles",
            );
        }
        profiles.insert(
            DEFAULT.to_owned(),
            profile(settings, settings.role.as_ref(), &settings.chain),
        );
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
    let clients: Vec<Value> = choice
        .chosen
        .iter()
        .map(|name| client(settings, name, own_role(name).is_some(), tokens))
        .collect();
    let document = match settings.config {
        Some(_) => json!({ "clients": clients }),
        None => json!({ "profiles": profiles, "clients": clients }),
    };
    Ok(document.to_string())
}

fn combination<T>(message: &str) -> Result<T, Denial> {
    Err(Denial::new(Reason::Combination, message.to_owned()))
}

fn client(settings: &Settings, name: &str, has_own_role: bool, tokens: &Tokens) -> Value {
    let mut client = json!({
        "name": name,
        "tokenFile": format!("/var/run/secrets/stsidecar.dev/endpoints/{name}/token"),
    });
    // With a ConfigMap the agent takes the profile of the container's name, else `default`.
    if settings.config.is_none() {
        client["profile"] = if has_own_role {
            name.into()
        } else {
            DEFAULT.into()
        };
    }
    if let Some((_, token)) = tokens.iter().find(|(container, _)| container == name) {
        client["authorizationToken"] = token.as_str().into();
    }
    client
}

/// One profile: the pod's token against `role`, then each hop. Policies narrow what is vended: the last step.
fn profile(settings: &Settings, role: Option<&RoleArn>, chain: &[RoleArn]) -> Value {
    let mut source = Map::new();
    source.extend(role.map(|role| ("roleArn".to_owned(), role.as_str().into())));
    source.insert(
        "sessionDuration".to_owned(),
        settings.session_duration.as_str().into(),
    );
    let named = |step: &mut Map<String, Value>, is_last: bool| {
        step.extend(
            settings
                .session_name
                .as_ref()
                .map(|name| ("sessionName".to_owned(), name.as_str().into())),
        );
        if is_last && !settings.policy_arns.is_empty() {
            step.insert("policyArns".to_owned(), json!(settings.policy_arns));
        }
    };
    named(&mut source, chain.is_empty());
    let hops = chain.iter().enumerate().map(|(at, role)| {
        let mut hop = Map::new();
        hop.insert("roleArn".to_owned(), role.as_str().into());
        hop.insert(
            "sessionDuration".to_owned(),
            chained(&settings.session_duration).into(),
        );
        named(&mut hop, at + 1 == chain.len());
        Value::Object(hop)
    });
    let hops: Vec<Value> = hops.collect();
    if hops.is_empty() {
        json!({ "webIdentity": source })
    } else {
        json!({ "webIdentity": source, "chain": hops })
    }
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

/// A container's token, if it is a legacy client.
pub(super) fn token<'a>(tokens: &'a Tokens, container: &str) -> Option<&'a str> {
    tokens
        .iter()
        .find(|(name, _)| name == container)
        .map(|(_, token)| token.as_str())
}
