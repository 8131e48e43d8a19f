//! What an operator decided for every injected pod: the chart's `image` and `agent` values, and
//! those of `injector` that injection needs.
//!
//! Owns their shape and defaults, the same as the chart's. Other keys of a values file are not its
//! concern; an unknown key under `agent` is refused. Values that annotations can replace are texts;
//! `settings` reads and checks them.

mod ca_bundle;
mod decided;
mod extra;
mod image;
mod injector;
mod probes;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use ca_bundle::CaBundle;
use image::Image;
pub(super) use injector::Injector;
pub(super) use probes::{IncidentProbe, ReadinessProbe};

/// The chart's values, as far as they describe what is injected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    global: Global,
    image: Image,
    pub(super) agent: Agent,
    pub(super) injector: Injector,
    /// Whether `agent.region` is a caller's, which no other call would know.
    #[serde(skip)]
    pub(super) has_callers_region: bool,
}

/// Why values cannot be a template.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key that does not exist, or a value of the wrong kind.
    #[error("values: {0}")]
    Shape(String),
    /// A value that its key does not take.
    #[error("values: {0}")]
    Value(String),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Global {
    image_registry: String,
}

#[allow(clippy::struct_excessive_bools, reason = "the shape is the chart's")]
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct Agent {
    pub(super) region: String,
    pub(super) sts_endpoint: String,
    pub(super) sts_timeout: String,
    pub(super) allow_insecure_sts: bool,
    pub(super) allow_no_role: bool,
    pub(super) audience: String,
    pub(super) session_duration: String,
    pub(super) token_expiration_seconds: u64,
    pub(super) credentials_port: u64,
    pub(super) metrics: Metrics,
    pub(super) wait_for_credentials: bool,
    pub(super) incident_probe: IncidentProbe,
    pub(super) readiness_probe: ReadinessProbe,
    pub(super) legacy_clients: bool,
    pub(super) ec2_metadata: bool,
    pub(super) resources: Resources,
    security_context: Map<String, Value>,
    pub(super) log: Log,
    pub(super) extra_env: Vec<Value>,
    pub(super) aws_ca_bundle: CaBundle,
    pub(super) http_proxy: HttpProxy,
    pub(super) image_pull_secrets: Vec<SecretName>,
}

impl Default for Agent {
    fn default() -> Self {
        Self {
            region: String::new(),
            sts_endpoint: String::new(),
            sts_timeout: "3s".to_owned(),
            allow_insecure_sts: false,
            allow_no_role: false,
            audience: "sts.amazonaws.com".to_owned(),
            session_duration: "1h".to_owned(),
            token_expiration_seconds: 86_400,
            credentials_port: 9911,
            metrics: Metrics::default(),
            wait_for_credentials: true,
            incident_probe: IncidentProbe::default(),
            readiness_probe: ReadinessProbe::default(),
            legacy_clients: false,
            ec2_metadata: false,
            resources: Resources::default(),
            security_context: Map::new(),
            log: Log::default(),
            extra_env: Vec::new(),
            aws_ca_bundle: CaBundle::default(),
            http_proxy: HttpProxy::default(),
            image_pull_secrets: Vec::new(),
        }
    }
}

/// A Secret in the pod's namespace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretName {
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Metrics {
    pub(super) enabled: bool,
    pub(super) port: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            enabled: true,
            port: 9912,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Resources {
    pub(super) requests: Amounts,
    pub(super) limits: Amounts,
}

/// Measured: 6 MiB and 1 % of a core at most, and an exec probe adds 2 MiB for a moment.
impl Default for Resources {
    fn default() -> Self {
        let some = |text: &str| Some(Value::from(text));
        Self {
            requests: Amounts {
                cpu: some("5m"),
                memory: some("16Mi"),
            },
            limits: Amounts {
                cpu: None,
                memory: some("32Mi"),
            },
        }
    }
}

/// `cpu` and `memory`, texts or numbers as YAML has them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Amounts {
    pub(super) cpu: Option<Value>,
    pub(super) memory: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Log {
    pub(super) level: String,
    pub(super) format: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
            format: "json".to_owned(),
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(super) struct HttpProxy {
    pub(super) https_proxy: String,
    pub(super) no_proxy: String,
}

impl Template {
    /// The image's reference; a digest beats the tag, and the default tag is this version.
    #[must_use]
    pub fn image(&self) -> String {
        self.image.reference(&self.global.image_registry)
    }

    /// Whether it names the same build as another, from whichever registry.
    #[must_use]
    pub fn is_of_build(&self, other: &Self) -> bool {
        self.image.build() == other.image.build()
    }

    /// The same with the image of another.
    #[must_use]
    pub fn with_image_of(self, other: &Self) -> Self {
        Self {
            global: other.global.clone(),
            image: other.image.clone(),
            ..self
        }
    }

    /// The same for a caller whose flag named the region: it stays with what is injected.
    #[must_use]
    pub fn with_callers_region(self) -> Self {
        Self {
            has_callers_region: true,
            ..self
        }
    }

    /// The certificates of the values that go with each pod, as they were written.
    #[must_use]
    pub fn ca_bundle(&self) -> Option<&str> {
        self.agent.aws_ca_bundle.as_written()
    }

    pub(super) fn pull_policy(&self) -> &str {
        self.image.pull_policy()
    }

    /// Restricted, whatever the pod's own is; the chart's keys are laid over it, and its nulls
    /// remove.
    pub(super) fn security_context(&self) -> Value {
        let mut context = json!({
            "allowPrivilegeEscalation": false,
            "capabilities": { "drop": ["ALL"] },
            "readOnlyRootFilesystem": true,
            "runAsGroup": 65532,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "seccompProfile": { "type": "RuntimeDefault" },
        });
        for (key, value) in &self.agent.security_context {
            match value {
                Value::Null => drop(context.as_object_mut().map(|map| map.remove(key))),
                value => context[key] = value.clone(),
            }
        }
        context
    }
}
