//! The chart's values, taken only when a pod that says nothing could use them.
//!
//! Owns the checks that need no pod. Their shape is `template`'s. Called wherever values come in:
//! the injector's configuration and `stsidecar inject --values`.

use serde_json::{Value, json};

use super::values::{is_config_map_key, is_object_name};
use super::{Annotations, PodSettings};
use crate::inject::template::{Error, IncidentProbe, Template};
use crate::inject::{CONTAINER, Decision, Denial, Operation, Request, decide, keys};
use crate::{redact, url};

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Value(denial.message)
    }
}

impl Template {
    /// Reads values, the chart's whole file or the part of it that matters.
    ///
    /// # Errors
    /// When a key is unknown or a value is not accepted, naming it.
    pub fn from_values(values: Value) -> Result<Self, Error> {
        let template: Self = match values {
            Value::Null => Self::default(),
            values => serde_json::from_value(values)
                .map_err(|error| Error::Shape(redact::parser_message(&error.to_string())))?,
        };
        PodSettings::of(&Annotations::silent(None), &template)?;
        let period = template.agent.incident_probe.period_seconds;
        if !IncidentProbe::PERIODS.contains(&period) {
            return Err(Error::Value(format!(
                "agent.incidentProbe.periodSeconds: {period} is not from 1 to 3600"
            )));
        }
        template
            .agent
            .aws_ca_bundle
            .check(is_config_map_key)
            .map_err(Error::Value)?;
        let proxy = &template.agent.http_proxy.https_proxy;
        if let (false, Err(allowed)) = (proxy.is_empty(), url::proxy(proxy)) {
            return Err(Denial::url("agent.httpProxy.httpsProxy", proxy, allowed).into());
        }
        let mut secrets = template.agent.image_pull_secrets.iter();
        if let Some(secret) = secrets.find(|secret| !is_object_name(&secret.name)) {
            let allowed = "the name of a Secret in the namespaces of the pods";
            return Err(Denial::value("agent.imagePullSecrets", &secret.name, allowed).into());
        }
        let mut extra = template.agent.extra_env.iter();
        if extra.any(|variable| !variable["name"].is_string()) {
            return Err(Error::Value(
                "agent.extraEnv: every variable needs a name".to_owned(),
            ));
        }
        Ok(template)
    }

    /// The sidecar of a pod that says nothing, as the agent reads it.
    #[must_use]
    pub fn sample(&self) -> Option<Value> {
        let mut open = self.clone();
        open.injector.allowed_role_arns.clear();
        let pod = json!({
            "metadata": { "annotations": {
                keys::INJECT: "true",
                "stsidecar.dev/role-arn": "arn:aws:iam::111122223333:role/sample",
                "stsidecar.dev/region": "eu-central-1",
            }},
            "spec": { "containers": [{ "name": "app" }] },
        });
        let request = Request {
            pod: &pod,
            namespace: "default",
            account: None,
            namespace_object: None,
            asked_by_caller: true,
            fallback_role: None,
        };
        let Decision::Inject(injection) = decide(&request, &open, &mut || "0".repeat(32)) else {
            return None;
        };
        injection
            .operations
            .into_iter()
            .find_map(|operation| match operation {
                Operation::Add { value, .. } if value["name"] == CONTAINER => Some(value),
                _ => None,
            })
    }
}
