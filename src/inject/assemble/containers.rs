//! What a chosen container is given: the variables that lead its SDK to the sidecar, and one mount.
//!
//! Owns the rule that nothing the author wrote into `env` is overwritten or repeated, `NO_PROXY`
//! included, unless it is empty. Over what an `envFrom` could bring it writes only what the
//! sidecar's clients need. Called by `assemble`.

use serde_json::json;

use crate::inject::decide::Plan;
use crate::inject::environment::{
    FULL_URI, METADATA, REGIONS, STS_ENDPOINTS, SdkVariables, TOKEN, TOKEN_FILE, env_from, mount,
    proxy,
};
use crate::inject::patch::Draft;
use crate::inject::pod::{Container, text};
use crate::inject::sidecar::ENDPOINTS;

/// What a call gave to one container.
pub(super) struct Added {
    pub(super) container: String,
    /// The variables that were added or changed.
    pub(super) names: Vec<String>,
    /// Those of them that the author had written.
    pub(super) filled: Vec<String>,
}

/// Gives each chosen container what it lacks.
pub(super) fn give(draft: &mut Draft, plan: &Plan<'_>) -> Vec<Added> {
    let mut added = Vec::new();
    for container in plan.sidecar.facts.choice.containers(plan.pod()) {
        let token = plan.tokens.of(container.name);
        let mut variables = missing(&container, &plan.variables, token);
        variables.extend(proxy::bypass(&container));
        for (name, value) in &variables {
            put(draft, &container, name, value);
        }
        let is_mounted = |mount| text(mount, "name") == Some(ENDPOINTS);
        if !container.mounts().any(is_mounted) {
            let list = format!("{}/volumeMounts", container.pointer());
            draft.append(&list, mount(container.name));
        }
        let names: Vec<String> = variables
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let mut filled = names.clone();
        filled.retain(|name| container.names(name));
        added.push(Added {
            container: container.name.to_owned(),
            names,
            filled,
        });
    }
    added
}

type Variables = Vec<(&'static str, String)>;

/// The missing ones in their order.
fn missing(container: &Container<'_>, ours: &SdkVariables, token: Option<&str>) -> Variables {
    let mut wanted = vec![
        (FULL_URI, ours.uri()),
        (TOKEN_FILE, SdkVariables::token_file()),
    ];
    wanted.extend(token.map(|token| (TOKEN, token.to_owned())));
    wanted.retain(|(name, _)| !container.sets(name));
    wanted.extend(regions(container, ours));
    if !container.names(STS_ENDPOINTS) && !env_from::may_bring(container, STS_ENDPOINTS) {
        wanted.push((STS_ENDPOINTS, "regional".to_owned()));
    }
    // Over an envFrom's too: without it SDKs take the node's role when the sidecar does not answer
    // (https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html).
    if !container.names(METADATA) && !ours.ec2_metadata {
        wanted.push((METADATA, "true".to_owned()));
    }
    wanted
}

/// The SDKs differ in which of the two they read
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-region.html>); an author who set one
/// of them meant both.
fn regions(container: &Container<'_>, ours: &SdkVariables) -> Variables {
    if let Some(own) = REGIONS.into_iter().find(|name| container.sets(name)) {
        let others = REGIONS.into_iter().filter(|name| !container.sets(name));
        return others
            .filter_map(|name| Some((name, doubled(container, own, name)?)))
            .collect();
    }
    match &ours.region {
        Some(region) if !ours.leaves_region(container) => {
            REGIONS.map(|name| (name, region.clone())).into()
        }
        _ => Vec::new(),
    }
}

/// The value by which `other`, which is absent or empty, says what `own` says.
fn doubled(container: &Container<'_>, own: &str, other: &str) -> Option<String> {
    let reference = || Some(format!("$({own})"));
    match container.position(other) {
        // A reference to what a missing optional key leaves unset stays as it is written.
        _ if container.is_optional(own) => None,
        None if env_from::may_bring(container, other) => None,
        None => reference(),
        // A reference reaches only variables before it.
        Some(at) if container.position(own) < Some(at) => reference(),
        Some(_) => container.plain(own).map(str::to_owned),
    }
}

/// Adds a variable, or fills the empty one that counts.
fn put(draft: &mut Draft, container: &Container<'_>, name: &str, value: &str) {
    let env = format!("{}/env", container.pointer());
    let Some(at) = container.position(name) else {
        draft.append(&env, json!({ "name": name, "value": value }));
        return;
    };
    let path = format!("{env}/{at}/value");
    match container.value["env"][at].get("value") {
        Some(_) => draft.replace(path, value.into()),
        None => draft.add(path, value.into()),
    }
}
