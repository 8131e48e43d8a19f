//! Which calls go through the proxy, and which past it.
//!
//! Owns what `NO_PROXY` means. It connects to nothing: `http.rs` asks it before each new connection.

use hyper_util::client::proxy::matcher::Matcher;

use super::Error;
use crate::sts::settings::Proxy;

pub(super) fn matcher(proxy: &Proxy) -> Result<Matcher, Error> {
    proxy.url.host().ok_or(Error::Proxy)?;
    Ok(Matcher::builder().https(proxy.url.to_string()).no(proxy.no_proxy.clone()).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_bypassed(no_proxy: &str, url: &str) -> bool {
        let proxy = "http://proxy.example.com:3128".parse().expect("a URL");
        let proxy = matcher(&Proxy { url: proxy, no_proxy: no_proxy.to_owned() }).expect("a host");
        proxy.intercept(&url.parse().expect("a URL")).is_none()
    }

    /// `curl` and `go` say who of them bypasses the proxy, by `lib/noproxy.c` and `golang.org/x/net/http/httpproxy`;
    /// the agent does where either would.
    #[test]
    fn the_proxy_is_bypassed_where_curl_or_go_would() {
        const NONE: &str = "";
        for (no_proxy, url, who) in [
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
            ("* a.test", "https://sts.example.com", "the union of both separators"),
            ("a.*.test", "https://a.b.test", NONE),
            // Ports.
            ("sts.example.com:443", "https://sts.example.com", "go"),
            ("sts.example.com:443", "https://sts.example.com:443/path", "go"),
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
            ("a.test sts.example.com b.test", "https://sts.example.com", "curl"),
            ("a.test, sts.example.com ,b.test", "https://sts.example.com", "curl go"),
            ("a.test\tsts.example.com", "https://sts.example.com", "curl"),
            ("a.test\nsts.example.com:443\n", "https://sts.example.com", "ports and blanks together"),
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
        ] {
            assert_eq!(is_bypassed(no_proxy, url), !who.is_empty(), "NO_PROXY={no_proxy:?} {url} ({who})");
        }
    }
}
