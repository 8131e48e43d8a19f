//! Whether a request was made in this pod, directly: only then it sees roles and claims, and by no
//! page in a browser: only then it changes something.
//!
//! Owns these rules, over the peer's address, the host it names and the headers that proxies and
//! browsers add. A peer on loopback is not enough: meshes hand over on loopback what came from the
//! network, Istio from 127.0.0.6, and from 127.0.0.1 for a Service's port
//! (<https://github.com/istio/istio/issues/29603>). It is no authentication: every container of the
//! pod passes. `admin` asks it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, StatusCode, Uri};

use super::text;
use crate::endpoint::guard::{is_browser, is_forwarding};
use crate::http::Response;

/// A page in a browser can send a POST to a port that `kubectl port-forward` opened, but not
/// without these headers (<https://fetch.spec.whatwg.org/#origin-header>).
const NOT_A_BROWSER: &str = "requests with the headers of a browser are refused: use `stsidecar status --retry`, or curl -X POST\n";

/// What Envoy adds as a proxy, and as a client of its own too: it may ask for credentials with
/// these, but not for this
/// (<https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/router_filter#http-headers-set>).
const ENVOY: &str = "x-envoy-";

/// `kubectl port-forward` is such a peer too, and its user names localhost with a port of their
/// own.
pub(super) fn is_local(peer: IpAddr, uri: &Uri, headers: &HeaderMap) -> bool {
    let peer = peer.to_canonical();
    let mut hosts = headers.get_all(HOST).iter();
    (peer == Ipv4Addr::LOCALHOST || peer == Ipv6Addr::LOCALHOST)
        && hosts
            .next()
            .is_some_and(|host| host.to_str().is_ok_and(is_loopback))
        && hosts.next().is_none()
        && uri.authority().is_none_or(|target| {
            is_loopback(target.as_str()) && uri.scheme() == Some(&Scheme::HTTP)
        })
        && !headers.keys().any(is_added_on_the_way)
}

/// Why a POST is refused that came from this pod, if it is: it has a body, or a page in a browser
/// sent it.
pub(super) fn refusal(headers: &HeaderMap) -> Option<Response> {
    if headers.keys().any(|name| is_browser(name.as_str())) {
        return Some(text(StatusCode::FORBIDDEN, NOT_A_BROWSER));
    }
    let has_length = headers
        .get(CONTENT_LENGTH)
        .is_some_and(|length| length != "0");
    let has_body = has_length || headers.contains_key(TRANSFER_ENCODING);
    has_body.then(|| text(StatusCode::BAD_REQUEST, "a POST has no body here\n"))
}

fn is_added_on_the_way(name: &HeaderName) -> bool {
    is_forwarding(name) || name.as_str().starts_with(ENVOY)
}

/// One of the three names that this pod has for itself, with any port or none.
fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    ["127.0.0.1", "localhost", "[::1]"]
        .iter()
        .filter_map(|name| host.strip_prefix(name))
        .any(|port| {
            let digits = port.strip_prefix(':');
            port.is_empty()
                || digits.is_some_and(|digits| {
                    digits.bytes().all(|digit| digit.is_ascii_digit())
                        && digits.parse::<u16>().is_ok()
                })
        })
}
