//! Whether a request was made in this pod, directly: only then it sees roles and claims.
//!
//! Owns that rule, over the peer's address, the host it names and the headers that proxies add. A peer on loopback is
//! not enough: meshes hand over on loopback what came from the network, Istio from 127.0.0.6, and from 127.0.0.1 for a
//! Service's port (<https://github.com/istio/istio/issues/29603>). It is no authentication: every container of the pod
//! passes. `admin` asks it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, Uri};

use crate::endpoint::guard::is_forwarding;

/// What Envoy adds as a proxy, and as a client of its own too: it may ask for credentials with these, but not for this
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#http-headers-set>).
const ENVOY: &str = "x-envoy-";

/// `kubectl port-forward` is such a peer too, and its user names localhost with a port of their own.
pub(super) fn is_local(peer: IpAddr, uri: &Uri, headers: &HeaderMap) -> bool {
    let peer = peer.to_canonical();
    let mut hosts = headers.get_all(HOST).iter();
    (peer == Ipv4Addr::LOCALHOST || peer == Ipv6Addr::LOCALHOST)
        && hosts.next().is_some_and(|host| host.to_str().is_ok_and(is_loopback))
        && hosts.next().is_none()
        && uri.authority().is_none_or(|target| is_loopback(target.as_str()) && uri.scheme() == Some(&Scheme::HTTP))
        && !headers.keys().any(is_added_on_the_way)
}

fn is_added_on_the_way(name: &HeaderName) -> bool {
    is_forwarding(name) || name.as_str().starts_with(ENVOY)
}

/// One of the three names that this pod has for itself, with any port or none.
fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    ["127.0.0.1", "localhost", "[::1]"].iter().filter_map(|name| host.strip_prefix(name)).any(|port| {
        let digits = port.strip_prefix(':');
        port.is_empty()
            || digits.is_some_and(|digits| {
                digits.bytes().all(|digit| digit.is_ascii_digit()) && digits.parse::<u16>().is_ok()
            })
    })
}
