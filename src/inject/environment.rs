//! What a chosen container is given: the variables that lead its SDK to the sidecar, and one mount.
//!
//! Owns the rule that nothing the author set is overwritten or repeated, `NO_PROXY` included, and what
//! counts as a conflict that would win over the sidecar. Called by `inject` for each chosen container.

use serde_json::{Value, json};

use super::patch::Draft;
use super::pod::{Container, text};
use super::{Denial, Reason};

/// Where the application finds its authorization token.
pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/stsidecar.dev/endpoint";
/// The volume with every container's token.
pub(super) const ENDPOINTS: &str = "stsidecar-endpoints";

pub(super) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(super) const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
const STATIC: [&str; 4] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"];
const PROXIES: [&str; 6] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
pub(super) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
const LOOPBACK: &str = "127.0.0.1";

/// What every chosen container of a pod is given.
pub(super) struct Surroundings<'a> {
    pub(super) port: u16,
    pub(super) region: Option<&'a str>,
}

impl Surroundings<'_> {
    fn uri(&self) -> String {
        Self::uri_at(self.port)
    }

    /// The credentials endpoint of a sidecar that listens on `port`.
    pub(super) fn uri_at(port: u16) -> String {
        format!("http://{LOOPBACK}:{port}/v1/credentials")
    }

    pub(super) fn token_file() -> String {
        format!("{TOKEN_DIRECTORY}/token")
    }

    /// A variable of this container that the SDKs would follow instead of the sidecar, with what to do.
    pub(super) fn winner(&self, container: &Container<'_>, token: Option<&str>) -> Option<String> {
        let name = container.name;
        if let Some(variable) = WEB_IDENTITY.into_iter().find(|variable| container.sets(variable)) {
            return Some(format!(
                "container {name} sets {variable}, which would win over stsidecar; remove it, or on EKS label the pod \
                 eks.amazonaws.com/skip-pod-identity-webhook: \"true\""
            ));
        }
        let own =
            [(FULL_URI, Some(self.uri())), (TOKEN_FILE, Some(Self::token_file())), (TOKEN, token.map(str::to_owned))];
        let foreign = own
            .into_iter()
            .find(|(variable, value)| container.sets(variable) && container.literal(variable) != value.as_deref());
        foreign.map(|(variable, _)| {
            format!("container {name} sets {variable} itself, which would win over stsidecar; remove it")
        })
    }

    /// Gives a container what it lacks; the names of the variables that were added or changed.
    pub(super) fn give(&self, draft: &mut Draft, container: &Container<'_>, token: Option<&str>) -> Vec<String> {
        let pointer = container.pointer();
        let mut added = Vec::new();
        for (name, value) in self.variables(container, token) {
            draft.append(&format!("{pointer}/env"), json!({ "name": name, "value": value }));
            added.push(name.to_owned());
        }
        if has_proxy(container) {
            added.extend(bypass(draft, container));
        }
        if !container.mounts().any(|mount| text(mount, "name") == Some(ENDPOINTS)) {
            draft.append(&format!("{pointer}/volumeMounts"), mount(container.name));
        }
        added
    }

    /// The missing ones in their order.
    fn variables(&self, container: &Container<'_>, token: Option<&str>) -> Vec<(&'static str, String)> {
        let mut wanted = vec![(FULL_URI, self.uri()), (TOKEN_FILE, Self::token_file())];
        wanted.extend(token.map(|token| (TOKEN, token.to_owned())));
        // The SDKs differ in which of the two they read; an author who set one of them meant both.
        let region = match REGIONS.into_iter().find(|name| container.sets(name)) {
            Some(own) => Some(format!("$({own})")),
            None => self.region.map(str::to_owned),
        };
        wanted.extend(region.iter().flat_map(|region| REGIONS.map(|name| (name, region.clone()))));
        wanted.push(("AWS_STS_REGIONAL_ENDPOINTS", "regional".to_owned()));
        wanted.push(("AWS_EC2_METADATA_DISABLED", "true".to_owned()));
        wanted.retain(|(name, _)| container.variable(name).is_none());
        wanted
    }
}

/// The container's own token, and nobody else's.
pub(super) fn mount(container: &str) -> Value {
    json!({ "mountPath": TOKEN_DIRECTORY, "name": ENDPOINTS, "readOnly": true, "subPath": container })
}

fn has_proxy(container: &Container<'_>) -> bool {
    PROXIES.into_iter().any(|name| container.sets(name))
}

/// Keeps the SDK's plain HTTP request to the sidecar away from a proxy.
fn bypass(draft: &mut Draft, container: &Container<'_>) -> Vec<String> {
    let env = format!("{}/env", container.pointer());
    let present: Vec<&str> = EXCEPTIONS.into_iter().filter(|name| container.variable(name).is_some()).collect();
    if present.is_empty() {
        // `$(NO_PROXY)` is the value of an envFrom; a name that is defined nowhere stays as it is, harmlessly.
        let from = container.value.get("envFrom").and_then(Value::as_array).is_some_and(|from| !from.is_empty());
        let variables = if from {
            vec![("NO_PROXY", format!("$(NO_PROXY),{LOOPBACK}"))]
        } else {
            EXCEPTIONS.map(|name| (name, LOOPBACK.to_owned())).to_vec()
        };
        for (name, value) in &variables {
            draft.append(&env, json!({ "name": name, "value": value }));
        }
        return variables.into_iter().map(|(name, _)| name.to_owned()).collect();
    }
    let mut changed = Vec::new();
    for name in present {
        // A value that comes from elsewhere cannot be continued; `warnings` says so.
        let Some(value) = container.literal(name) else { continue };
        if value.split(',').any(|host| matches!(host.trim(), LOOPBACK | "*")) {
            continue;
        }
        let value = if value.is_empty() { LOOPBACK.to_owned() } else { format!("{value},{LOOPBACK}") };
        // Kubernetes takes the last of several variables with one name.
        let all = container.value["env"].as_array();
        let Some(at) = all.and_then(|all| all.iter().rposition(|own| text(own, "name") == Some(name))) else {
            continue;
        };
        let path = format!("{env}/{at}/value");
        match container.value["env"][at].get("value") {
            Some(_) => draft.replace(path, value.into()),
            None => draft.add(path, value.into()),
        }
        changed.push(name.to_owned());
    }
    changed
}

/// What an author should know about a container's environment.
pub(super) fn warnings(container: &Container<'_>) -> Vec<String> {
    let name = container.name;
    let keys = STATIC.into_iter().filter(|variable| container.sets(variable)).map(|variable| {
        format!("container {name} sets {variable}, which SDKs follow before they ask stsidecar; remove it")
    });
    let unknown = EXCEPTIONS.into_iter().filter(|variable| {
        has_proxy(container) && container.variable(variable).is_some() && container.literal(variable).is_none()
    });
    let proxy = unknown.map(|variable| {
        format!("container {name} sets a proxy and takes {variable} from elsewhere; it must hold {LOOPBACK}")
    });
    keys.chain(proxy).collect()
}

/// Refuses what can never work together with the sidecar.
pub(super) fn check(container: &Container<'_>, strict: bool) -> Result<(), Denial> {
    let refuse = |message: String| Err(Denial::new(Reason::Environment, message));
    if container.sets(RELATIVE_URI) {
        let name = container.name;
        return refuse(format!(
            "container {name} sets {RELATIVE_URI}, which SDKs follow instead of stsidecar; remove it"
        ));
    }
    let keys = STATIC.into_iter().find(|variable| strict && container.sets(variable));
    match keys {
        Some(variable) => refuse(format!(
            "container {} sets {variable}, which SDKs follow before they ask stsidecar; remove it \
             (injector.strictEnvironment is true)",
            container.name
        )),
        None => Ok(()),
    }
}
