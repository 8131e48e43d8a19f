//! Which calls go through the proxy, and which past it.
//!
//! Owns what `NO_PROXY` means. There is no standard: curl takes blanks between entries and ignores
//! a dot in front and at the end, Go takes ports, `*.name` and `*` anywhere
//! (<https://github.com/curl/curl/blob/master/lib/noproxy.c>,
//! <https://pkg.go.dev/golang.org/x/net/http/httpproxy>). An operator tested the value with one of
//! them, so the proxy is bypassed where either would. It connects to nothing: `http.rs` asks it
//! before each new connection.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::Error;
use super::dial::host_and_port;
use crate::sts::settings;

/// The proxy, with what is reached without it.
pub(super) struct Proxy {
    proxy: Matcher,
    bypassed: Vec<Entry>,
}

impl Proxy {
    pub(super) fn new(proxy: &settings::Proxy) -> Result<Self, Error> {
        proxy.url.host().ok_or(Error::Proxy)?;
        let entries = proxy
            .no_proxy
            .split(|c: char| c == ',' || c.is_whitespace());
        let bypassed = entries.filter_map(Entry::parse).collect();
        Ok(Self {
            proxy: Matcher::builder().https(proxy.url.to_string()).build(),
            bypassed,
        })
    }

    /// The proxy to call `server` through; none for one that is reached without it.
    pub(super) fn intercept(&self, server: &Uri) -> Option<Intercept> {
        let (host, port) = host_and_port(server);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let is_bypassed = self.bypassed.iter().any(|entry| entry.holds(&host, port));
        self.proxy.intercept(server).filter(|_| !is_bypassed)
    }
}

/// One entry of `NO_PROXY`.
struct Entry {
    hosts: Hosts,
    /// Only on this port.
    port: Option<u16>,
}

enum Hosts {
    All,
    Address(IpAddr),
    /// An address, and how many of its first bits count.
    Network(IpAddr, u32),
    /// A name in lower case and the names below it; without itself behind `*.`.
    Domain {
        name: String,
        itself: bool,
    },
}

impl Entry {
    /// Nothing for a text that neither curl nor Go could match with anything.
    fn parse(text: &str) -> Option<Self> {
        if let Some(network) = network(text) {
            return Some(Self {
                hosts: network,
                port: None,
            });
        }
        let (host, port) = match text.rsplit_once(':') {
            // The colons of an IPv6 address are no port's.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port),
            _ => (text, ""),
        };
        let port = if port.is_empty() {
            None
        } else {
            Some(port.parse().ok()?)
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let name = host.strip_prefix("*.").unwrap_or(host);
        let itself = name.len() == host.len();
        let name = name
            .strip_prefix('.')
            .unwrap_or(name)
            .trim_end_matches('.')
            .to_ascii_lowercase();
        let hosts = match bare.parse() {
            Ok(address) => Hosts::Address(address),
            Err(_) if host == "*" => Hosts::All,
            Err(_) if name.is_empty() => return None,
            Err(_) => Hosts::Domain { name, itself },
        };
        Some(Self { hosts, port })
    }

    fn holds(&self, host: &str, port: u16) -> bool {
        let address: Result<IpAddr, _> = host.parse();
        let is_host = match &self.hosts {
            Hosts::All => true,
            Hosts::Address(own) => address.is_ok_and(|address| address == *own),
            Hosts::Network(own, bits) => {
                address.is_ok_and(|address| has_same_beginning(address, *own, *bits))
            }
            Hosts::Domain { name, itself } => match host.strip_suffix(name.as_str()) {
                Some("") => *itself,
                Some(before) => before.ends_with('.'),
                None => false,
            },
        };
        is_host && self.port.is_none_or(|own| own == port)
    }
}

/// `10.0.0.0/8`.
fn network(text: &str) -> Option<Hosts> {
    let (address, bits) = text.split_once('/')?;
    let (address, bits): (IpAddr, u32) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Hosts::Network(address, bits))
}

fn has_same_beginning(one: IpAddr, other: IpAddr, bits: u32) -> bool {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bypassed(no_proxy: &str, url: &str) -> bool {
        let proxy = "http://proxy.example.com:3128".parse().expect("a URL");
        let proxy = Proxy::new(&settings::Proxy {
            url: proxy,
            no_proxy: no_proxy.to_owned(),
        })
        .expect("a host");
        proxy.intercept(&url.parse().expect("a URL")).is_none()
    }

    const NONE: &str = "";

    /// `NO_PROXY`, a URL, and who bypasses the proxy for it, by `lib/noproxy.c` and
    /// `golang.org/x/net/http/httpproxy`.
    const BYPASSED: &[(&str, &str, &str)] = &[
        ("sts.example.com", "https://sts.example.com", "curl go"),
        ("sts.example.com", "https://STS.Example.com", "curl go"),
        ("STS.EXAMPLE.COM", "https://sts.example.com", "curl go"),
        ("example.com", "https://sts.example.com", "curl go"),
        ("example.com", "https://notexample.com", NONE),
        ("example.com", "https://example.com.evil.test", NONE),
        (".example.com", "https://sts.example.com", "curl go"),
        (".example.com", "https://example.com", "curl"),
        ("*.example.com", "https://sts.example.com", "go"),
        ("*.example.com", "https://example.com", NONE),
        ("sts.example.com.", "https://sts.example.com", "curl"),
        ("sts.example.com", "https://sts.example.com.", "curl"),
        ("*", "https://sts.example.com", "curl go"),
        ("a.test,*", "https://sts.example.com", "go"),
        (
            "* a.test",
            "https://sts.example.com",
            "the union of both separators",
        ),
        ("a.*.test", "https://a.b.test", NONE),
        // Ports.
        ("sts.example.com:443", "https://sts.example.com", "go"),
        (
            "sts.example.com:443",
            "https://sts.example.com:443/path",
            "go",
        ),
        ("sts.example.com:443", "https://sts.example.com:8443", NONE),
        ("sts.example.com:8443", "https://sts.example.com:8443", "go"),
        (".example.com:8443", "https://sts.example.com:8443", "go"),
        ("example.com:8443", "https://sts.example.com:443", NONE),
        ("sts.example.com:", "https://sts.example.com", "go"),
        (":443", "https://sts.example.com", NONE),
        ("10.1.2.3:8443", "https://10.1.2.3:8443", "go"),
        ("10.1.2.3:8443", "https://10.1.2.3", NONE),
        ("[fd00::1]:8443", "https://[fd00::1]:8443", "go"),
        ("[fd00::1]:8443", "https://[fd00::1]", NONE),
        // Separators.
        (
            "a.test sts.example.com b.test",
            "https://sts.example.com",
            "curl",
        ),
        (
            "a.test, sts.example.com ,b.test",
            "https://sts.example.com",
            "curl go",
        ),
        ("a.test\tsts.example.com", "https://sts.example.com", "curl"),
        (
            "a.test\nsts.example.com:443\n",
            "https://sts.example.com",
            "ports and blanks together",
        ),
        (",, ,sts.example.com,", "https://sts.example.com", "curl go"),
        (" , ", "https://sts.example.com", NONE),
        // Addresses and networks.
        ("10.1.2.3", "https://10.1.2.3", "curl go"),
        ("10.1.2.3", "https://10.1.2.30", NONE),
        ("10.0.0.0/8", "https://10.1.2.3:8443", "curl go"),
        ("10.0.0.0/8", "https://11.1.2.3", NONE),
        ("10.1.2.3/16", "https://10.1.9.9", "curl go"),
        ("10.1.2.3/32", "https://10.1.2.3", "curl go"),
        ("10.0.0.0/33", "https://10.0.0.0", NONE),
        ("0.0.0.0/0", "https://10.1.2.3", "go"),
        ("0.0.0.0/0", "https://sts.example.com", NONE),
        ("fd00::/8", "https://[fd12::1]", "go"),
        ("fd00::/8", "https://[fe80::1]", NONE),
        ("fd00::1", "https://[fd00::1]", "curl go"),
        ("[fd00::1]", "https://[fd00::1]", "curl, and Go with a port"),
        ("fd00:0:0:0::1", "https://[fd00::1]", "curl go"),
        ("::/0", "https://10.1.2.3", NONE),
        (".2.3", "https://10.1.2.3", "go"),
        // What nothing matches.
        ("http://sts.example.com", "https://sts.example.com", NONE),
        ("sts", "https://sts.example.com", NONE),
    ];

    #[test]
    fn the_proxy_is_bypassed_where_curl_or_go_would() {
        for (no_proxy, url, who) in BYPASSED {
            assert_eq!(
                is_bypassed(no_proxy, url),
                !who.is_empty(),
                "NO_PROXY={no_proxy:?} {url} ({who})"
            );
        }
    }
}
