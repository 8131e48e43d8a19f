//! The variables of a sidecar that is there: ours as they would be now, and nothing of others that
//! the agent follows.
//!
//! Owns the list of what the agent reads, which a test compares with `config`. Settings of the
//! agent come from annotations and the chart only. How the network is reached (proxies,
//! certificates) others may add in `env`, but not in an `envFrom`, whose content is not seen here
//! and can change under a running pod's template.

use serde_json::{Value, json};

use crate::inject::patch::Draft;
use crate::inject::pod::{items, text};
use crate::inject::sidecar::{CA_DIRECTORY, covers};
use crate::url;

/// Every variable of the agent's settings.
const SETTINGS: [&str; 26] = [
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "STSIDECAR_SESSION_DURATION",
    "STSIDECAR_ALLOW_INSECURE_STS",
    "STSIDECAR_STS_TIMEOUT",
    "STSIDECAR_WAIT_FOR_CREDENTIALS",
    "STSIDECAR_LISTEN",
    "STSIDECAR_ADMIN_LISTEN",
    "STSIDECAR_AUTHORIZATION_TOKEN_FILE",
    "STSIDECAR_STATE_DIR",
    "STSIDECAR_SETTINGS_HASH",
    "STSIDECAR_REFRESH_AT",
    "STSIDECAR_SHUTDOWN_GRACE",
    "STSIDECAR_SHUTDOWN_IDLE",
    "STSIDECAR_CONFIG",
    "STSIDECAR_CONFIG_INLINE",
    "STSIDECAR_LOG_FORMAT",
    "STSIDECAR_LOG_LEVEL",
];
/// Beats `STSIDECAR_LOG_LEVEL`.
const LOG_FILTER: &str = "RUST_LOG";
/// How the network is reached.
const REACH: [&str; 7] = [
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Of these, those that hold a proxy.
const PROXIES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];

/// Whether it names the certificates of an earlier rendering.
fn is_left(variable: &Value) -> bool {
    text(variable, "value").is_some_and(|value| value.starts_with(CA_DIRECTORY))
}

/// Whether it is a proxy that would end the agent, and the pod with it.
fn is_refused(variable: &Value) -> bool {
    let is_proxy = text(variable, "name").is_some_and(|name| PROXIES.contains(&name));
    let known = text(variable, "value")
        .filter(|value| is_proxy && !value.is_empty() && !value.contains('$'));
    known.is_some_and(|value| url::proxy(value).is_err())
}

/// Brings the variables of the container at `pointer` up to date with those that are `wanted`.
pub(super) fn renew(draft: &mut Draft, pointer: &str, mut wanted: Vec<Value>) {
    let list = format!("{pointer}/env");
    let found = draft.pod().pointer(pointer).cloned().unwrap_or_default();
    let has_env_from = items(&found, "envFrom").next().is_some();
    if has_env_from {
        wanted.extend(closed(&found, &wanted));
    }
    draft.take_all(&list, |own| is_stale(own, &wanted, has_env_from));
    for variable in wanted {
        // Of several with one name the kubelet takes the last.
        let all = draft.list(&list).enumerate();
        let found = all
            .filter(|(_, own)| own["name"] == variable["name"])
            .last();
        match found {
            None => draft.append(&list, variable),
            Some((_, own)) if covers(own, &variable) => {}
            Some((at, _)) => draft.replace(format!("{list}/{at}"), variable),
        }
    }
}

fn names(all: &[Value], name: &str) -> bool {
    all.iter().any(|variable| variable["name"] == name)
}

/// Empty variables against what the container's `envFrom` could bring: the agent takes them for
/// none, and a variable of `env` beats one of `envFrom`.
fn closed(container: &Value, wanted: &[Value]) -> Vec<Value> {
    let all = SETTINGS.into_iter().chain([LOG_FILTER]).chain(REACH);
    all.filter(|name| !names(wanted, name) && !stays(container, name))
        .map(|name| json!({ "name": name, "value": "" }))
        .collect()
}

/// Whether others say by this variable how the network is reached.
fn stays(container: &Value, name: &str) -> bool {
    let mut own = items(container, "env").filter(|own| own["name"] == name);
    REACH.contains(&name) && own.any(|own| !is_left(own) && !is_refused(own))
}

fn is_stale(variable: &Value, wanted: &[Value], has_env_from: bool) -> bool {
    let name = text(variable, "name").unwrap_or_default();
    let is_closed =
        text(variable, "value").unwrap_or_default().is_empty() && variable["valueFrom"].is_null();
    let leaves = is_left(variable) || is_refused(variable) || is_closed && !has_env_from;
    let is_agents = SETTINGS.contains(&name) || name == LOG_FILTER;
    !names(wanted, name) && (is_agents || REACH.contains(&name) && leaves)
}
