//! The variables of a sidecar that is there: ours as they would be now, and nothing of others that
//! the agent follows.
//!
//! Owns the list of what the agent reads, which a test compares with `config`. Settings of the
//! agent come from annotations and the chart only. How the network is reached (proxies,
//! certificates) others may add in `env`, but not in an `envFrom`, whose content is not seen here
//! and can change under a running pod's template.

use serde_json::{Value, json};

use crate::inject::patch::Draft;
use crate::inject::pod::text;
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
    let has_env_from = found["envFrom"]
        .as_array()
        .is_some_and(|from| !from.is_empty());
    let is_in = |all: &[Value], name: &str| all.iter().any(|variable| variable["name"] == name);
    if has_env_from {
        // The agent takes an empty variable for none, and one of `env` beats one of `envFrom`.
        let own = found["env"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let stays = |name: &str| {
            own.iter()
                .any(|one| one["name"] == name && !is_left(one) && !is_refused(one))
        };
        let open = |name: &&str| !(is_in(&wanted, name) || REACH.contains(name) && stays(name));
        let names = SETTINGS.into_iter().chain([LOG_FILTER]).chain(REACH);
        let closed: Vec<Value> = names
            .filter(open)
            .map(|name| json!({ "name": name, "value": "" }))
            .collect();
        wanted.extend(closed);
    }
    let is_stale = |variable: &Value| {
        let name = text(variable, "name").unwrap_or_default();
        let is_closed = || {
            text(variable, "value").unwrap_or_default().is_empty()
                && variable["valueFrom"].is_null()
        };
        let leaves = REACH.contains(&name)
            && (is_left(variable) || is_refused(variable) || is_closed() && !has_env_from);
        !is_in(&wanted, name) && (SETTINGS.contains(&name) || name == LOG_FILTER || leaves)
    };
    draft.take_all(&list, is_stale);
    for variable in wanted {
        let own = draft.pod().pointer(&list).and_then(Value::as_array);
        // Of several with one name Kubernetes takes the last.
        let at = own.and_then(|own| own.iter().rposition(|one| one["name"] == variable["name"]));
        match at {
            None => draft.append(&list, variable),
            Some(at) => {
                let is = &draft.pod().pointer(&list).expect("found above")[at];
                if !covers(is, &variable) {
                    draft.replace(format!("{list}/{at}"), variable);
                }
            }
        }
    }
}
