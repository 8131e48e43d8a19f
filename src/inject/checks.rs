//! What forbids an injection, and what is worth a warning: platform, roles, region, ports, environment.
//!
//! Owns the denials that are about the whole pod. Each message names what is in the way and what to do.

use serde_json::Value;

use super::environment::{self, Surroundings};
use super::handover::{self, Tokens};
use super::keys::PREFIX;
use super::nodes;
use super::pod::{self, Choice, items, text};
use super::resources;
use super::settings::{Settings, Sources};
use super::sidecar::Plan;
use super::template::Template;
use super::{CONTAINER, Denial, Reason};
use crate::role::Region;

fn refuse<T>(reason: Reason, message: impl Into<String>) -> Result<T, Denial> {
    Err(Denial::new(reason, message.into()))
}

/// What to say to a pod of which some container would have no role.
pub(super) fn lacks_role(
    sources: &Sources<'_>,
    settings: &Settings,
    choice: &Choice,
) -> Option<String> {
    let has_own = |name: &String| {
        settings
            .container_roles
            .iter()
            .any(|(container, _)| container == name)
    };
    let lacking = choice.chosen.iter().find(|name| !has_own(name))?;
    if settings.role.is_some() || settings.config.is_some() {
        return None;
    }
    let account = sources.account_name;
    Some(format!(
        "no role for container {lacking}: annotate ServiceAccount {account} or the pod with {PREFIX}role-arn \
         (or eks.amazonaws.com/role-arn on the ServiceAccount)"
    ))
}

/// Loopback must be the pod's own, and the image must run there.
pub(super) fn platform(pod: &Value, template: &Template) -> Result<(), Denial> {
    let spec = &pod["spec"];
    if spec["hostNetwork"] == true {
        return refuse(
            Reason::Platform,
            "spec.hostNetwork is true: every process of the node could reach the credentials endpoint; \
             remove hostNetwork, or set stsidecar.dev/inject: \"false\"",
        );
    }
    nodes::check(spec, template)
}

/// Holds the roles against the operator's list.
pub(super) fn roles(
    namespace: &str,
    settings: &Settings,
    template: &Template,
) -> Result<(), Denial> {
    let rules = &template.injector.allowed_role_arns;
    if rules.is_empty() {
        return Ok(());
    }
    if settings.config.is_some() {
        let problem =
            "injector.allowedRoleArns limits roles, and those of a ConfigMap cannot be checked";
        return refuse(
            Reason::RoleNotAllowed,
            format!("annotation {PREFIX}config: {problem}"),
        );
    }
    let named = settings
        .role
        .iter()
        .chain(&settings.chain)
        .chain(settings.container_roles.iter().map(|(_, role)| role));
    for role in named {
        if !template.allows_role(namespace, role.as_str()) {
            let allowed: Vec<&str> = template.allowed_roles(namespace).collect();
            let allowed = if allowed.is_empty() {
                "none".to_owned()
            } else {
                allowed.join(", ")
            };
            return refuse(
                Reason::RoleNotAllowed,
                format!(
                    "role {role} is not allowed in namespace {namespace}; allowed are: {allowed} \
                     (injector.allowedRoleArns)"
                ),
            );
        }
    }
    Ok(())
}

/// The region: the settings', else what the author wrote into a container that gets credentials.
pub(super) fn region(
    pod: &Value,
    settings: &Settings,
    choice: &Choice,
) -> Result<Option<String>, Denial> {
    if let Some(region) = &settings.region {
        return Ok(Some(region.as_str().to_owned()));
    }
    let literal = |container: pod::Container<'_>| {
        container
            .plain("AWS_REGION")
            .and_then(|text| Region::parse_at(settings.server, text).ok())
            .map(|region| region.as_str().to_owned())
    };
    let mut chosen = pod::containers(pod)
        .into_iter()
        .filter(|container| choice.has(container.name));
    match chosen.find_map(literal) {
        None if settings.sts_endpoint.is_none() && settings.config.is_none() => refuse(
            Reason::NoRegion,
            "no AWS region: set stsidecar.dev/region or the chart's agent.region",
        ),
        found => Ok(found),
    }
}

/// A port can be bound once in a pod.
pub(super) fn ports(pod: &Value, settings: &Settings) -> Result<(), Denial> {
    let own = [
        (settings.port, "port"),
        (settings.metrics_port, "metrics-port"),
    ];
    for container in pod::containers(pod)
        .iter()
        .filter(|container| container.name != CONTAINER)
    {
        for declared in items(container.value, "ports") {
            let number = declared.get("containerPort").and_then(Value::as_u64);
            let is_tcp = text(declared, "protocol").is_none_or(|protocol| protocol == "TCP");
            if let Some((port, key)) = own
                .iter()
                .find(|(port, _)| is_tcp && number == Some((*port).into()))
            {
                let name = container.name;
                let what = if *key == "port" {
                    "the credentials endpoint"
                } else {
                    "health and metrics"
                };
                return refuse(
                    Reason::Port,
                    format!(
                        "container {name} declares port {port}, which is the sidecar's for {what}: \
                         set {PREFIX}{key} to another"
                    ),
                );
            }
        }
    }
    Ok(())
}

/// Refuses what never works; answers what would win over the sidecar.
pub(super) fn environment(
    pod: &Value,
    choice: &Choice,
    surroundings: &Surroundings<'_>,
    tokens: &Tokens,
    template: &Template,
) -> Result<Option<String>, Denial> {
    let chosen: Vec<_> = pod::containers(pod)
        .into_iter()
        .filter(|container| choice.has(container.name))
        .collect();
    for container in &chosen {
        environment::check(pod, container, &template.injector)?;
    }
    Ok(chosen.iter().find_map(|container| {
        surroundings.winner(container, handover::token(tokens, container.name))
    }))
}

/// What the author should know, of the pod as it is now, and nothing else would say: what may be missing in its namespace
/// the kubelet knows, and says where it is missing.
pub(super) fn warnings(
    pod: &Value,
    plan: &Plan<'_>,
    surroundings: &Surroundings<'_>,
) -> Vec<String> {
    let all = pod::containers(pod);
    let chosen = all
        .iter()
        .filter(|container| plan.choice.has(container.name));
    let mut warnings: Vec<String> = chosen
        .flat_map(|container| environment::warnings(pod, container, surroundings))
        .collect();
    let before = all
        .iter()
        .take_while(|container| container.name != CONTAINER);
    warnings.extend(before.filter(|container| plan.choice.has(container.name)).map(|container| {
        format!("init container {} runs before the sidecar, so it gets no credentials while it runs", container.name)
    }));
    warnings.extend(resources::warnings(pod, &plan.resources));
    warnings
}
