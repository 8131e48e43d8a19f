//! Putting the parts in: each chosen container's share, the volumes, and the sidecar in its place.
//!
//! Owns the order of init containers. It decides nothing else: everything that forbids an injection was
//! checked before. Called by `inject`.

use serde_json::Value;

use super::CONTAINER;
use super::earlier;
use super::environment::Surroundings;
use super::handover::{self, Tokens};
use super::patch::Draft;
use super::pod::{self, Choice, LISTS};
use super::sidecar::Plan;

/// Gives each chosen container what it lacks; the variables that were added, by container.
pub(super) fn give_containers(
    draft: &mut Draft,
    pod: &Value,
    choice: &Choice,
    surroundings: &Surroundings<'_>,
    tokens: &Tokens,
) -> Vec<(String, Vec<String>)> {
    let chosen = pod::containers(pod).into_iter().filter(|container| choice.has(container.name));
    let give = |container: pod::Container<'_>| {
        (container.name.to_owned(), surroundings.give(draft, &container, handover::token(tokens, container.name)))
    };
    chosen.map(give).collect()
}

/// Adds the sidecar, or renews the one that is there, and puts it before everybody who needs it.
pub(super) fn place_sidecar(draft: &mut Draft, plan: &Plan<'_>, inline: &str) {
    const LIST: &str = "/spec/initContainers";
    draft.ensure(LIST, || Value::Array(Vec::new()));
    let mut others = pod::containers(draft.pod());
    others.retain(|container| container.list == LISTS[0]);
    let now = others.iter().position(|container| container.name == CONTAINER);
    if let Some(at) = now {
        others.remove(at);
    }
    // Under a CNI mesh our own call to STS goes through the mesh's proxy, so that one starts first.
    let is_proxy = |other: &pod::Container<'_>| {
        other.is_native_sidecar() && plan.template.injector.mesh_proxies.iter().any(|name| name == other.name)
    };
    let right = others.iter().rposition(is_proxy).map_or(0, |at| at + 1);
    let in_order =
        |now: usize| now >= right && !others[right.min(now)..now].iter().any(|other| plan.choice.has(other.name));
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
