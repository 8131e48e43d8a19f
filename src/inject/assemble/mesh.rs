//! Service meshes that redirect a pod's traffic to a proxy in it: their containers, by name and
//! mark, and pods in which the sidecar would wait for a proxy that waits for the sidecar.
//!
//! Owns what is known of Istio, Linkerd and Kuma. It forbids nothing: what a mesh really redirects
//! is decided outside the pod. Called by `assemble`.

use serde_json::{Map, Value};

use crate::inject::keys::PREFIX;
use crate::inject::pod::{self, Container, LISTS, items, metadata};
use crate::inject::sidecar::Sidecar;
use crate::url;

/// Where Istio's injector lists what it added.
const ISTIO_STATUS: &str = "sidecar.istio.io/status";
/// `NONE`: nothing is redirected.
const ISTIO_MODE: &str = "sidecar.istio.io/interceptionMode";
/// What alone is redirected, where it is there; Istio's injector writes the installation's onto
/// pods for its CNI plugin.
const ISTIO_RANGES: &str = "traffic.sidecar.istio.io/includeOutboundIPRanges";
/// Ports that are redirected whatever the address.
const ISTIO_PORTS: &str = "traffic.sidecar.istio.io/includeOutboundPorts";
/// `disabled` or `false`: nothing is redirected.
const KUMA_TRANSPARENT: &str = "kuma.io/transparent-proxying";
/// `PROTOCOL:PORTS:USERS` behind each other with `;`, of which the first two may be absent.
const KUMA_USERS: &str = "traffic.kuma.io/exclude-outbound-ports-for-uids";
const LINKERD_KEYS: &str = "config.linkerd.io/";

type Annotations<'a> = Option<&'a Map<String, Value>>;

/// One mesh.
struct Mesh {
    proxy: &'static str,
    /// The init container that redirects, where no CNI plugin does.
    redirecting: &'static str,
    /// The init container that checks whether a CNI plugin has redirected; it is there only with
    /// such a plugin.
    checking: &'static str,
    /// What makes the proxy a native sidecar.
    native: &'static str,
    /// The annotation with ports, and the one with addresses, that are not redirected.
    ports: &'static str,
    ranges: &'static str,
}

/// Istio:
/// <https://istio.io/latest/docs/setup/additional-setup/cni/#compatibility-with-application-init-containers>;
/// Linkerd: <https://linkerd.io/2-edge/reference/proxy-configuration/>; Kuma:
/// <https://kuma.io/docs/latest/reference/kubernetes-annotations/>.
const MESHES: [Mesh; 3] = [
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

/// What to say about a pod that may wait in Init for ever: first why, then the ways out.
pub(super) fn warnings(
    pod: &Value,
    namespace: Option<&Value>,
    sidecar: &Sidecar<'_>,
) -> Vec<String> {
    let Some((container, mesh)) = late_proxy(pod, &sidecar.template.injector.mesh_proxies) else {
        return Vec::new();
    };
    let Some(called) = Called::of(sidecar).filter(|_| sidecar.settings.wait_for_credentials) else {
        return Vec::new();
    };
    let annotations = |object| metadata(object, "annotations");
    if mesh.is_some_and(|mesh| {
        mesh.excludes(annotations(pod), namespace.and_then(annotations), called)
    }) {
        return Vec::new();
    }
    let port = called.port;
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
    let proxies = self::proxies(pod, proxies);
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
    let redirects_later =
        checking.is_none() && all.iter().any(|container| is_redirecting(container.name));
    let found = ordinary.filter(|_| !redirects_later).or(checking)?;
    let by_name = MESHES
        .iter()
        .find(|mesh| [mesh.proxy, mesh.checking].contains(&found.name));
    let by_mark = || {
        marked(pod)
            .iter()
            .any(|name| name == found.name)
            .then_some(&MESHES[0])
    };
    Some((found.name, by_name.or_else(by_mark)))
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
fn marked(pod: &Value) -> Vec<String> {
    let status = metadata(pod, "annotations")
        .and_then(|map| map.get(ISTIO_STATUS))
        .and_then(Value::as_str);
    let status: Value = status
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let names = ["containers", "initContainers"]
        .into_iter()
        .flat_map(|list| items(&status, list));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Istio's gateways, waypoints and node proxies run the same proxy under the same name, for the
/// traffic of others.
fn redirects_nothing(container: &Container<'_>) -> bool {
    const ROLES: [&str; 3] = ["router", "waypoint", "ztunnel"];
    items(container.value, "args")
        .any(|argument| argument.as_str().is_some_and(|text| ROLES.contains(&text)))
}

/// The server that the agent calls: STS, or the proxy before it.
#[derive(Clone, Copy)]
struct Called {
    port: u16,
    /// The agent's user, where the chart names one.
    user: Option<u64>,
    /// Whether its address may be one of the cluster's own: it has a Service's name, or is written
    /// as an address.
    may_be_in_cluster: bool,
}

impl Called {
    /// None when the call stays in the pod.
    fn of(sidecar: &Sidecar<'_>) -> Option<Self> {
        let proxy = &sidecar.template.agent.http_proxy.https_proxy;
        let endpoint = sidecar
            .settings
            .sts_endpoint
            .as_deref()
            .or(sidecar.template.extra_endpoint());
        let user = sidecar.template.security_context()["runAsUser"].as_u64();
        let called = match (proxy.as_str(), endpoint) {
            ("", None) => {
                return Some(Self {
                    port: 443,
                    user,
                    may_be_in_cluster: false,
                });
            }
            ("", Some(endpoint)) => url::endpoint(endpoint, true),
            (proxy, _) => url::proxy(proxy),
        };
        // Both were read before, when the settings were.
        let called = called.ok()?;
        let host = called.host().filter(|host| !url::is_loopback(host))?;
        let default = if called.scheme_str() == Some("http") {
            80
        } else {
            443
        };
        Some(Self {
            port: called.port_u16().unwrap_or(default),
            user,
            may_be_in_cluster: may_be_in_cluster(host),
        })
    }
}

impl Called {
    /// Whether one of Kuma's rules is about this port and the agent's user.
    fn is_of(self, rule: &str) -> bool {
        let mut fields = rule.trim().rsplit(':');
        let users = fields.next().unwrap_or_default();
        let ports = fields.next().unwrap_or("*");
        let is_tcp = fields.next().is_none_or(|protocol| protocol == "tcp");
        is_tcp
            && self.user.is_some_and(|user| holds(users, user))
            && items_of(ports).any(|range| holds(range, self.port))
    }
}

/// Names of Services are `NAME`, `NAME.NAMESPACE`, and `NAME.NAMESPACE.svc` with the cluster's
/// domain or without: <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>.
fn may_be_in_cluster(host: &str) -> bool {
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let is_address =
        host.starts_with('[') || labels.iter().all(|label| label.parse::<u8>().is_ok());
    is_address || labels.len() <= 2 || labels[2].eq_ignore_ascii_case("svc")
}

impl Mesh {
    /// Whether an annotation keeps calls to this port from being redirected. Which addresses STS
    /// has is not known here: an author who names any beyond the node's own, or the only ones that
    /// are redirected, is taken to know them.
    fn excludes(&self, pod: Annotations<'_>, namespace: Annotations<'_>, called: Called) -> bool {
        // Of these meshes, Linkerd alone reads its keys on Namespaces too.
        let text = |key: &str| {
            let namespace = namespace.filter(|_| key.starts_with(LINKERD_KEYS));
            [pod, namespace]
                .into_iter()
                .flatten()
                .find_map(|map| map.get(key)?.as_str())
        };
        let said = |key: &str| items_of(text(key).unwrap_or_default());
        let is_istio = self.proxy == MESHES[0].proxy;
        let is_beside = |range: &str| !called.may_be_in_cluster && !is_everything(range);
        // An empty list redirects no address.
        let elsewhere =
            is_istio && text(ISTIO_RANGES).is_some_and(|only| items_of(only).all(is_beside));
        said(self.ports).any(|range| holds(range, called.port))
            || said(self.ranges).any(|range| !is_nodes_own(range))
            || elsewhere && !said(ISTIO_PORTS).any(|range| holds(range, called.port))
            || is_istio && text(ISTIO_MODE) == Some("NONE")
            || !is_istio && matches!(text(KUMA_TRANSPARENT), Some("disabled" | "false"))
            || !is_istio
                && text(KUMA_USERS)
                    .is_some_and(|rules| rules.split(';').any(|rule| called.is_of(rule)))
    }
}

fn items_of(list: &str) -> impl Iterator<Item = &str> {
    list.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// Whether a number, a range of numbers or `*` has this one in it.
fn holds(range: &str, number: impl Into<u64>) -> bool {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = number.into();
    let within = || Some((first.parse().ok()?..=last.parse().ok()?).contains(&number));
    range == "*" || within() == Some(true)
}

fn is_everything(range: &str) -> bool {
    range == "*" || range.ends_with("/0")
}

/// Loopback and link-local addresses, and the instance metadata's by IPv6
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>).
fn is_nodes_own(range: &str) -> bool {
    ["127.", "169.254.", "::1/", "fe80:", "fd00:ec2::"]
        .iter()
        .any(|prefix| range.starts_with(prefix))
}
