//! The sidecar itself: its container and volumes, rendered from the settings; and whether one that is there
//! already is ours.
//!
//! Owns every field of the container. What annotations can change in it is bounded: image (when allowed),
//! environment, ports and resources. Called by `inject`.

use serde_json::{Value, json};

use super::environment::ENDPOINTS;
use super::handover::{self, CONFIG_DIRECTORY, CONFIG_VOLUME};
use super::patch::Draft;
use super::pod::{self, Choice, Container, items, text};
use super::resources;
use super::settings::Settings;
use super::template::Template;
use super::{CONTAINER, Denial, Reason};
use crate::assume::AttemptTimeout;

const TOKEN: &str = "stsidecar-token";
const STATE: &str = "stsidecar-state";
const NONE: &str = "stsidecar-none";
const CA: &str = "stsidecar-ca";
const CA_DIRECTORY: &str = "/var/run/stsidecar/ca";
const STATE_DIRECTORY: &str = "/var/run/stsidecar/state";
const ALLOW_INSECURE: &str = "STSIDECAR_ALLOW_INSECURE_STS";
/// What our volumes begin with; nobody else's may.
pub(super) const RESERVED: &str = "stsidecar-";
/// The metrics port's name, by which the chart's `PodMonitor` finds it; such a name has 15 letters at most.
const PORT_NAME: &str = "stsidecar";

/// What the container is rendered from.
pub(super) struct Plan<'a> {
    pub(super) settings: &'a Settings,
    pub(super) template: &'a Template,
    pub(super) choice: &'a Choice,
    pub(super) region: Option<&'a str>,
    /// Its requests and limits.
    pub(super) resources: Value,
}

impl Plan<'_> {
    /// The container; `inline` is the configuration that is handed over.
    pub(super) fn container(&self, inline: &str) -> Value {
        let mut container = json!({
            "name": CONTAINER,
            "image": self.settings.image,
            "imagePullPolicy": self.template.pull_policy(),
            "command": ["/stsidecar"],
            "args": ["run"],
            "restartPolicy": "Always",
            "env": self.environment(inline),
            "resources": self.resources,
            "securityContext": self.template.security_context(),
            // It blocks, is sticky, and must never run out: then the kubelet would restart a waiting agent.
            "startupProbe": {
                "exec": { "command": ["/stsidecar", "status", "--probe"] },
                "periodSeconds": 1,
                "timeoutSeconds": 30,
                "failureThreshold": 1_000_000,
            },
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": self.mounts(),
        });
        if self.template.agent.metrics.enabled {
            let port = self.settings.metrics_port;
            container["ports"] = json!([{ "containerPort": port, "name": PORT_NAME, "protocol": "TCP" }]);
        }
        container
    }

    fn environment(&self, inline: &str) -> Vec<Value> {
        let Settings { port, metrics_port, .. } = self.settings;
        let agent = &self.template.agent;
        let admin = if agent.metrics.enabled { "[::]" } else { "localhost" };
        let (own, bundle) = (&self.settings, &agent.aws_ca_bundle);
        let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let has_own = agent.extra_env.iter().any(|extra| text(extra, "name") == Some(ALLOW_INSECURE));
        let unless = |text: &str, default: &str| Some(text.to_owned()).filter(|text| text != default);
        let variables = [
            (handover::INLINE, set(inline)),
            ("STSIDECAR_CONFIG", own.config.as_ref().map(|_| format!("{CONFIG_DIRECTORY}/config.yaml"))),
            ("AWS_REGION", self.region.map(str::to_owned)),
            ("AWS_ENDPOINT_URL_STS", own.sts_endpoint.clone()),
            ("STSIDECAR_LISTEN", Some(format!("localhost:{port}"))),
            ("STSIDECAR_ADMIN_LISTEN", Some(format!("{admin}:{metrics_port}"))),
            ("STSIDECAR_STATE_DIR", set(STATE_DIRECTORY)),
            // Always: a variable beats the document of the author's ConfigMap, and this is the operator's to allow.
            (ALLOW_INSECURE, set(if agent.allow_insecure_sts { "true" } else { "false" }).filter(|_| !has_own)),
            // Only what differs from the agent's own default, which the document may change.
            (
                "STSIDECAR_STS_TIMEOUT",
                (own.sts_timeout != AttemptTimeout::default()).then(|| own.sts_timeout.to_string()),
            ),
            ("STSIDECAR_WAIT_FOR_CREDENTIALS", (!own.wait_for_credentials).then(|| "false".to_owned())),
            ("STSIDECAR_LOG_LEVEL", unless(&own.log_level, "info")),
            ("STSIDECAR_LOG_FORMAT", unless(&own.log_format, "json")),
            ("AWS_CA_BUNDLE", set(&bundle.config_map).map(|_| format!("{CA_DIRECTORY}/{}", bundle.key))),
            ("HTTPS_PROXY", set(&agent.http_proxy.https_proxy)),
            ("NO_PROXY", set(&agent.http_proxy.no_proxy)),
        ];
        let own = variables.into_iter().filter_map(|(name, value)| Some(json!({ "name": name, "value": value? })));
        let mut all: Vec<Value> = own.collect();
        for extra in &agent.extra_env {
            if !all.iter().any(|variable| text(variable, "name") == text(extra, "name")) {
                all.push(extra.clone());
            }
        }
        all
    }

    fn mounts(&self) -> Vec<Value> {
        let mut mounts = vec![
            json!({ "mountPath": "/var/run/secrets/stsidecar.dev/serviceaccount", "name": TOKEN, "readOnly": true }),
            json!({ "mountPath": "/var/run/secrets/stsidecar.dev/endpoints", "name": ENDPOINTS }),
            json!({ "mountPath": STATE_DIRECTORY, "name": STATE }),
            // Else the API server mounts the pod's API token here.
            json!({ "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": NONE, "readOnly": true }),
        ];
        if self.settings.config.is_some() {
            mounts.push(json!({ "mountPath": CONFIG_DIRECTORY, "name": CONFIG_VOLUME, "readOnly": true }));
        }
        if !self.template.agent.aws_ca_bundle.config_map.is_empty() {
            mounts.push(json!({ "mountPath": CA_DIRECTORY, "name": CA, "readOnly": true }));
        }
        mounts
    }

    pub(super) fn volumes(&self) -> Vec<Value> {
        let Settings { audience, token_expiration, config, .. } = self.settings;
        let token = json!({ "audience": audience, "expirationSeconds": token_expiration, "path": "token" });
        // On disk, even an empty one would keep Cluster Autoscaler from removing the pod's node:
        // https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/utils/drain/drain.go (isLocalVolume).
        let memory = json!({ "medium": "Memory", "sizeLimit": "4Mi" });
        let mut volumes = vec![
            json!({ "name": TOKEN, "projected": { "sources": [{ "serviceAccountToken": token }] } }),
            json!({ "name": ENDPOINTS, "emptyDir": memory }),
            json!({ "name": STATE, "emptyDir": memory }),
            json!({ "name": NONE, "emptyDir": memory }),
        ];
        if let Some(name) = config {
            volumes.push(json!({ "name": CONFIG_VOLUME, "configMap": { "name": name } }));
        }
        let bundle = &self.template.agent.aws_ca_bundle;
        if !bundle.config_map.is_empty() {
            volumes.push(json!({ "name": CA, "configMap": { "name": bundle.config_map } }));
        }
        volumes
    }

    /// Refuses a container or volume under our names that is not what would be rendered, and every mount of
    /// our volumes that is not ours: by structure, since anybody can write an annotation.
    pub(super) fn check_reserved(&self, pod: &Value) -> Result<(), Denial> {
        let all = pod::containers(pod);
        let own = pod::own(pod);
        if let Some(field) = own.and_then(|own| self.difference(own.value)) {
            return refuse(&format!(
                "the container name {CONTAINER} is reserved, \
                 and this one is not what stsidecar adds (its {field} differs)"
            ));
        }
        let volumes = if own.is_some() { self.volumes() } else { Vec::new() };
        for volume in items(&pod["spec"], "volumes") {
            let name = text(volume, "name").unwrap_or_default();
            let mut expected = volumes.iter().filter(|own| text(own, "name") == Some(name));
            if name.starts_with(RESERVED) && !expected.any(|own| covers(volume, own) || are_empty(volume, own)) {
                return refuse(&format!("the volume name {name} is reserved"));
            }
        }
        for container in all.iter().filter(|container| container.name != CONTAINER) {
            for mount in container.mounts() {
                let (name, path) = (text(mount, "name").unwrap_or_default(), text(mount, "mountPath"));
                let reserved = name.starts_with(RESERVED) || path.is_some_and(is_reserved_path);
                let ours = own.is_some()
                    && self.choice.has(container.name)
                    && covers(mount, &super::environment::mount(container.name));
                if reserved && !ours {
                    let path = path.unwrap_or_default();
                    return refuse(&format!("container {} mounts {name} at {path}, which is reserved", container.name));
                }
            }
        }
        Ok(())
    }

    /// The first field by which a container is not ours. What other injectors and the API server add is no
    /// difference: variables, mounts, resources, another registry's image, defaults.
    fn difference(&self, container: &Value) -> Option<&'static str> {
        const FIXED: [&str; 5] = ["restartPolicy", "command", "args", "securityContext", "startupProbe"];
        const OTHERS: [&str; 6] =
            ["envFrom", "lifecycle", "livenessProbe", "readinessProbe", "workingDir", "volumeDevices"];
        let expected = self.container("");
        let fixed = FIXED.into_iter().find(|key| !covers(&container[*key], &expected[*key]));
        let other = || OTHERS.into_iter().find(|key| container.get(key).is_some_and(|value| !value.is_null()));
        let lists = || {
            let all = self.mounts();
            let mounted = |mount: &Value| items(container, "volumeMounts").any(|own| covers(own, mount));
            (!all.iter().all(mounted)).then_some("volumeMounts")
        };
        fixed.or_else(other).or_else(lists)
    }
}

/// Refuses an application container under our name. Before containers are chosen: it would be none of them.
pub(super) fn check_name(pod: &Value) -> Result<(), Denial> {
    let own = |container: &Container<'_>| container.name == CONTAINER && container.list == pod::LISTS[1];
    if pod::containers(pod).iter().any(own) {
        return refuse(&format!("the name {CONTAINER} of a container in spec.containers is reserved"));
    }
    Ok(())
}

fn refuse(what: &str) -> Result<(), Denial> {
    Err(Denial::new(Reason::Reserved, format!("{what}; rename or remove it")))
}

/// Whether both are empty directories, whatever else an older version wrote there: they hold nothing of anybody's.
fn are_empty(volume: &Value, own: &Value) -> bool {
    [volume, own].into_iter().all(|volume| volume.get("emptyDir").is_some_and(Value::is_object))
}

/// Below these nobody else's volume may be mounted.
fn is_reserved_path(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path == "/var/run/secrets/stsidecar.dev" || path.starts_with("/var/run/secrets/stsidecar.dev/")
}

/// Whether `actual` has everything of `expected`; maps may have more, lists may not.
pub(super) fn covers(actual: &Value, expected: &Value) -> bool {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            expected.iter().all(|(key, value)| actual.get(key).is_some_and(|own| covers(own, value)))
        }
        (Value::Array(actual), Value::Array(expected)) => {
            actual.len() == expected.len() && actual.iter().zip(expected).all(|(own, value)| covers(own, value))
        }
        (actual, expected) => actual == expected,
    }
}

/// Brings a sidecar that is there up to date: the variables, the handed over clients above all, and what it may still
/// ask for beside containers that came after it.
pub(super) fn complete(draft: &mut Draft, pointer: &str, plan: &Plan<'_>, inline: &str) {
    let env = format!("{pointer}/env");
    for wanted in plan.environment(inline) {
        let own = draft.pod().pointer(&env).and_then(Value::as_array);
        let at = own.and_then(|own| own.iter().rposition(|variable| variable["name"] == wanted["name"]));
        match at {
            None => draft.append(&env, wanted),
            Some(at) => {
                let is = &draft.pod().pointer(&env).expect("found above")[at];
                if !covers(is, &wanted) {
                    draft.replace(format!("{env}/{at}"), wanted);
                }
            }
        }
    }
    let resources = format!("{pointer}/resources");
    let now = draft.pod().pointer(&resources).cloned().unwrap_or_default();
    let fitted = resources::fitted(draft.pod(), &now);
    if !now.is_null() && fitted != now {
        draft.replace(resources, fitted);
    }
}
