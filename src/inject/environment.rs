//! The variables of a chosen container that matter: those that lead its SDK to the sidecar, and
//! those that could lead it elsewhere.
//!
//! Owns their names and our values. Variables of `env` beat those of an `envFrom`, whose content
//! the injector does not read. What refuses a pod is `decide::conflicts`'s, what is written
//! `assemble::containers`'s.

pub(super) mod env_from;
pub(super) mod precedence;
pub(super) mod proxy;

use serde_json::{Value, json};

use super::pod::Container;
use super::sidecar::{ENDPOINTS, Sidecar, literal};

/// Where the application finds its authorization token. The variables that lead an SDK to it, and
/// to the endpoint:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.
pub(super) const TOKEN_DIRECTORY: &str = "/var/run/secrets/stsidecar.dev/endpoint";

pub(super) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
pub(super) const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
pub(super) const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
pub(super) const STS_ENDPOINTS: &str = "AWS_STS_REGIONAL_ENDPOINTS";
pub(super) const METADATA: &str = "AWS_EC2_METADATA_DISABLED";
pub(super) const WEB_IDENTITY: [&str; 2] = ["AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];
pub(super) const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];
pub(super) const LOOPBACK: &str = "127.0.0.1";

/// What every chosen container of a pod is given.
pub(super) struct SdkVariables {
    port: u16,
    /// As a variable has it.
    pub(super) region: Option<String>,
    /// Whether an annotation names the region; the chart's is only a default.
    has_explicit_region: bool,
    /// Whether SDKs may ask the instance metadata service: for the region, the instance's id, and
    /// the node's role.
    pub(super) ec2_metadata: bool,
}

impl SdkVariables {
    pub(super) fn of(sidecar: &Sidecar<'_>) -> Self {
        let settings = &sidecar.facts.settings;
        Self {
            port: settings.port,
            region: sidecar.region.as_deref().map(literal),
            has_explicit_region: settings.has_explicit_region,
            ec2_metadata: settings.ec2_metadata,
        }
    }

    pub(super) fn uri(&self) -> String {
        Self::uri_at(self.port)
    }

    /// The credentials endpoint of a sidecar that listens on `port`.
    pub(super) fn uri_at(port: u16) -> String {
        format!("http://{LOOPBACK}:{port}/v1/credentials")
    }

    pub(super) fn token_file() -> String {
        format!("{TOKEN_DIRECTORY}/token")
    }

    /// Whether an envFrom may hold the container's region, so that the chart's is not written over
    /// it.
    pub(super) fn leaves_region(&self, container: &Container<'_>) -> bool {
        !self.has_explicit_region
            && !REGIONS.iter().any(|name| container.sets(name))
            && REGIONS
                .iter()
                .any(|name| env_from::is_open(container, name))
    }
}

/// The container's own token.
pub(super) fn mount(container: &str) -> Value {
    json!({
        "mountPath": TOKEN_DIRECTORY,
        "name": ENDPOINTS,
        "readOnly": true,
        "subPath": container,
    })
}
