//! What stays readable on an injected pod: annotations and a label.
//!
//! Owns their content. They are for people and selectors; of decisions, only `decide::stale` reads
//! them, to know an earlier share of a container from the author's. Called by `assemble`.

use serde_json::{Map, Value, json};

use super::containers::Given;
use crate::inject::CONTAINER;
use crate::inject::earlier::{ARCHITECTURES, listed, status as status_of};
use crate::inject::environment::{REGIONS, env_from};
use crate::inject::keys::{CA_BUNDLE, INJECTED, INJECTED_BY, PREFIX, STATUS};
use crate::inject::patch::{Draft, escaped};
use crate::inject::pod::{LISTS, annotation, containers, metadata};
use crate::inject::release;
use crate::inject::sidecar::Sidecar;
use crate::version;

const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
const ANNOTATIONS: &str = "/metadata/annotations";

/// Writes them; `is_narrowed`: this call has narrowed the pod's affinity.
pub(super) fn write(draft: &mut Draft, sidecar: &Sidecar<'_>, given: &[Given], is_narrowed: bool) {
    draft.ensure("/metadata", || Value::Object(Map::new()));
    let status = status(draft.pod(), sidecar, given, is_narrowed);
    let app = default_container(draft.pod(), sidecar);
    draft.set(ANNOTATIONS, STATUS, &status.to_string());
    draft.set(
        ANNOTATIONS,
        INJECTED_BY,
        &release::mark(sidecar.facts.template),
    );
    write_ca_bundle(draft, sidecar);
    if annotation(draft.pod(), DEFAULT_CONTAINER).is_none() {
        draft.set(ANNOTATIONS, DEFAULT_CONTAINER, &app);
    }
    write_callers_answers(draft, sidecar);
    draft.set("/metadata/labels", INJECTED, "true");
}

/// Certificates that go with the pod, for the volume that shows them to the sidecar; those of an
/// earlier call leave.
fn write_ca_bundle(draft: &mut Draft, sidecar: &Sidecar<'_>) {
    match sidecar.facts.template.agent.aws_ca_bundle.of_values() {
        Some(pem) => draft.set(ANNOTATIONS, CA_BUNDLE, &pem),
        None if annotation(draft.pod(), CA_BUNDLE).is_some() => {
            draft.remove(&format!("{ANNOTATIONS}/{}", escaped(CA_BUNDLE)));
        }
        None => {}
    }
}

fn status(pod: &Value, sidecar: &Sidecar<'_>, given: &[Given], is_narrowed: bool) -> Value {
    let before = before(pod);
    let (env, filled) = variables(pod, sidecar, given, &before);
    let volumes: Vec<Value> = sidecar
        .volumes()
        .iter()
        .map(|volume| volume["name"].clone())
        .collect();
    let mut status = json!({
        "container": CONTAINER,
        "env": env,
        // The chart's, or an annotation's: mirrors and admission controllers rewrite the one in the
        // specification.
        "image": sidecar.facts.settings.image,
        "settingsHash": sidecar.facts.hash,
        "skipped": sidecar.facts.choice.skipped,
        "version": version::VERSION,
        "volumes": volumes,
    });
    let architectures = json!(sidecar.facts.template.injector.agent_architectures);
    if is_narrowed || before[ARCHITECTURES] == architectures {
        status[ARCHITECTURES] = architectures;
    }
    if !filled.is_empty() {
        status["filled"] = filled.into();
    }
    if let Some(region) = &sidecar.region {
        status["region"] = region.as_str().into();
    }
    // What is in it the injector has no right to read; the agent logs the hash of what it has read.
    if let Some(config_map) = &sidecar.facts.settings.config {
        status["config"] = config_map.as_str().into();
    }
    status
}

/// What the call before this one wrote, if there was one.
fn before(pod: &Value) -> Value {
    let is_injected = metadata(pod, "labels").is_some_and(|labels| labels.contains_key(INJECTED));
    is_injected
        .then(|| status_of(pod))
        .flatten()
        .unwrap_or_default()
}

/// By container, the variables that this call and those before it gave, and those of them that the
/// author had written.
fn variables(
    pod: &Value,
    sidecar: &Sidecar<'_>,
    given: &[Given],
    before: &Value,
) -> (Map<String, Value>, Map<String, Value>) {
    let (mut env, mut filled) = (Map::new(), Map::new());
    for container in sidecar.facts.choice.containers(pod) {
        let now = given.iter().find(|given| given.container == container.name);
        let (names, own) = now.map_or((&[][..], &[][..]), |now| (&now.names, &now.filled));
        let mut all = listed(&before["env"], container.name);
        for name in names {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        let mut kept = listed(&before["filled"], container.name);
        kept.retain(|name| !names.contains(name));
        kept.extend_from_slice(own);
        for (map, mut names) in [(&mut env, all), (&mut filled, kept)] {
            names.retain(|name| container.names(name));
            if !names.is_empty() {
                map.insert(container.name.to_owned(), names.into());
            }
        }
    }
    (env, filled)
}

/// Keeps the flags of `stsidecar inject` for the webhook behind it, which does not know them.
fn write_callers_answers(draft: &mut Draft, sidecar: &Sidecar<'_>) {
    let settings = &sidecar.facts.settings;
    // A ConfigMap has its own roles.
    if let (Some(role), true, None) = (&settings.role, settings.has_callers_role, &settings.config)
    {
        draft.set(ANNOTATIONS, &format!("{PREFIX}role-arn"), role.as_str());
    }
    // As an annotation it would be written over what an envFrom may hold.
    let is_unknown = sidecar
        .facts
        .choice
        .containers(draft.pod())
        .any(|container| {
            let mut names = REGIONS.into_iter();
            names.any(|name| env_from::may_bring(&container, name))
        });
    let is_callers = sidecar.facts.template.has_callers_region && !settings.has_explicit_region;
    if let (Some(region), true, false) = (&settings.region, is_callers, is_unknown) {
        draft.set(ANNOTATIONS, &format!("{PREFIX}region"), region.as_str());
    }
}

/// The application's: the first ordinary container that gets credentials, else the first.
fn default_container(pod: &Value, sidecar: &Sidecar<'_>) -> String {
    let mut ordinary = containers(pod);
    ordinary.retain(|container| container.list == LISTS[1]);
    let app = ordinary
        .iter()
        .find(|container| sidecar.facts.choice.has(container.name));
    app.or(ordinary.first())
        .map(|container| container.name.to_owned())
        .unwrap_or_default()
}
