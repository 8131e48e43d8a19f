//! What a single value may be; each reader answers with what is allowed.
//!
//! Owns the grammar of annotation values that no type of the lower layer has. It never knows where
//! a value came from.

use crate::assume::{PolicyArn, ProfileName, Restriction, SessionDuration, SessionNameTemplate};
use crate::logging::{Filter, Format};
use crate::role::{RoleArn, Server};
use crate::url;

/// `true` or `false`; a synonym is named, not guessed.
pub(in crate::inject::gather) fn boolean(text: &str) -> Result<bool, String> {
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
    let (container, role) = text
        .split_once('=')
        .ok_or("CONTAINER=ROLE_ARN, separated by commas")?;
    Ok((name(container.trim())?, role_arn(server, role.trim())?))
}

pub(super) fn role_arn(server: Server, text: &str) -> Result<RoleArn, String> {
    RoleArn::parse_at(server, text).map_err(|error| error.to_string())
}

pub(super) fn image_reference(text: &str) -> Result<String, &'static str> {
    let is_one = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    is_one.then(|| text.to_owned()).ok_or("an image reference")
}

pub(super) fn name(text: &str) -> Result<String, String> {
    ProfileName::parse(text)
        .map(|_| text.to_owned())
        .map_err(|_| "names of containers, separated by commas".to_owned())
}

/// Whether an object can have this name (a DNS subdomain).
pub(super) fn is_object_name(text: &str) -> bool {
    (1..=253).contains(&text.len()) && text.split('.').all(|part| ProfileName::parse(part).is_ok())
}

pub(super) fn object_name(text: &str) -> Result<String, &'static str> {
    is_object_name(text)
        .then(|| text.to_owned())
        .ok_or("the name of a ConfigMap in the pod's namespace, with the key config.yaml")
}

pub(super) fn audience(text: &str) -> Result<String, &'static str> {
    let is_one = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    is_one
        .then(|| text.to_owned())
        .ok_or("the audience that the role's trust policy names, such as sts.amazonaws.com")
}

/// The API server refuses less, and more than fits in 32 bits (`validateProjectionSources` in
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/validation/validation.go>).
pub(super) fn expiration(text: &str) -> Result<u64, &'static str> {
    let read = text
        .parse()
        .ok()
        .filter(|seconds| (600..=u64::from(u32::MAX)).contains(seconds));
    read.ok_or("whole seconds, at least 600 (the kubelet rotates the token at 80 % of it)")
}

/// Not below 1024: the sidecar runs without privileges.
pub(super) fn port(text: &str) -> Result<u16, &'static str> {
    text.parse()
        .ok()
        .filter(|port| *port >= 1024)
        .ok_or("a port from 1024 to 65535")
}

pub(super) fn session_name(text: &str) -> Result<String, String> {
    SessionNameTemplate::parse(text)
        .map(|name| name.as_str().to_owned())
        .map_err(|error| error.to_string())
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
        Err(url::Error::Insecure) => Err(
            "an https:// URL; http:// only to loopback, or with the chart's agent.allowInsecureSts"
                .to_owned(),
        ),
        Err(error) => Err(error.to_string()),
    }
}

/// Whose STS the agent will ask: its endpoint's, without one AWS's. A configuration of the author's
/// own may name one, so its agent judges.
pub(super) fn asked_server(endpoint: Option<&str>, has_own_config: bool) -> Server {
    match endpoint.map(|text| url::endpoint(text, true)) {
        Some(Ok(url)) => Server::of_host(url.host().unwrap_or_default()),
        None if !has_own_config => Server::Aws,
        Some(Err(_)) | None => Server::Other,
    }
}

/// What the agent's `--log-level` takes.
pub(super) fn log_level(text: &str) -> Result<String, String> {
    Filter::parse(text).map(|filter| filter.as_str().to_owned())
}

/// What the agent's `--log-format` takes.
pub(super) fn log_format(text: &str) -> Result<String, &'static str> {
    Format::parse(text).map(|format| format.as_str().to_owned())
}

/// Managed policies that STS takes together.
pub(super) fn policies(server: Server, texts: &[&str]) -> Result<Vec<String>, String> {
    let mut policy_arns = Vec::new();
    for text in texts {
        policy_arns.push(PolicyArn::parse_at(server, text).map_err(|error| error.to_string())?);
    }
    let restriction = Restriction {
        policy: None,
        policy_arns: &policy_arns,
    };
    let most = Restriction::MOST_POLICY_ARNS;
    if policy_arns.len() > most {
        return Err(format!("at most {most} policies"));
    }
    let most = Restriction::MOST_CHARACTERS;
    if restriction.characters() > most {
        return Err(format!(
            "together at most {most} characters, which is all that STS takes"
        ));
    }
    Ok(policy_arns
        .iter()
        .map(|arn| arn.as_str().to_owned())
        .collect())
}

/// A key of a ConfigMap, which is also a file's name (`IsConfigMapKey` in
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/validation/validation.go>).
pub(super) fn is_config_map_key(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text != "."
        && !text.starts_with("..")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
}
