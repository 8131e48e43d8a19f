//! The sidecar itself: its container and volumes, rendered from the settings.
//!
//! Owns every field of the container. What annotations can change in it is bounded: image (when
//! allowed), environment, ports and resources. Its place, and renewing one that is there already,
//! are `assemble::sidecar`'s. Used by `decide` and `assemble`.

use serde_json::{Value, json};

use super::CONTAINER;
use super::gather::Facts;
use super::pod::text;
use crate::assume::AttemptTimeout;

/// The volume with every container's token.
pub(super) const ENDPOINTS: &str = "stsidecar-endpoints";
pub(super) const TOKEN: &str = "stsidecar-token";
pub(super) const STATE: &str = "stsidecar-state";
pub(super) const NONE: &str = "stsidecar-none";
pub(super) const CA: &str = "stsidecar-ca";
/// The volume of the author's ConfigMap, and where it is mounted, as `config.yaml`.
pub(super) const CONFIG_VOLUME: &str = "stsidecar-config";
const CONFIG_DIRECTORY: &str = "/var/run/stsidecar/config";
/// The variable with the configuration that is handed over.
pub(super) const INLINE: &str = "STSIDECAR_CONFIG_INLINE";
pub(super) const CA_DIRECTORY: &str = "/var/run/stsidecar/ca";
const TOKEN_DIRECTORY: &str = "/var/run/secrets/stsidecar.dev/serviceaccount";
/// Where the sidecar finds each container's token, in a folder of the container's name.
pub(super) const ENDPOINTS_DIRECTORY: &str = "/var/run/secrets/stsidecar.dev/endpoints";
const STATE_DIRECTORY: &str = "/var/run/stsidecar/state";
const ALLOW_INSECURE: &str = "STSIDECAR_ALLOW_INSECURE_STS";
/// The program that runs in it.
pub(super) const PROGRAM: &str = "/stsidecar";
/// Where the API server mounts the pod's API token, unless something else is mounted there:
/// <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/serviceaccount/admission.go>.
pub(super) const API_TOKEN_DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The metrics port's name, by which the chart's `PodMonitor` finds it; such a name has 15 letters
/// at most (`IsValidPortName` in
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/validation/validation.go>).
pub(super) const PORT_NAME: &str = "stsidecar";
/// The two probes that an operator may switch off, or leave off.
pub(super) const OPTIONAL_PROBES: [&str; 2] = ["livenessProbe", "readinessProbe"];
/// The argument that marks the liveness probe as ours.
const INCIDENT_PROBE: &str = "--incident-probe";

/// What the container is rendered from.
pub(super) struct Sidecar<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) region: Option<String>,
    /// Its requests and limits.
    pub(super) resources: Value,
}

impl Sidecar<'_> {
    /// The container; `document` is the configuration that it is handed over.
    pub(super) fn container(&self, document: &str) -> Value {
        let mut container = json!({
            "name": CONTAINER,
            "image": self.facts.settings.image,
            "imagePullPolicy": self.facts.template.pull_policy(),
            "command": [PROGRAM],
            "args": ["run"],
            "restartPolicy": "Always",
            "env": self.environment(document),
            "resources": self.resources,
            "securityContext": self.facts.template.security_context(),
            // It blocks until credentials are there, and the containers behind a native sidecar
            // wait for it (https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/).
            // It must never run out: then the kubelet would restart a waiting agent.
            "startupProbe": {
                "exec": { "command": [PROGRAM, "status", "--probe"] },
                "periodSeconds": 1,
                "timeoutSeconds": 30,
                "failureThreshold": 1_000_000,
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": self.mounts(),
        });
        if let Some(probe) = self.incident_probe() {
            container["livenessProbe"] = probe;
        }
        if self.facts.settings.readiness_probe {
            // Seconds after the end of credentials the pod is out of its Services, for as long as
            // there are none.
            container["readinessProbe"] = json!({
                "httpGet": { "path": "/readyz", "port": PORT_NAME },
                "periodSeconds": 5,
                "timeoutSeconds": 3,
                "failureThreshold": 2,
            });
        }
        if self.facts.template.agent.metrics.enabled {
            let port = self.facts.settings.metrics_port;
            container["ports"] =
                json!([{ "containerPort": port, "name": PORT_NAME, "protocol": "TCP" }]);
        }
        container
    }

    /// A failure becomes an event of the pod, and the agent chooses which call fails. The threshold
    /// is the highest that the API takes, an int32: the kubelet restarts a container after so many
    /// failures in a row, and none are.
    fn incident_probe(&self) -> Option<Value> {
        let probe = &self.facts.template.agent.incident_probe;
        let period = format!("--period={}", probe.period_seconds);
        probe.enabled.then(|| {
            json!({
                "exec": { "command": [PROGRAM, "status", INCIDENT_PROBE, period] },
                "periodSeconds": probe.period_seconds,
                "timeoutSeconds": 30,
                "failureThreshold": i32::MAX,
            })
        })
    }

    pub(super) fn environment(&self, document: &str) -> Vec<Value> {
        let agent = &self.facts.template.agent;
        let mut all: Vec<Value> = self
            .variables(document)
            .into_iter()
            .filter_map(|(name, value)| Some(json!({ "name": name, "value": literal(&value?) })))
            .collect();
        for extra in &agent.extra_env {
            if !all
                .iter()
                .any(|own| text(own, "name") == text(extra, "name"))
            {
                all.push(extra.clone());
            }
        }
        all
    }

    /// Ours in their order; of the settings that the document may change, only those that differ
    /// from the agent's own default.
    fn variables(&self, document: &str) -> [(&'static str, Option<String>); 16] {
        let (own, agent) = (&self.facts.settings, &self.facts.template.agent);
        let admin = if agent.metrics.enabled {
            "[::]"
        } else {
            "localhost"
        };
        let config = own
            .config
            .as_ref()
            .map(|_| format!("{CONFIG_DIRECTORY}/config.yaml"));
        let bundle = agent
            .aws_ca_bundle
            .file()
            .map(|file| format!("{CA_DIRECTORY}/{file}"));
        let timeout = Some(own.sts_timeout).filter(|timeout| *timeout != AttemptTimeout::default());
        let listen = format!("localhost:{}", own.port);
        let admin_listen = format!("{admin}:{}", own.metrics_port);
        [
            (INLINE, unless(document, "")),
            ("STSIDECAR_CONFIG", config),
            ("AWS_REGION", self.region.clone()),
            ("AWS_ENDPOINT_URL_STS", own.sts_endpoint.clone()),
            ("STSIDECAR_LISTEN", Some(listen)),
            ("STSIDECAR_ADMIN_LISTEN", Some(admin_listen)),
            ("STSIDECAR_STATE_DIR", Some(STATE_DIRECTORY.to_owned())),
            ("STSIDECAR_SETTINGS_HASH", Some(self.facts.hash.clone())),
            (ALLOW_INSECURE, self.allow_insecure()),
            (
                "STSIDECAR_STS_TIMEOUT",
                timeout.map(|timeout| timeout.to_string()),
            ),
            (
                "STSIDECAR_WAIT_FOR_CREDENTIALS",
                (!own.wait_for_credentials).then(|| "false".to_owned()),
            ),
            ("STSIDECAR_LOG_LEVEL", unless(&own.log_level, "info")),
            ("STSIDECAR_LOG_FORMAT", unless(&own.log_format, "json")),
            ("AWS_CA_BUNDLE", bundle),
            ("HTTPS_PROXY", unless(&agent.http_proxy.https_proxy, "")),
            ("NO_PROXY", unless(&agent.http_proxy.no_proxy, "")),
        ]
    }

    /// Always, unless the operator's own variables have it: a variable beats the document of the
    /// author's ConfigMap, and this is the operator's to allow.
    fn allow_insecure(&self) -> Option<String> {
        let agent = &self.facts.template.agent;
        let mut extra = agent.extra_env.iter();
        let has_own = extra.any(|extra| text(extra, "name") == Some(ALLOW_INSECURE));
        (!has_own).then(|| agent.allow_insecure_sts.to_string())
    }

    pub(super) fn mounts(&self) -> Vec<Value> {
        let mut mounts = vec![
            json!({ "mountPath": TOKEN_DIRECTORY, "name": TOKEN, "readOnly": true }),
            json!({ "mountPath": ENDPOINTS_DIRECTORY, "name": ENDPOINTS }),
            json!({ "mountPath": STATE_DIRECTORY, "name": STATE }),
            // Else the API server mounts the pod's API token here.
            json!({ "mountPath": API_TOKEN_DIRECTORY, "name": NONE, "readOnly": true }),
        ];
        if self.facts.settings.config.is_some() {
            mounts.push(
                json!({ "mountPath": CONFIG_DIRECTORY, "name": CONFIG_VOLUME, "readOnly": true }),
            );
        }
        if self.facts.template.agent.aws_ca_bundle.file().is_some() {
            mounts.push(json!({ "mountPath": CA_DIRECTORY, "name": CA, "readOnly": true }));
        }
        mounts
    }

    pub(super) fn volumes(&self) -> Vec<Value> {
        let settings = &self.facts.settings;
        let token = json!({ "serviceAccountToken": {
            "audience": settings.audience,
            "expirationSeconds": settings.token_expiration,
            "path": "token",
        }});
        // On disk, even an empty one would keep Cluster Autoscaler from removing the pod's node:
        // https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/utils/drain/drain.go
        // (isLocalVolume).
        let memory = json!({ "medium": "Memory", "sizeLimit": "4Mi" });
        let mut volumes = vec![
            json!({ "name": TOKEN, "projected": { "sources": [token] } }),
            json!({ "name": ENDPOINTS, "emptyDir": memory }),
            json!({ "name": STATE, "emptyDir": memory }),
            json!({ "name": NONE, "emptyDir": memory }),
        ];
        if let Some(name) = &settings.config {
            volumes.push(json!({ "name": CONFIG_VOLUME, "configMap": { "name": name } }));
        }
        volumes.extend(self.facts.template.agent.aws_ca_bundle.volume(CA));
        volumes
    }
}

/// A text that says something else than its default.
fn unless(text: &str, default: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| text != default)
}

/// Whether one of the optional probes was rendered by some version, and not set by another webhook.
pub(super) fn is_own_probe(probe: &Value) -> bool {
    let command = probe.pointer("/exec/command").and_then(Value::as_array);
    let asks_for_incidents =
        command.is_some_and(|words| words.iter().any(|word| word == INCIDENT_PROBE));
    asks_for_incidents
        || probe["httpGet"]["path"] == "/readyz" && probe["httpGet"]["port"] == PORT_NAME
}

/// A text as the value of a variable, in which the kubelet expands `$(NAME)` and takes `$$` for a
/// dollar
/// (<https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/>).
pub(super) fn literal(text: &str) -> String {
    text.replace('$', "$$")
}

/// Whether `actual` has everything of `expected`; maps may have more, lists may not.
pub(super) fn covers(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => expected
            .iter()
            .all(|(key, value)| actual.get(key).is_some_and(|own| covers(own, value))),
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len()
                && actual
                    .iter()
                    .zip(expected)
                    .all(|(own, value)| covers(own, value))
        }
        (actual, expected) => actual == expected,
    }
}
