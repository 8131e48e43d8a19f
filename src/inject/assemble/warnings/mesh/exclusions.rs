//! Whether an annotation keeps the agent's calls out of a mesh's redirection.
//!
//! Owns what the annotations of Istio, Linkerd and Kuma mean, and which server the agent calls. It
//! looks nothing up: which addresses STS has is not known here. Called by `mesh`.

use serde_json::{Map, Value};

use crate::inject::assemble::mesh::{MESHES, Mesh};
use crate::inject::sidecar::Sidecar;
use crate::url;

/// `NONE`: nothing is redirected. Istio's annotations:
/// <https://istio.io/latest/docs/reference/config/annotations/>.
const ISTIO_MODE: &str = "sidecar.istio.io/interceptionMode";
/// What alone is redirected, where it is there; Istio's injector writes the installation's onto
/// pods for its CNI plugin.
const ISTIO_RANGES: &str = "traffic.sidecar.istio.io/includeOutboundIPRanges";
/// Ports that are redirected whatever the address.
const ISTIO_PORTS: &str = "traffic.sidecar.istio.io/includeOutboundPorts";
/// `disabled` or `false`: nothing is redirected. Kuma's annotations:
/// <https://kuma.io/docs/latest/reference/kubernetes-annotations/>.
const KUMA_TRANSPARENT: &str = "kuma.io/transparent-proxying";
/// `PROTOCOL:PORTS:USERS` behind each other with `;`, of which the first two may be absent.
const KUMA_USERS: &str = "traffic.kuma.io/exclude-outbound-ports-for-uids";
const LINKERD_KEYS: &str = "config.linkerd.io/";

type Annotations<'a> = Option<&'a Map<String, Value>>;

/// Any STS of AWS: all are outside of clusters, and answer on one port.
const AWS: &str = "https://sts.amazonaws.com";

/// The server that the agent calls: STS, or the proxy before it.
#[derive(Clone, Copy)]
pub(super) struct Upstream {
    pub(super) port: u16,
    /// The agent's user, where the chart names one.
    user: Option<u64>,
    /// Whether its address may be one of the cluster's own: it has a Service's name, or is written
    /// as an address.
    may_be_in_cluster: bool,
}

impl Upstream {
    /// None when the call stays in the pod.
    pub(super) fn of(sidecar: &Sidecar<'_>) -> Option<Self> {
        let (settings, template) = (&sidecar.facts.settings, sidecar.facts.template);
        let endpoint = settings.endpoint(template).unwrap_or(AWS);
        // Both were read before, when the settings were.
        let url = match template.agent.http_proxy.https_proxy.as_str() {
            "" => url::endpoint(endpoint, true).ok()?,
            proxy => url::proxy(proxy).ok()?,
        };
        let host = url.host().filter(|host| !url::is_loopback(host))?;
        let is_plain = url.scheme_str() == Some("http");
        Some(Self {
            port: url.port_u16().unwrap_or(if is_plain { 80 } else { 443 }),
            user: template.security_context()["runAsUser"].as_u64(),
            may_be_in_cluster: may_be_in_cluster(host),
        })
    }

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

/// Whether an annotation keeps calls to this port from being redirected. Which addresses STS
/// has is not known here: an author who names any beyond the node's own, or the only ones that
/// are redirected, is taken to know them.
pub(super) fn excludes(
    mesh: &Mesh,
    pod: Annotations<'_>,
    namespace: Annotations<'_>,
    upstream: Upstream,
) -> bool {
    // Of these meshes, Linkerd alone reads its keys on Namespaces too.
    let text = |key: &str| {
        let namespace = namespace.filter(|_| key.starts_with(LINKERD_KEYS));
        [pod, namespace]
            .into_iter()
            .flatten()
            .find_map(|map| map.get(key)?.as_str())
    };
    let listed = |key: &str| items_of(text(key).unwrap_or_default());
    listed(mesh.ports).any(|range| holds(range, upstream.port))
        || listed(mesh.ranges).any(|range| !is_nodes_own(range))
        || if mesh.proxy == MESHES[0].proxy {
            // An empty list redirects no address.
            let is_elsewhere = text(ISTIO_RANGES).is_some_and(|only| {
                let mut only = items_of(only);
                only.all(|range| !upstream.may_be_in_cluster && !is_everything(range))
            });
            is_elsewhere && !listed(ISTIO_PORTS).any(|range| holds(range, upstream.port))
                || text(ISTIO_MODE) == Some("NONE")
        } else {
            let mut rules = text(KUMA_USERS)
                .into_iter()
                .flat_map(|rules| rules.split(';'));
            matches!(text(KUMA_TRANSPARENT), Some("disabled" | "false"))
                || rules.any(|rule| upstream.is_of(rule))
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
