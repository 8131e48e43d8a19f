//! What stays readable on an injected pod: annotations and a label.
//!
//! Owns their content. They are for people and selectors; of decisions, only `earlier` reads them, to know its own share
//! of a container from the author's.

use serde_json::{Map, Value, json};

use super::CONTAINER;
use super::environment::{REGIONS, env_from};
use super::keys::{CA_BUNDLE, INJECTED, INJECTED_BY, PREFIX, STATUS};
use super::patch::{Draft, escaped};
use super::pod::{self, metadata};
use super::release;
use super::sidecar::Plan;
use crate::version;

const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// The key of the architectures that the pod's affinity was narrowed to, for the next call.
pub(super) const ARCHITECTURES: &str = "architectures";
const ANNOTATIONS: &str = "/metadata/annotations";

/// What a call gave to one container.
pub(super) struct Added {
    pub(super) container: String,
    /// The variables that were added or changed.
    pub(super) names: Vec<String>,
    /// Those of them that the author had written.
    pub(super) filled: Vec<String>,
}

/// Writes them; `is_narrowed`: this call has narrowed the pod's affinity.
pub(super) fn write(draft: &mut Draft, plan: &Plan<'_>, added: &[Added], is_narrowed: bool) {
    draft.ensure("/metadata", || Value::Object(Map::new()));
    let status = status(draft.pod(), plan, added, is_narrowed);
    let app = default_container(draft.pod(), plan);
    draft.set(ANNOTATIONS, STATUS, &status.to_string());
    draft.set(ANNOTATIONS, INJECTED_BY, &release::mark(plan.template));
    write_ca_bundle(draft, plan);
    if !metadata(draft.pod(), "annotations").is_some_and(|map| map.contains_key(DEFAULT_CONTAINER))
    {
        draft.set(ANNOTATIONS, DEFAULT_CONTAINER, &app);
    }
    write_callers_answers(draft, plan);
    draft.set("/metadata/labels", INJECTED, "true");
}

/// Certificates that go with the pod, for the volume that shows them to the sidecar; those of an earlier call leave.
fn write_ca_bundle(draft: &mut Draft, plan: &Plan<'_>) {
    match plan.template.agent.aws_ca_bundle.of_values() {
        Some(pem) => draft.set(ANNOTATIONS, CA_BUNDLE, &pem),
        None if metadata(draft.pod(), "annotations")
            .is_some_and(|map| map.contains_key(CA_BUNDLE)) =>
        {
            draft.remove(&format!("{ANNOTATIONS}/{}", escaped(CA_BUNDLE)));
        }
        None => {}
    }
}

fn status(pod: &Value, plan: &Plan<'_>, added: &[Added], is_narrowed: bool) -> Value {
    let before = before(pod);
    let (env, filled) = variables(pod, plan, added, &before);
    let volumes: Vec<Value> = plan
        .volumes()
        .iter()
        .map(|volume| volume["name"].clone())
        .collect();
    let mut status = json!({
        "container": CONTAINER,
        "env": env,
        // The chart's, or an annotation's: mirrors and admission controllers rewrite the one in the specification.
        "image": plan.settings.image,
        "settingsHash": plan.hash,
        "skipped": plan.choice.skipped,
        "version": version::VERSION,
        "volumes": volumes,
    });
    let architectures = json!(plan.template.injector.agent_architectures);
    if is_narrowed || before[ARCHITECTURES] == architectures {
        status[ARCHITECTURES] = architectures;
    }
    if !filled.is_empty() {
        status["filled"] = filled.into();
    }
    if let Some(region) = plan.region {
        status["region"] = region.into();
    }
    // What is in it the injector has no right to read; the agent logs the hash of what it has read.
    if let Some(config_map) = &plan.settings.config {
        status["config"] = config_map.as_str().into();
    }
    status
}

/// What the call before this one wrote, if there was one.
fn before(pod: &Value) -> Value {
    let is_first = !metadata(pod, "labels").is_some_and(|labels| labels.contains_key(INJECTED));
    let before = metadata(pod, "annotations")
        .and_then(|map| map.get(STATUS))
        .and_then(Value::as_str);
    before
        .filter(|_| !is_first)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// By container, the variables that this call and those before it have given, and those of them that the author had
/// written.
fn variables(
    pod: &Value,
    plan: &Plan<'_>,
    added: &[Added],
    before: &Value,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut env, mut filled) = (Map::new(), Map::new());
    for container in chosen(pod, plan) {
        let now = added.iter().find(|added| added.container == container.name);
        let (names, own) = now.map_or((&[][..], &[][..]), |now| (&now.names, &now.filled));
        let is_there = |name: &str| container.variable(name).is_some();
        let mut all = listed(&before["env"], container.name);
        all.extend(
            names
                .iter()
                .filter(|name| !all.contains(name))
                .cloned()
                .collect::<Vec<_>>(),
        );
        let mut kept = listed(&before["filled"], container.name);
        kept.retain(|name| !names.contains(name));
        kept.extend_from_slice(own);
        for (map, mut names) in [(&mut env, all), (&mut filled, kept)] {
            names.retain(|name| is_there(name));
            if !names.is_empty() {
                map.insert(container.name.to_owned(), names.into());
            }
        }
    }
    (env, filled)
}

/// Keeps the flags of `stsidecar inject` for the webhook behind it, which does not know them.
fn write_callers_answers(draft: &mut Draft, plan: &Plan<'_>) {
    let settings = plan.settings;
    // A ConfigMap has its own roles.
    if let (Some(role), true, None) = (&settings.role, settings.has_callers_role, &settings.config)
    {
        draft.set(ANNOTATIONS, &format!("{PREFIX}role-arn"), role.as_str());
    }
    let is_callers = plan.template.has_callers_region && !settings.has_explicit_region;
    // As an annotation it would be written over what an envFrom may hold.
    let is_known = |name: &str| {
        !chosen(draft.pod(), plan).any(|container| env_from::may_bring(&container, name))
    };
    let region = settings
        .region
        .as_ref()
        .filter(|_| is_callers && REGIONS.into_iter().all(is_known));
    if let Some(region) = region {
        draft.set(ANNOTATIONS, &format!("{PREFIX}region"), region.as_str());
    }
}

fn chosen<'a>(pod: &'a Value, plan: &Plan<'_>) -> impl Iterator<Item = pod::Container<'a>> {
    pod::containers(pod)
        .into_iter()
        .filter(|container| plan.choice.has(container.name))
}

/// The variables of a container in one of a status's maps.
pub(super) fn listed(map: &Value, container: &str) -> Vec<String> {
    let names = map
        .get(container)
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The application's: the first ordinary container that gets credentials, else the first.
fn default_container(pod: &Value, plan: &Plan<'_>) -> String {
    let all = pod::containers(pod);
    let ordinary = || {
        all.iter()
            .filter(|container| container.list == pod::LISTS[1])
    };
    let app = ordinary()
        .find(|container| plan.choice.has(container.name))
        .or_else(|| ordinary().next());
    app.map(|container| container.name.to_owned())
        .unwrap_or_default()
}
