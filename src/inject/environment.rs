//! What a chosen container is given: the variables that lead its SDK to the sidecar, and one mount.
//!
//! Owns the rule that nothing the author wrote into `env` is overwritten or repeated, `NO_PROXY` included, unless it is
//! empty, and what counts as a conflict that would win over the sidecar. Variables of `env` beat those of an `envFrom`,
//! whose content the injector does not read: over what one could bring it writes only what the sidecar's clients need.
//! Called by `inject` for each chosen container.

pub(super) mod env_from;
mod precedence;
pub(super) mod proxy;

use serde_json::{Value, json};

use super::patch::Draft;
use super::pod::{Container, text};
use super::template::Injector;
use super::{Denial, Reason};

/// Where the application finds its authorization token.
pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/stsidecar.dev/endpoint";
/// The volume with every container's token.
pub(super) const ENDPOINTS: &str = "stsidecar-endpoints";

pub(super) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(super) const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
pub(super) const STS_ENDPOINTS: &str = "AWS_STS_REGIONAL_ENDPOINTS";
pub(super) const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
pub(super) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
pub(super) const LOOPBACK: &str = "127.0.0.1";

/// What every chosen container of a pod is given.
pub(super) struct Surroundings<'a> {
    pub(super) port: u16,
    pub(super) region: Option<&'a str>,
    /// Whether an annotation names the region; the chart's is only a default.
    pub(super) has_explicit_region: bool,
    /// Whether SDKs may ask the instance metadata service: for the region, the instance's id, and the node's role.
    pub(super) ec2_metadata: bool,
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
        if let Some(variable) = WEB_IDENTITY
            .into_iter()
            .find(|variable| container.sets(variable))
        {
            return Some(format!(
                "container {name} sets {variable}, which would win over stsidecar; remove it, or on EKS label the pod \
                 eks.amazonaws.com/skip-pod-identity-webhook: \"true\""
            ));
        }
        // Nothing can be written over these: botocore, Ruby, Swift and Rust take an empty relative URI for one, and the
        // SDKs for Java, which prefer the variable to the file, an empty token.
        let emptied = container
            .variable(TOKEN)
            .filter(|_| token.is_none() && !container.sets(TOKEN))
            .map(|_| TOKEN);
        if let Some(variable) = container
            .variable(RELATIVE_URI)
            .map(|_| RELATIVE_URI)
            .or(emptied)
        {
            let empty = if container.sets(variable) {
                ""
            } else {
                " to an empty text"
            };
            return Some(format!(
                "container {name} sets {variable}{empty}, which SDKs follow instead of stsidecar; remove it"
            ));
        }
        let own = [
            (FULL_URI, Some(self.uri())),
            (TOKEN_FILE, Some(Self::token_file())),
            (TOKEN, token.map(str::to_owned)),
        ];
        let is_ours = |variable: &str, value: &Option<String>| {
            value.is_some() && container.literal(variable) == value.as_deref()
        };
        let foreign = own
            .into_iter()
            .find(|(variable, value)| container.sets(variable) && !is_ours(variable, value));
        foreign.map(|(variable, _)| {
            format!(
                "container {name} sets {variable} itself, which would win over stsidecar; remove it"
            )
        })
    }

    /// Gives a container what it lacks; the names of the variables that were added or changed.
    pub(super) fn give(
        &self,
        draft: &mut Draft,
        container: &Container<'_>,
        token: Option<&str>,
    ) -> Vec<String> {
        let pointer = container.pointer();
        let mut added = Vec::new();
        for (name, value) in self.variables(container, token) {
            put(draft, container, name, &value);
            added.push(name.to_owned());
        }
        added.extend(proxy::bypass(draft, container));
        if !container
            .mounts()
            .any(|mount| text(mount, "name") == Some(ENDPOINTS))
        {
            draft.append(&format!("{pointer}/volumeMounts"), mount(container.name));
        }
        added
    }

    /// The missing ones in their order.
    fn variables(
        &self,
        container: &Container<'_>,
        token: Option<&str>,
    ) -> Vec<(&'static str, String)> {
        let mut wanted = vec![(FULL_URI, self.uri()), (TOKEN_FILE, Self::token_file())];
        wanted.extend(token.map(|token| (TOKEN, token.to_owned())));
        wanted.retain(|(name, _)| !container.sets(name));
        wanted.extend(self.regions(container));
        let is_absent = |name: &str| container.variable(name).is_none();
        if is_absent(STS_ENDPOINTS) && !env_from::may_bring(container, STS_ENDPOINTS) {
            wanted.push((STS_ENDPOINTS, "regional".to_owned()));
        }
        // Over an envFrom's too: without it SDKs take the node's role when the sidecar does not answer.
        if is_absent(METADATA) && !self.ec2_metadata {
            wanted.push((METADATA, "true".to_owned()));
        }
        wanted
    }

    /// The SDKs differ in which of the two they read; an author who set one of them meant both.
    fn regions(&self, container: &Container<'_>) -> Vec<(&'static str, String)> {
        match REGIONS.into_iter().find(|name| container.sets(name)) {
            Some(own) => {
                let other = REGIONS.into_iter().filter(|name| !container.sets(name));
                other
                    .filter_map(|name| Some((name, doubled(container, own, name)?)))
                    .collect()
            }
            None if self.leaves_region(container) => Vec::new(),
            None => self
                .region
                .iter()
                .flat_map(|region| REGIONS.map(|name| (name, (*region).to_owned())))
                .collect(),
        }
    }

    /// Whether an envFrom may hold the container's region, so that the chart's is not written over it.
    pub(super) fn leaves_region(&self, container: &Container<'_>) -> bool {
        let is_open = |name: &&str| {
            container.variable(name).is_none() && env_from::may_bring(container, name)
        };
        !self.has_explicit_region
            && !REGIONS.iter().any(|name| container.sets(name))
            && REGIONS.iter().any(is_open)
    }
}

/// The value by which `other`, which is absent or empty, says what `own` says.
fn doubled(container: &Container<'_>, own: &str, other: &str) -> Option<String> {
    let reference = || Some(format!("$({own})"));
    match container.position(other) {
        // A reference to what a missing optional key leaves unset stays as it is written.
        _ if container.is_optional(own) => None,
        None if env_from::may_bring(container, other) => None,
        None => reference(),
        // A reference reaches only variables before it.
        Some(at) if container.position(own) < Some(at) => reference(),
        Some(_) => container.plain(own).map(str::to_owned),
    }
}

/// Adds a variable, or fills the empty one that counts.
fn put(draft: &mut Draft, container: &Container<'_>, name: &str, value: &str) {
    let env = format!("{}/env", container.pointer());
    let Some(at) = container.position(name) else {
        draft.append(&env, json!({ "name": name, "value": value }));
        return;
    };
    let path = format!("{env}/{at}/value");
    match container.value["env"][at].get("value") {
        Some(_) => draft.replace(path, value.into()),
        None => draft.add(path, value.into()),
    }
}

/// The container's own token.
pub(super) fn mount(container: &str) -> Value {
    json!({ "mountPath": TOKEN_DIRECTORY, "name": ENDPOINTS, "readOnly": true, "subPath": container })
}

/// What an author should know about a container's environment.
pub(super) fn warnings(
    pod: &Value,
    container: &Container<'_>,
    surroundings: &Surroundings<'_>,
) -> Vec<String> {
    let mut warnings = precedence::findings(pod, container);
    warnings.extend(env_from::warnings(container, surroundings));
    warnings.extend(proxy::warnings(container));
    warnings
}

/// Refuses what SDKs follow, or could, before they ask the sidecar, as far as the operator wants that.
pub(super) fn check(
    pod: &Value,
    container: &Container<'_>,
    injector: &Injector,
) -> Result<(), Denial> {
    let finding = || precedence::findings(pod, container).into_iter().next();
    if let Some(finding) = injector.strict_environment.then(finding).flatten() {
        let message = format!("{finding} (injector.strictEnvironment is true)");
        return Err(Denial::new(Reason::Environment, message));
    }
    if injector.strict_env_from {
        env_from::check(container)
    } else {
        Ok(())
    }
}
