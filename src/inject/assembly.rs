//! Putting the parts in: each chosen container's share, the volumes, and the sidecar in its place.
//!
//! Owns the order of init containers. It decides nothing else: everything that forbids an injection was
//! checked before. Called by `inject`.

use serde_json::Value;

use super::CONTAINER;
use super::earlier;
use super::environment::Surroundings;
use super::handover::{self, Tokens};
use super::mesh;
use super::patch::Draft;
use super::pod::{self, Choice, LISTS};
use super::sidecar::Plan;
use super::status::Added;

/// Gives each chosen container what it lacks; the variables that were added or filled, by container.
pub(super) fn give_containers(
    draft: &mut Draft,
    pod: &Value,
    choice: &Choice,
    surroundings: &Surroundings<'_>,
    tokens: &Tokens,
) -> Vec<Added> {
    let chosen = pod::containers(pod)
        .into_iter()
        .filter(|container| choice.has(container.name));
    let give = |container: pod::Container<'_>| {
        let names = surroundings.give(draft, &container, handover::token(tokens, container.name));
        let filled = names
            .iter()
            .filter(|name| container.variable(name).is_some())
            .cloned()
            .collect();
        Added {
            container: container.name.to_owned(),
            names,
            filled,
        }
    };
    chosen.map(give).collect()
}

/// Continues the author's list of volumes that may be lost with a node. Cluster Autoscaler splits it at commas and
/// keeps blanks as parts of names. It passes over directories in memory; others, and older ones, count them too.
pub(super) fn name_safe_volumes(draft: &mut Draft, plan: &Plan<'_>) {
    const SAFE: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
    let said = pod::metadata(draft.pod(), "annotations")
        .and_then(|map| map.get(SAFE))
        .and_then(Value::as_str);
    let Some(said) = said else { return };
    let mut names: Vec<&str> = said.split(',').filter(|name| !name.is_empty()).collect();
    let volumes = plan.volumes();
    for name in volumes
        .iter()
        .filter(|own| own.get("emptyDir").is_some())
        .filter_map(|own| pod::text(own, "name"))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let names = names.join(",");
    draft.set("/metadata/annotations", SAFE, &names);
}

/// Adds the sidecar, or renews the one that is there, and puts it before everybody who needs it.
pub(super) fn place_sidecar(draft: &mut Draft, plan: &Plan<'_>, inline: &str) {
    const LIST: &str = "/spec/initContainers";
    draft.ensure(LIST, || Value::Array(Vec::new()));
    let mut others = pod::containers(draft.pod());
    others.retain(|container| container.list == LISTS[0]);
    let now = others
        .iter()
        .position(|container| container.name == CONTAINER);
    if let Some(at) = now {
        others.remove(at);
    }
    // Under a CNI mesh our own call to STS goes through the mesh's proxy, so that one starts first.
    let proxies = mesh::proxies(draft.pod(), &plan.template.injector.mesh_proxies);
    let is_proxy = |other: &pod::Container<'_>| {
        other.is_native_sidecar() && proxies.iter().any(|name| name == other.name)
    };
    let right = others.iter().rposition(is_proxy).map_or(0, |at| at + 1);
    let needs_us = |other: &pod::Container<'_>| {
        plan.choice.has(other.name) || mesh::is_redirecting(other.name)
    };
    let in_order = |now: usize| now >= right && !others[right.min(now)..now].iter().any(needs_us);
    match now {
        None => draft.add(format!("{LIST}/{right}"), plan.container(inline)),
        Some(now) => {
            let stays = in_order(now);
            earlier::renew(draft, &format!("{LIST}/{now}"), plan, inline);
            if !stays {
                let own = draft.take(LIST, now);
                draft.add(format!("{LIST}/{right}"), own);
            }
        }
    }
}
