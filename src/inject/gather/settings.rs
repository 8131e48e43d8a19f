//! Every setting of one injection, from the first of pod, ServiceAccount, Namespace and chart that
//! has it.
//!
//! Owns the precedence and what each value may be; an error names the key, the object, the value
//! and what is allowed. It never looks at containers. Called by `gather`, once for each pod.

mod chart;
mod raw;
mod together;
mod values;
mod written;

use super::Annotations;
use crate::assume::AttemptTimeout;
use crate::inject::Denial;
use crate::inject::template::Template;
use crate::role::{Region, RoleArn, Server};
pub(super) use raw::RawValue;
pub(super) use values::boolean;
use values::{
    asked_server, audience, container_role, endpoint, expiration, log_format, log_level, name,
    object_name, role_arn, session_duration, session_name,
};
use written::Written;

/// Limits and requests, each as the text of a quantity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::inject) struct Amounts {
    pub(in crate::inject) cpu: Option<String>,
    pub(in crate::inject) memory: Option<String>,
}

/// One pod's settings; what may be absent is optional.
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
pub(in crate::inject) struct PodSettings {
    pub(in crate::inject) role: Option<RoleArn>,
    /// Whether the role is the caller's, so that no other call would find it.
    pub(in crate::inject) has_callers_role: bool,
    pub(in crate::inject) chain: Vec<RoleArn>,
    pub(in crate::inject) container_roles: Vec<(String, RoleArn)>,
    pub(in crate::inject) config: Option<String>,
    pub(in crate::inject) region: Option<Region>,
    /// Whether an annotation names the region; the chart's is only a default.
    pub(in crate::inject) has_explicit_region: bool,
    pub(in crate::inject) sts_endpoint: Option<String>,
    pub(in crate::inject) sts_timeout: AttemptTimeout,
    /// Whose STS the agent will ask, as far as can be known here.
    pub(in crate::inject) server: Server,
    pub(in crate::inject) audience: String,
    pub(in crate::inject) token_expiration: u64,
    pub(in crate::inject) session_name: Option<String>,
    pub(in crate::inject) session_duration: String,
    pub(in crate::inject) policy_arns: Vec<String>,
    pub(in crate::inject) containers: Option<Vec<String>>,
    pub(in crate::inject) skip_containers: Vec<String>,
    pub(in crate::inject) port: u16,
    pub(in crate::inject) metrics_port: u16,
    pub(in crate::inject) log_level: String,
    pub(in crate::inject) log_format: String,
    pub(in crate::inject) requests: Amounts,
    pub(in crate::inject) limits: Amounts,
    pub(in crate::inject) image: String,
    pub(in crate::inject) legacy_clients: bool,
    pub(in crate::inject) wait_for_credentials: bool,
    /// Whether the pod leaves its Services while nothing is vended.
    pub(in crate::inject) readiness_probe: bool,
    /// Whether SDKs of the containers may ask the instance metadata service.
    pub(in crate::inject) ec2_metadata: bool,
}

/// The name of an annotation, and below `agent` the chart's for the same.
type Key = (&'static str, &'static str);

const AUDIENCE: Key = ("audience", "audience");
const ENDPOINT: Key = ("sts-endpoint", "stsEndpoint");
const EXPIRATION: Key = ("token-expiration", "tokenExpirationSeconds");
const DURATION: Key = ("session-duration", "sessionDuration");
const LOG_FORMAT: Key = ("log-format", "log.format");
const LOG_LEVEL: Key = ("log-level", "log.level");
const METRICS_PORT: Key = ("metrics-port", "metrics.port");
const PORT: Key = ("port", "credentialsPort");
const REGION: Key = ("region", "region");
const TIMEOUT: Key = ("sts-timeout", "stsTimeout");

impl PodSettings {
    /// Reads all of them; the first one that is wrong is the one that an error names.
    pub(super) fn of(annotations: &Annotations<'_>, template: &Template) -> Result<Self, Denial> {
        let (agent, at) = (&template.agent, Written::of(annotations, template));
        let insecure = template.allows_insecure_sts();
        let sts_endpoint = at.any(ENDPOINT, &agent.sts_endpoint);
        let sts_endpoint = sts_endpoint.url(|text| endpoint(text, insecure))?;
        let config = at.pod("config", object_name)?;
        let server = asked_server(
            sts_endpoint.as_deref().or(template.extra_endpoint()),
            config.is_some(),
        );
        let settings = Self {
            role: at.role(server)?,
            has_callers_role: at.has_callers_role(),
            chain: at.list("role-chain", |text| role_arn(server, text))?,
            container_roles: at.list("container-roles", |text| container_role(server, text))?,
            config,
            region: at
                .any(REGION, &agent.region)
                .optional(|text| Region::parse_at(server, text))?,
            has_explicit_region: annotations.any(REGION.0).is_some(),
            sts_endpoint,
            server,
            sts_timeout: at.required(TIMEOUT, &agent.sts_timeout, AttemptTimeout::parse)?,
            audience: at.required(AUDIENCE, &agent.audience, audience)?,
            token_expiration: at.required(
                EXPIRATION,
                agent.token_expiration_seconds,
                expiration,
            )?,
            session_name: at.pod("session-name", session_name)?,
            session_duration: at.required(DURATION, &agent.session_duration, session_duration)?,
            policy_arns: at.policy_arns(server)?,
            containers: at.pod_list("containers", name)?,
            skip_containers: at.list("skip-containers", name)?,
            port: at.port(PORT, agent.credentials_port)?,
            metrics_port: at.port(METRICS_PORT, agent.metrics.port)?,
            log_level: at.required(LOG_LEVEL, &agent.log.level, log_level)?,
            log_format: at.required(LOG_FORMAT, &agent.log.format, log_format)?,
            requests: at.amounts("request", &agent.resources.requests)?,
            limits: at.amounts("limit", &agent.resources.limits)?,
            image: at.image()?,
            legacy_clients: at.flag("legacy-clients", agent.legacy_clients)?,
            wait_for_credentials: at.flag("wait-for-credentials", agent.wait_for_credentials)?,
            readiness_probe: at.flag("readiness-probe", agent.readiness_probe.enabled)?,
            ec2_metadata: at.flag("ec2-metadata", agent.ec2_metadata)?,
        };
        together::check(&settings, annotations, template)?;
        Ok(settings)
    }

    /// The STS endpoint that the agent asks, unless it is AWS's.
    pub(in crate::inject) fn endpoint<'a>(&'a self, template: &'a Template) -> Option<&'a str> {
        self.sts_endpoint.as_deref().or(template.extra_endpoint())
    }

    /// The role of a container's own.
    pub(in crate::inject) fn role_of(&self, container: &str) -> Option<&RoleArn> {
        let mut roles = self.container_roles.iter();
        roles
            .find(|(name, _)| name == container)
            .map(|(_, role)| role)
    }
}
