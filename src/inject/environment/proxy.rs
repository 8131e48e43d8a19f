//! `NO_PROXY` of a container that has a proxy, or may have one: the SDK's plain HTTP request to the
//! sidecar must not be sent to it.
//!
//! Owns the rule that the author's exceptions are only added to. Called by `assemble`.

use super::{LOOPBACK, env_from};
use crate::inject::pod::Container;

const PROXIES: [&str; 6] = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
];
pub(in crate::inject) const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

fn may_have_proxy(container: &Container<'_>) -> bool {
    PROXIES
        .into_iter()
        .any(|name| container.sets(name) || env_from::is_open(container, name))
}

/// The exceptions that except the sidecar from the proxy, where they are not yet so.
pub(in crate::inject) fn bypass(container: &Container<'_>) -> Vec<(&'static str, String)> {
    if !may_have_proxy(container) {
        return Vec::new();
    }
    EXCEPTIONS
        .into_iter()
        .filter_map(|name| Some((name, exceptions(container, name)?)))
        .collect()
}

fn exceptions(container: &Container<'_>, name: &str) -> Option<String> {
    let mut there = EXCEPTIONS.to_vec();
    there.retain(|name| container.names(name) || env_from::may_bring(container, name));
    if container.names(name) {
        extended(container, name)
    } else if there.contains(&name) {
        // Clients read the one or the other first, and which of them the envFrom brings is not
        // known: both hold what either does. A name that is defined nowhere stays as it is written,
        // and is no host.
        let both: Vec<String> = there.iter().map(|name| format!("$({name}),")).collect();
        Some(format!("{}{LOOPBACK}", both.concat()))
    } else {
        there.is_empty().then(|| LOOPBACK.to_owned())
    }
}

/// A value that is written in `env` and what it lacks. One that comes from elsewhere cannot be
/// continued; `warnings` says so.
fn extended(container: &Container<'_>, name: &str) -> Option<String> {
    let value = container.literal(name)?;
    if value
        .split(',')
        .any(|host| matches!(host.trim(), LOOPBACK | "*"))
    {
        return None;
    }
    let others = match value {
        "" => of_the_other(container, name)?,
        // One that refers to this one would come back empty as well.
        value if may_be_empty(value) => of_the_other(container, name)
            .filter(|other| other != value && !other.contains(&format!("$({name})")))
            .unwrap_or_default(),
        _ => String::new(),
    };
    let all = [value, &others, LOOPBACK]
        .into_iter()
        .filter(|hosts| !hosts.is_empty());
    Some(all.collect::<Vec<_>>().join(","))
}

/// Whether there is nothing but references in it, each of which can be to an empty variable.
fn may_be_empty(value: &str) -> bool {
    let is_reference = |host: &str| host.starts_with("$(") && host.ends_with(')');
    value
        .split(',')
        .map(str::trim)
        .all(|host| host.is_empty() || is_reference(host))
}

/// The exceptions under the other name, which an empty value lets through and a filled one would
/// hide. None when they cannot be named here: a reference reaches only variables before it.
fn of_the_other(container: &Container<'_>, name: &str) -> Option<String> {
    let other = EXCEPTIONS.into_iter().find(|other| *other != name)?;
    let reference = || format!("$({other})");
    match (container.position(other), container.literal(other)) {
        (None, _) if env_from::may_bring(container, other) => Some(reference()),
        (None, _) => Some(String::new()),
        (Some(_), Some(value)) => Some(value.to_owned()),
        (at, None) => (at < container.position(name)).then(reference),
    }
}

/// What an author should know about a container's exceptions.
pub(in crate::inject) fn warnings(container: &Container<'_>) -> Vec<String> {
    let unknown = EXCEPTIONS.into_iter().filter(|variable| {
        may_have_proxy(container)
            && container.variable(variable).is_some()
            && container.literal(variable).is_none()
    });
    let name = container.name;
    unknown
        .map(|variable| {
            format!(
                "container {name} takes {variable} from elsewhere; behind a proxy it must hold \
                 {LOOPBACK}"
            )
        })
        .collect()
}
