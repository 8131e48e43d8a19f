//! Service meshes that redirect a pod's traffic to a proxy in it: their containers, by name and
//! mark.
//!
//! Owns what is known of Istio, Linkerd and Kuma. It decides nothing: the sidecar's place is
//! `sidecar`'s, a pod in which it may wait for ever `warnings::mesh`'s. Called by both.

use serde_json::Value;

use crate::inject::pod::{self, annotation, items};

/// Where Istio's injector lists what it added:
/// <https://istio.io/latest/docs/reference/config/annotations/#SidecarStatus>.
const ISTIO_STATUS: &str = "sidecar.istio.io/status";

/// One mesh.
pub(super) struct Mesh {
    pub(super) proxy: &'static str,
    /// The init container that redirects, where no CNI plugin does.
    pub(super) redirecting: &'static str,
    /// The init container that checks whether a CNI plugin has redirected; it is there only with
    /// such a plugin.
    pub(super) checking: &'static str,
    /// What makes the proxy a native sidecar.
    pub(super) native: &'static str,
    /// The annotation with ports, and the one with addresses, that are not redirected.
    pub(super) ports: &'static str,
    pub(super) ranges: &'static str,
}

/// Istio:
/// <https://istio.io/latest/docs/setup/additional-setup/cni/#compatibility-with-application-init-containers>;
/// Linkerd: <https://linkerd.io/2-edge/reference/proxy-configuration/>; Kuma:
/// <https://kuma.io/docs/latest/reference/kubernetes-annotations/>.
pub(super) const MESHES: [Mesh; 3] = [
    Mesh {
        proxy: "istio-proxy",
        redirecting: "istio-init",
        checking: "istio-validation",
        native: "sidecar.istio.io/nativeSidecar: \"true\"",
        ports: "traffic.sidecar.istio.io/excludeOutboundPorts",
        ranges: "traffic.sidecar.istio.io/excludeOutboundIPRanges",
    },
    Mesh {
        proxy: "linkerd-proxy",
        redirecting: "linkerd-init",
        checking: "linkerd-network-validator",
        native: "config.beta.linkerd.io/proxy-enable-native-sidecar: \"true\"",
        ports: "config.linkerd.io/skip-outbound-ports",
        ranges: "config.linkerd.io/skip-subnets",
    },
    Mesh {
        proxy: "kuma-sidecar",
        redirecting: "kuma-init",
        checking: "kuma-validation",
        native: "experimental.sidecarContainers of Kuma's chart",
        ports: "traffic.kuma.io/exclude-outbound-ports",
        ranges: "traffic.kuma.io/exclude-outbound-ips",
    },
];

/// Whether this init container redirects traffic, which nothing answers before an ordinary proxy
/// runs.
pub(super) fn is_redirecting(name: &str) -> bool {
    MESHES.iter().any(|mesh| mesh.redirecting == name)
}

/// The names of the pod's proxies: the chart's, or where the pod has none of them, those that
/// Istio's mark tells.
pub(super) fn proxies(pod: &Value, named: &[String]) -> Vec<String> {
    let has_one = pod::containers(pod)
        .iter()
        .any(|container| named.iter().any(|name| name == container.name));
    if has_one { named.to_vec() } else { marked(pod) }
}

/// The containers that Istio's injector says it added, whatever a template of one's own calls them.
pub(super) fn marked(pod: &Value) -> Vec<String> {
    let status: Value = annotation(pod, ISTIO_STATUS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let names = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| items(&status, list));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}
