//! URLs of servers and proxies, as settings hold them: taken as a whole, or refused.
//!
//! Owns what such a URL may have. The text is taken apart here before `http::Uri` sees it, which
//! drops a fragment and takes any digits for a port. Owns also the rule that a token leaves in
//! plain text only to loopback, unless the operator allowed it by name. It never shows a URL:
//! `redact` does. Used by `sts` and `inject`.

use std::net::IpAddr;

use http::Uri;

/// Why a text is not a URL that can be used. Never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No absolute http or https URL.
    #[error("an STS endpoint looks like https://sts.example.com or http://127.0.0.1:8333")]
    Endpoint,
    /// It would be sent nowhere, and shown in logs.
    #[error(
        "leave out what is in front of @: no user or password is sent to STS; a path has %40 instead"
    )]
    User,
    /// The requests have no query of their own.
    #[error("it cannot have a query (?) or fragment (#): take off what begins there")]
    Query,
    /// `http::Uri` would take the scheme's own port instead.
    #[error("the port is a number from 1 to 65535")]
    Port,
    /// The token would be readable on the wire.
    #[error(
        "http:// sends the token in plain text and is only for loopback; use https:// or set allowInsecureSts (STSIDECAR_ALLOW_INSECURE_STS=true)"
    )]
    Insecure,
    /// No URL of a proxy.
    #[error("the URL of a proxy, such as http://proxy.example.com:3128")]
    Proxy,
    /// Another protocol, often a proxy's all the same.
    #[error(
        "the URL of a proxy that takes CONNECT, such as http://proxy.example.com:3128; SOCKS is not spoken"
    )]
    Socks,
    /// A path means nothing to a proxy. Mostly it is a password that was cut.
    #[error(
        "the URL of a proxy, such as http://proxy.example.com:3128, with no path, query or fragment; in its user and password write \
         / as %2F, ? as %3F, # as %23, @ as %40, a blank as %20 and % as %25"
    )]
    Encoding,
}

/// An endpoint of STS or Cognito; `allow_insecure` lets `http://` go beyond loopback.
///
/// # Errors
/// When it is no absolute URL, holds what would be dropped, or would send the token in plain text.
pub fn endpoint(text: &str, allow_insecure: bool) -> Result<Uri, Error> {
    let text = plain(text);
    let Parts {
        scheme,
        user,
        host,
        port,
        tail,
    } = Parts::of(&text).ok_or(Error::Endpoint)?;
    match scheme {
        _ if user.is_some() || tail.contains('@') => return Err(Error::User),
        _ if tail.contains(['?', '#']) => return Err(Error::Query),
        _ if port.is_some_and(|port| !is_port(port)) => return Err(Error::Port),
        "http" | "https" if !host.is_empty() => {}
        _ => return Err(Error::Endpoint),
    }
    let url = same(&text, host, port).ok_or(Error::Endpoint)?;
    if scheme == "http" && !allow_insecure && !is_loopback(host) {
        Err(Error::Insecure)
    } else {
        Ok(url)
    }
}

/// A proxy: `http://proxy:3128`, or `proxy:3128` as many write it.
///
/// # Errors
/// When it is no URL of an HTTP proxy, or holds what would be dropped.
pub fn proxy(text: &str) -> Result<Uri, Error> {
    let text = plain(text);
    let whole = if text.contains("://") {
        text
    } else {
        format!("http://{text}")
    };
    let Parts {
        scheme,
        user,
        host,
        port,
        tail,
    } = Parts::of(&whole).ok_or(Error::Proxy)?;
    let is_encoded = |user: &str| {
        !user.contains(['@', '/', '?', '#', '\\']) && user.bytes().all(|b| b.is_ascii_graphic())
    };
    match scheme {
        _ if scheme.starts_with("socks") => return Err(Error::Socks),
        "http" | "https" => {}
        _ => return Err(Error::Proxy),
    }
    if !matches!(tail, "" | "/") || !user.is_none_or(is_encoded) {
        return Err(Error::Encoding);
    }
    match port {
        Some(port) if !is_port(port) => Err(Error::Port),
        _ if host.is_empty() => Err(Error::Proxy),
        _ => same(&whole, host, port).ok_or(Error::Proxy),
    }
}

/// Whether a host is this machine, as a name or an address with or without its brackets.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    // Names have no case, and one with a dot at its end is the same (RFC 6761, section 6.3, for
    // this one).
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Without the white space around it that files leave, and its scheme in lower case (RFC 3986,
/// section 3.1).
fn plain(text: &str) -> String {
    let text = text.trim_ascii();
    match text.split_once("://") {
        Some((scheme, rest)) => format!("{}://{rest}", scheme.to_ascii_lowercase()),
        None => text.to_owned(),
    }
}

/// A URL's text, cut where RFC 3986 cuts it, and nothing dropped.
struct Parts<'a> {
    scheme: &'a str,
    /// User and password, as written.
    user: Option<&'a str>,
    host: &'a str,
    port: Option<&'a str>,
    /// Path, query and fragment.
    tail: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (authority, tail) =
            rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
        let (user, server) = match authority.rsplit_once('@') {
            Some((user, server)) => (Some(user), server),
            None => (None, authority),
        };
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (server, None),
        };
        Some(Self {
            scheme,
            user,
            host,
            port,
            tail,
        })
    }
}

fn is_port(port: &str) -> bool {
    port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The URL, if the parser that everything behind it uses sees the same server in it.
fn same(text: &str, host: &str, port: Option<&str>) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let agrees =
        url.host() == Some(host) && url.port_u16() == port.and_then(|port| port.parse().ok());
    agrees.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_unless_allowed() {
        for url in [
            "http://127.0.0.1:8333",
            "http://[::1]:1/path",
            "http://localhost",
            "http://LocalHost:8333/",
            "http://localhost.:8333",
            "https://sts.example.com",
        ] {
            assert!(endpoint(url, false).is_ok(), "{url}");
        }
        for url in [
            "http://sts.svc:8333",
            "http://localhost.svc",
            "http://localhost..",
            "http://notlocalhost",
        ] {
            assert_eq!(endpoint(url, false), Err(Error::Insecure), "{url}");
        }
        assert!(endpoint("http://sts.svc:8333", true).is_ok());
    }

    #[test]
    fn an_endpoint_is_refused_for_each_part_that_would_be_dropped() {
        for (text, error) in [
            ("", Error::Endpoint),
            ("sts.example.com", Error::Endpoint),
            ("/path", Error::Endpoint),
            ("ftp://x", Error::Endpoint),
            ("https://", Error::Endpoint),
            ("https://:443", Error::Endpoint),
            ("https:///path", Error::Endpoint),
            ("https://a b", Error::Endpoint),
            ("https://x/a b", Error::Endpoint),
            ("https://x\\y", Error::Endpoint),
            ("https://user:pass@x", Error::User),
            ("https://@x", Error::User),
            ("https://user:pass#1@x", Error::User),
            ("https://user:pa/ss@x", Error::User),
            ("https://x?y", Error::Query),
            ("https://x/#y", Error::Query),
            ("https://x#", Error::Query),
            ("https://x:", Error::Port),
            ("https://x:0", Error::Port),
            ("https://x:65536", Error::Port),
            ("https://x:+1", Error::Port),
            ("https://x:y", Error::Port),
        ] {
            assert_eq!(endpoint(text, true).err(), Some(error), "{text}");
        }
        assert_eq!(
            endpoint(" HTTPS://x:65535/Y\n", false)
                .expect("a URL")
                .to_string(),
            "https://x:65535/Y"
        );
    }

    #[test]
    fn a_proxy_may_have_a_user_and_an_encoded_password() {
        for text in [
            "proxy",
            "proxy:3128",
            "me:p%23@proxy",
            "http://proxy/",
            "https://[fd00::1]:3128",
            "HTTP://me@p:1",
        ] {
            assert!(proxy(text).is_ok(), "{text}");
        }
        for (text, error) in [
            ("", Error::Proxy),
            ("http://", Error::Proxy),
            ("http://me:pass@", Error::Proxy),
            ("ftp://proxy", Error::Proxy),
            ("socks5h://me:pass@proxy:1080", Error::Socks),
            ("http://proxy:3128/pac", Error::Encoding),
            ("http://me:p#1@proxy", Error::Encoding),
            ("http://me:p/1@proxy", Error::Encoding),
            ("http://me:p?1@proxy", Error::Encoding),
            ("http://me:p@1@proxy", Error::Encoding),
            ("http://me:p 1@proxy", Error::Encoding),
            ("http://me:pä@proxy", Error::Encoding),
            ("http://me:pass", Error::Port),
            ("http://proxy:99999", Error::Port),
        ] {
            assert_eq!(proxy(text).err(), Some(error), "{text}");
        }
    }
}
