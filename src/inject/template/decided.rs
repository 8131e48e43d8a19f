//! The chart's values that shape every injected pod and that no annotation replaces, for the hash
//! of what decided.
//!
//! Owns which values those are. Two kinds stay out: what `settings` has taken over already, and
//! what can only refuse a pod. Used by `settings`.

use serde_json::{Map, Value, json};

use super::{Agent, CaBundle, HttpProxy, Image, IncidentProbe, Injector, Metrics, Template};
use crate::inject::gather::set;

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
        let mut members = Map::new();
        for own in [
            of_image(image),
            of_agent(agent),
            of_ca_bundle(&agent.aws_ca_bundle),
            of_http_proxy(&agent.http_proxy),
            of_injector(injector),
        ] {
            members.extend(own.as_object().cloned().unwrap_or_default());
        }
        members.insert("securityContext".to_owned(), self.security_context());
        members
    }
}

fn of_image(image: &Image) -> Value {
    let Image {
        registry: _,
        repository: _,
        tag: _,
        digest: _,
        pull_policy,
    } = image;
    json!({ "imagePullPolicy": pull_policy })
}

fn of_agent(agent: &Agent) -> Value {
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
        metrics,
        wait_for_credentials: _,
        incident_probe,
        readiness_probe: _,
        legacy_clients: _,
        ec2_metadata: _,
        resources: _,
        security_context: _,
        log: _,
        extra_env,
        aws_ca_bundle: _,
        http_proxy: _,
        image_pull_secrets,
    } = agent;
    let Metrics { enabled, port: _ } = metrics;
    let secrets = image_pull_secrets.iter().map(|secret| &secret.name);
    json!({
        "allowInsecureSts": allow_insecure_sts,
        "extraEnv": extra_env,
        "imagePullSecrets": secrets.collect::<Vec<_>>(),
        "incidentProbe": of_incident_probe(incident_probe),
        "metrics": enabled,
    })
}

fn of_incident_probe(probe: &IncidentProbe) -> Option<u64> {
    let IncidentProbe {
        enabled,
        period_seconds,
    } = probe;
    enabled.then_some(*period_seconds)
}

fn of_ca_bundle(bundle: &CaBundle) -> Value {
    let CaBundle {
        config_map,
        key,
        pem: _,
    } = bundle;
    json!({
        "caBundle": bundle.of_values(),
        "caConfigMap": config_map,
        "caKey": (!config_map.is_empty()).then_some(key),
    })
}

fn of_http_proxy(proxy: &HttpProxy) -> Value {
    let HttpProxy {
        https_proxy,
        no_proxy,
    } = proxy;
    json!({ "httpsProxy": https_proxy, "noProxy": no_proxy })
}

fn of_injector(injector: &Injector) -> Value {
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
    json!({
        "architectures": set(agent_architectures),
        "meshProxies": set(mesh_proxies),
        "skippedContainers": set(skipped_containers),
    })
}
