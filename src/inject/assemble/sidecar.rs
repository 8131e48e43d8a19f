//! The sidecar in its place among the init containers.
//!
//! Owns that place: before each container that needs credentials and each that redirects traffic,
//! behind the proxies of a mesh that start first. One that is there already is renewed. Called by
//! `assemble`.

mod renewed;
mod variables;

use serde_json::Value;

use super::mesh;
use crate::inject::CONTAINER;
use crate::inject::patch::Draft;
use crate::inject::pod::{Container, LISTS, containers};
use crate::inject::sidecar::Sidecar;

const LIST: &str = "/spec/initContainers";

/// Adds the sidecar, or renews the one that is there and moves it where it has to be.
pub(super) fn place(draft: &mut Draft, sidecar: &Sidecar<'_>, document: &str) {
    draft.ensure(LIST, || Value::Array(Vec::new()));
    let mut others = containers(draft.pod());
    others.retain(|container| container.list == LISTS[0]);
    let now = others
        .iter()
        .position(|container| container.name == CONTAINER);
    if let Some(at) = now {
        others.remove(at);
    }
    let proxies = mesh::proxies(draft.pod(), &sidecar.facts.template.injector.mesh_proxies);
    let right = place_behind(&others, &proxies);
    let needs_us = |other: &Container<'_>| {
        sidecar.facts.choice.has(other.name) || mesh::is_redirecting(other.name)
    };
    let is_right = |now: usize| now >= right && !others[right..now].iter().any(needs_us);
    match now.map(|now| (now, is_right(now))) {
        None => draft.add(format!("{LIST}/{right}"), sidecar.container(document)),
        Some((now, stays)) => {
            renewed::renew(draft, &format!("{LIST}/{now}"), sidecar, document);
            if !stays {
                let own = draft.take(LIST, now);
                draft.add(format!("{LIST}/{right}"), own);
            }
        }
    }
}

/// Under a CNI mesh our own call to STS goes through the mesh's proxy, so that one starts first.
fn place_behind(others: &[Container<'_>], proxies: &[String]) -> usize {
    others
        .iter()
        .rposition(|other| {
            other.is_native_sidecar() && proxies.iter().any(|name| name == other.name)
        })
        .map_or(0, |at| at + 1)
}
