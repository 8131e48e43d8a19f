//! What stays readable on an injected pod: annotations and a label.
//!
//! Owns their content. They are for people and selectors; no decision reads them.

use serde_json::{Map, Value, json};

use super::CONTAINER;
use super::keys::{INJECTED, INJECTED_BY, STATUS};
use super::patch::Draft;
use super::pod::{self, metadata};
use super::sidecar::Plan;
use crate::version;

const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
const ANNOTATIONS: &str = "/metadata/annotations";

/// Writes them; `added` are the variables that this call added, by container.
pub(super) fn write(draft: &mut Draft, plan: &Plan<'_>, added: &[(String, Vec<String>)]) {
    draft.ensure("/metadata", || Value::Object(Map::new()));
    let is_first = !metadata(draft.pod(), "labels").is_some_and(|labels| labels.contains_key(INJECTED));
    let before = metadata(draft.pod(), "annotations").and_then(|map| map.get(STATUS)).and_then(Value::as_str);
    let before: Value =
        before.filter(|_| !is_first).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut env: Map<String, Value> = before.get("env").and_then(Value::as_object).cloned().unwrap_or_default();
    env.retain(|name, _| plan.choice.has(name));
    for (container, names) in added.iter().filter(|(_, names)| !names.is_empty()) {
        let known = env.entry(container.clone()).or_insert_with(|| json!([]));
        let mut all: Vec<Value> = known.as_array().cloned().unwrap_or_default();
        for name in names {
            if !all.iter().any(|own| own == name) {
                all.push(name.as_str().into());
            }
        }
        *known = all.into();
    }
    let volumes: Vec<Value> = plan.volumes().iter().map(|volume| volume["name"].clone()).collect();
    let mut status = json!({
        "container": CONTAINER,
        "env": env,
        "skipped": plan.choice.skipped,
        "version": version::VERSION,
        "volumes": volumes,
    });
    // What is in it the injector has no right to read; the agent logs the hash of what it has read.
    if let Some(config_map) = &plan.settings.config {
        status["config"] = config_map.as_str().into();
    }
    let app = default_container(draft.pod(), plan);
    draft.set(ANNOTATIONS, STATUS, &status.to_string());
    draft.set(ANNOTATIONS, INJECTED_BY, &format!("stsidecar-injector/{}", version::VERSION));
    if !metadata(draft.pod(), "annotations").is_some_and(|map| map.contains_key(DEFAULT_CONTAINER)) {
        draft.set(ANNOTATIONS, DEFAULT_CONTAINER, &app);
    }
    draft.set("/metadata/labels", INJECTED, "true");
}

/// The application's: the first ordinary container that gets credentials, else the first.
fn default_container(pod: &Value, plan: &Plan<'_>) -> String {
    let all = pod::containers(pod);
    let ordinary = || all.iter().filter(|container| container.list == pod::LISTS[1]);
    let app = ordinary().find(|container| plan.choice.has(container.name)).or_else(|| ordinary().next());
    app.map(|container| container.name.to_owned()).unwrap_or_default()
}
