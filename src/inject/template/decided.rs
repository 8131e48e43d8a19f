//! The chart's values that shape every injected pod and that no annotation replaces, for the hash of what decided.
//!
//! Owns which values those are. Two kinds stay out: what `settings` has taken over already, and what can only refuse a
//! pod. Used by `settings`.

use serde_json::{Map, Value, json};

use super::{Agent, CaBundle, HttpProxy, Image, IncidentProbe, Injector, Metrics, Template};
use crate::inject::settings::set;

impl Template {
    /// Each member under the name that docs/annotations.md gives it.
    pub(in crate::inject) fn decided(&self) -> Map<String, Value> {
        // No `..` in the patterns, so that a value which is added cannot be forgotten here.
        let Self {
            global: _,
            image,
            agent,
            injector,
            has_callers_region: _,
        } = self;
        let Image {
            registry: _,
            repository: _,
            tag: _,
            digest: _,
            pull_policy,
        } = image;
        let Agent {
            region: _,
            sts_endpoint: _,
            sts_timeout: _,
            allow_insecure_sts,
            allow_no_role: _,
            audience: _,
            session_duration: _,
            token_expiration_seconds: _,
            credentials_port: _,
            metrics:
                Metrics {
                    enabled: has_metrics,
                    port: _,
                },
            wait_for_credentials: _,
            incident_probe:
                IncidentProbe {
                    enabled: has_incident_probe,
                    period_seconds,
                },
            readiness_probe: _,
            legacy_clients: _,
            ec2_metadata: _,
            resources: _,
            security_context: _,
            log: _,
            extra_env,
            aws_ca_bundle:
                CaBundle {
                    config_map,
                    key,
                    pem: _,
                },
            http_proxy:
                HttpProxy {
                    https_proxy,
                    no_proxy,
                },
            image_pull_secrets,
        } = agent;
        let Injector {
            namespace: _,
            release: _,
            mesh_proxies,
            skipped_containers,
            strict_environment: _,
            strict_env_from: _,
            allow_image_override: _,
            allowed_role_arns: _,
            agent_architectures,
        } = injector;
        let has_config_map = !config_map.is_empty();
        let certificates = agent.aws_ca_bundle.of_values();
        let members = json!({
            "allowInsecureSts": allow_insecure_sts,
            "architectures": set(agent_architectures),
            "caBundle": certificates,
            "caConfigMap": config_map,
            "caKey": has_config_map.then_some(key),
            "extraEnv": extra_env,
            "httpsProxy": https_proxy,
            "imagePullPolicy": pull_policy,
            "imagePullSecrets": image_pull_secrets.iter().map(|secret| &secret.name).collect::<Vec<_>>(),
            "incidentProbe": has_incident_probe.then_some(period_seconds),
            "meshProxies": set(mesh_proxies),
            "metrics": has_metrics,
            "noProxy": no_proxy,
            "securityContext": self.security_context(),
            "skippedContainers": set(skipped_containers),
        });
        members.as_object().cloned().unwrap_or_default()
    }
}
