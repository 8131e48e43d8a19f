//! Rules between the settings of a pod, each valid by itself.
//!
//! Owns what excludes what. It never changes a setting: an author who asked for both must choose.

use super::{Annotations, PodSettings};
use crate::inject::keys::PREFIX;
use crate::inject::quantity::Quantity;
use crate::inject::template::Template;
use crate::inject::{Denial, Reason};
use crate::redact;

/// What the author's `ConfigMap` decides instead.
const OF_THE_DOCUMENT: [&str; 6] = [
    "role-arn",
    "role-chain",
    "container-roles",
    "session-name",
    "session-duration",
    "session-policy-arns",
];

pub(super) fn check(
    settings: &PodSettings,
    annotations: &Annotations<'_>,
    template: &Template,
) -> Result<(), Denial> {
    if settings.port == settings.metrics_port {
        return refuse(format!(
            "port {} is both the credentials port and the metrics port: set {PREFIX}port or \
             {PREFIX}metrics-port",
            settings.port
        ));
    }
    let both = OF_THE_DOCUMENT
        .into_iter()
        .find(|name| settings.config.is_some() && annotations.pod(name).is_some());
    if let Some(name) = both {
        let problem = format!("the ConfigMap of {PREFIX}config decides this; set it there");
        return refuse(format!("annotation {PREFIX}{name}: {problem}"));
    }
    if settings.containers.is_some() && !settings.skip_containers.is_empty() {
        return refuse(format!(
            "annotations {PREFIX}containers and {PREFIX}skip-containers exclude each other: leave \
             one of them"
        ));
    }
    let mut named: Vec<&str> = settings
        .container_roles
        .iter()
        .map(|(container, _)| container.as_str())
        .collect();
    named.sort_unstable();
    let twice = named.windows(2).find(|pair| pair[0] == pair[1]);
    if let Some([container, ..]) = twice {
        return refuse(format!(
            "annotation {PREFIX}container-roles: container {container} has several roles there"
        ));
    }
    if settings.readiness_probe && !template.agent.metrics.enabled {
        let origin = annotations.any("readiness-probe").map(|given| given.origin);
        let origin = origin.unwrap_or_else(|| "agent.readinessProbe.enabled".to_owned());
        return refuse(format!(
            "{origin}: the kubelet asks the admin port, which the chart's agent.metrics.enabled: \
             false binds to loopback: set that to true, or take the readiness probe away"
        ));
    }
    check_variants(settings, template)?;
    check_amounts(settings)
}

/// FIPS and dual stack are variants of AWS's own endpoints
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html>); the agent refuses
/// them beside another.
fn check_variants(settings: &PodSettings, template: &Template) -> Result<(), Denial> {
    let is_on = |name: &&str| {
        template
            .extra(name)
            .is_some_and(|text| text.trim_ascii().eq_ignore_ascii_case("true"))
    };
    let variant = ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"]
        .into_iter()
        .find(is_on);
    let (Some(variant), Some(endpoint)) = (variant, settings.endpoint(template)) else {
        return Ok(());
    };
    refuse(format!(
        "agent.extraEnv sets {variant}, which selects an endpoint of AWS, but the STS endpoint is \
         {}: unset one",
        redact::url(endpoint)
    ))
}

fn check_amounts(settings: &PodSettings) -> Result<(), Denial> {
    let (requests, limits) = (&settings.requests, &settings.limits);
    for (what, request, limit) in [
        ("cpu", &requests.cpu, &limits.cpu),
        ("memory", &requests.memory, &limits.memory),
    ] {
        let Some(limit) = limit else { continue };
        let most = Quantity::parse(limit);
        // Below it, throttling delays an answer for longer than SDKs wait.
        if what == "cpu" && most < Some(Quantity::CPU_FLOOR) {
            return refuse(format!(
                "the sidecar's cpu limit {limit} is too low: set {PREFIX}cpu-limit to 50m or more"
            ));
        }
        if let Some(request) = request.as_ref().filter(|text| Quantity::parse(text) > most) {
            return refuse(format!(
                "the sidecar's {what} request {request} is above its limit {limit}: \
                 set {PREFIX}{what}-request or {PREFIX}{what}-limit"
            ));
        }
    }
    Ok(())
}

fn refuse(message: String) -> Result<(), Denial> {
    Err(Denial::new(Reason::Combination, message))
}
