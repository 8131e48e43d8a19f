//! A pod in which the sidecar would wait for a mesh's proxy that waits for the sidecar.
//!
//! Owns how such a pod is recognised. It is a warning and no refusal: what a mesh really redirects
//! is decided outside the pod. Called by `warnings`.

mod exclusions;

use serde_json::Value;

use crate::inject::assemble::mesh::{self, MESHES, Mesh};
use crate::inject::keys::PREFIX;
use crate::inject::pod::{self, Container, LISTS, items, metadata};
use crate::inject::sidecar::Sidecar;
use exclusions::{Upstream, excludes};

/// What to say about a pod that may wait in Init for ever: first why, then the ways out.
pub(super) fn of(pod: &Value, namespace: Option<&Value>, sidecar: &Sidecar<'_>) -> Vec<String> {
    let Some((container, mesh)) = late_proxy(pod, &sidecar.facts.template.injector.mesh_proxies)
    else {
        return Vec::new();
    };
    let Some(upstream) =
        Upstream::of(sidecar).filter(|_| sidecar.facts.settings.wait_for_credentials)
    else {
        return Vec::new();
    };
    let annotations = |object| metadata(object, "annotations");
    if mesh.is_some_and(|mesh| {
        excludes(
            mesh,
            annotations(pod),
            namespace.and_then(annotations),
            upstream,
        )
    }) {
        return Vec::new();
    }
    let port = upstream.port;
    let native = mesh.map_or_else(String::new, |mesh| format!(" ({})", mesh.native));
    let ports = mesh.map_or_else(String::new, |mesh| {
        format!(", or {}: \"{port}\"", mesh.ports)
    });
    vec![
        format!(
            "container {container}: its mesh redirects the sidecar's calls of STS to a proxy that \
             starts after the sidecar, so the pod can wait in Init for ever (docs/meshes.md)"
        ),
        format!(
            "ways out (docs/meshes.md): a native proxy{native}, {PREFIX}wait-for-credentials: \
             \"false\"{ports} on the pod"
        ),
    ]
}

/// The container that shows that the sidecar's calls are redirected before a proxy runs, and whose
/// it is.
fn late_proxy<'a>(pod: &'a Value, proxies: &[String]) -> Option<(&'a str, Option<&'static Mesh>)> {
    let all = pod::containers(pod);
    let proxies = mesh::proxies(pod, proxies);
    let is_proxy = |container: &&Container<'_>| {
        proxies.iter().any(|name| name == container.name) && !redirects_nothing(container)
    };
    if all
        .iter()
        .filter(is_proxy)
        .any(Container::is_native_sidecar)
    {
        return None;
    }
    let checking = all
        .iter()
        .find(|container| MESHES.iter().any(|mesh| mesh.checking == container.name));
    let ordinary = all
        .iter()
        .filter(|container| container.list == LISTS[1])
        .find(is_proxy);
    let redirects_later = checking.is_none()
        && all
            .iter()
            .any(|container| mesh::is_redirecting(container.name));
    let found = ordinary.filter(|_| !redirects_later).or(checking)?;
    let by_name = MESHES
        .iter()
        .find(|mesh| [mesh.proxy, mesh.checking].contains(&found.name));
    let by_mark = || {
        mesh::marked(pod)
            .iter()
            .any(|name| name == found.name)
            .then_some(&MESHES[0])
    };
    Some((found.name, by_name.or_else(by_mark)))
}

/// Istio's gateways, waypoints and node proxies run the same proxy under the same name, for the
/// traffic of others.
fn redirects_nothing(container: &Container<'_>) -> bool {
    const ROLES: [&str; 3] = ["router", "waypoint", "ztunnel"];
    items(container.value, "args")
        .any(|argument| argument.as_str().is_some_and(|text| ROLES.contains(&text)))
}
