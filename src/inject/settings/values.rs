//! What a single value may be; each reader answers with what is allowed.
//!
//! Owns the grammar of annotation values that no type of the lower layer has. It never knows where a value
//! came from.

use crate::assume::{ProfileName, SessionDuration, SessionNameTemplate};
use crate::role::{RoleArn, Server};
use crate::url;

/// `true` or `false`; a synonym is named, not guessed.
pub(in crate::inject) fn boolean(text: &str) -> Result<bool, String> {
    let meant = match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" | "enabled" => "true",
        "false" | "no" | "n" | "off" | "0" | "disabled" => "false",
        _ => "",
    };
    match (text, meant) {
        ("true", _) => Ok(true),
        ("false", _) => Ok(false),
        (_, "") => Err("\"true\" or \"false\"".to_owned()),
        (_, meant) => Err(format!("\"true\" or \"false\"; did you mean \"{meant}\"?")),
    }
}

pub(super) fn container_role(server: Server, text: &str) -> Result<(String, RoleArn), String> {
    let (container, role) = text.split_once('=').ok_or("CONTAINER=ROLE_ARN, separated by commas")?;
    Ok((name(container.trim())?, RoleArn::parse_at(server, role.trim()).map_err(|error| error.to_string())?))
}

pub(super) fn name(text: &str) -> Result<String, String> {
    let sound = ProfileName::parse(text).is_ok();
    if sound { Ok(text.to_owned()) } else { Err("names of containers, separated by commas".to_owned()) }
}

pub(super) fn object_name(text: &str) -> Result<String, &'static str> {
    let sound = (1..=253).contains(&text.len()) && text.split('.').all(|part| ProfileName::parse(part).is_ok());
    if sound {
        Ok(text.to_owned())
    } else {
        Err("the name of a ConfigMap in the pod's namespace, with the key config.yaml")
    }
}

pub(super) fn one_of(text: &str, allowed: &[&str]) -> Result<String, String> {
    if allowed.contains(&text) { Ok(text.to_owned()) } else { Err(allowed.join(", ")) }
}

pub(super) fn audience(text: &str) -> Result<String, &'static str> {
    let sound = !text.is_empty() && text.chars().all(|c| !c.is_whitespace() && !c.is_control());
    if sound {
        Ok(text.to_owned())
    } else {
        Err("the audience that the role's trust policy names, such as sts.amazonaws.com")
    }
}

/// The API server refuses less, and more than fits in 32 bits.
pub(super) fn expiration(text: &str) -> Result<u64, &'static str> {
    let read = text.parse().ok().filter(|seconds| (600..=u64::from(u32::MAX)).contains(seconds));
    read.ok_or("whole seconds, at least 600 (the kubelet rotates the token at 80 % of it)")
}

/// Not below 1024: the sidecar runs without privileges.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse().ok().filter(|port| *port >= 1024).ok_or("a port from 1024 to 65535")
}

pub(super) fn session_name(text: &str) -> Result<String, String> {
    SessionNameTemplate::parse(text).map(|name| name.as_str().to_owned()).map_err(|error| error.to_string())
}

pub(super) fn session_duration(text: &str) -> Result<String, String> {
    match text {
        "longest" => Ok(text.to_owned()),
        text => SessionDuration::parse(text)
            .map(|_| text.to_owned())
            .map_err(|error| format!("{error}, written as 1h, 90m or 3600s, or longest")),
    }
}

/// The agent's own rule, with the chart's name for what allows plain text.
pub(super) fn endpoint(text: &str, allow_insecure: bool) -> Result<String, String> {
    match url::endpoint(text, allow_insecure) {
        Ok(_) => Ok(text.trim_ascii().to_owned()),
        Err(url::Error::Insecure) => {
            Err("an https:// URL; http:// only to loopback, or with the chart's agent.allowInsecureSts".to_owned())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whose STS is at this URL; without one it is AWS's.
pub(super) fn server(endpoint: Option<&str>) -> Server {
    let host = |text: &str| url::endpoint(text, true).ok().and_then(|url| url.host().map(str::to_owned));
    endpoint.map_or(Server::Aws, |url| Server::of_host(&host(url).unwrap_or_default()))
}

/// What the agent's `--log-level` takes.
pub(super) fn log_level(text: &str) -> Result<String, &'static str> {
    let is_level = |text: &str| matches!(text, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let is_target = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
    let one = |part: &str| match part.split_once('=') {
        Some((target, level)) => !target.is_empty() && is_target(target) && is_level(level),
        None => is_level(part),
    };
    let sound = text.split(',').all(one);
    let allowed = "off, error, warn, info, debug or trace, also by target: info,stsidecar=debug";
    if sound { Ok(text.to_owned()) } else { Err(allowed) }
}
