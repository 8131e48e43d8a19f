//! Where STS is and how it is reached: values that `config` makes and `client.rs` is built from.
//!
//! Owns the rule that a token never leaves in plain text: `http://` goes to loopback only, unless the
//! operator allowed it by name. It reads no environment and opens no file.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use http::Uri;

use crate::role::{Region, Server};

/// Everything `client.rs` needs to know.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Needed for AWS's own endpoints and for signing.
    pub region: Option<Region>,
    /// A custom STS; without it the region's endpoint of AWS.
    pub endpoint: Option<Endpoint>,
    /// A custom Cognito; without it the one of AWS in the pool's region.
    pub cognito_endpoint: Option<Endpoint>,
    /// `AWS_USE_FIPS_ENDPOINT`; only with AWS's own endpoints.
    pub fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`; only with AWS's own endpoints.
    pub dualstack: bool,
    /// `AWS_CA_BUNDLE`: PEM certificates that replace the system's.
    pub ca_bundle: Option<PathBuf>,
    /// For STS and Cognito only, and never where one of them is on loopback.
    pub proxy: Option<Proxy>,
}

/// An HTTPS proxy with the hosts that bypass it.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// `HTTPS_PROXY`.
    pub url: Uri,
    /// `NO_PROXY`, as written.
    pub no_proxy: String,
}

/// The URL may hold the proxy's password, so only its host is shown.
impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host().unwrap_or_default();
        formatter.debug_struct("Proxy").field("host", &host).field("no_proxy", &self.no_proxy).finish()
    }
}

/// The URL of a custom STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Uri);

/// Why a text is not an STS endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No absolute http or https URL.
    #[error("an STS endpoint looks like https://sts.example.com or http://127.0.0.1:8333, without a query")]
    Url,
    /// The token would be readable on the wire.
    #[error(
        "http:// sends the token in plain text and is only for loopback; use https:// or set allowInsecureSts (STSIDECAR_ALLOW_INSECURE_STS=true)"
    )]
    Insecure,
}

impl Endpoint {
    /// Reads a URL; `allow_insecure` lets `http://` go beyond loopback.
    ///
    /// # Errors
    /// When it is no absolute URL, or would send the token in plain text.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, Error> {
        let url: Uri = text.parse().map_err(|_| Error::Url)?;
        let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return Err(Error::Url) };
        if url.query().is_some() || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(Error::Url);
        }
        match scheme {
            "https" => Ok(Self(url)),
            "http" if allow_insecure || is_loopback(authority.host()) => Ok(Self(url)),
            "http" => Err(Error::Insecure),
            _ => Err(Error::Url),
        }
    }

    /// Whether it is on this machine, and so never behind a proxy.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(is_loopback)
    }

    /// Whether TLS is spoken.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether AWS runs it: a VPC endpoint or another explicit name in one of AWS's partitions.
    #[must_use]
    pub fn is_aws(&self) -> bool {
        Server::of_host(self.0.host().unwrap_or_default()) == Server::Aws
    }

    /// Whose server is asked; without an endpoint of one's own it is AWS's.
    #[must_use]
    pub fn server(endpoint: Option<&Self>) -> Server {
        if endpoint.is_none_or(Self::is_aws) { Server::Aws } else { Server::Other }
    }

    /// Host and port as written.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.authority().map_or("", http::uri::Authority::as_str)
    }

    /// The URL as text.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.to_string()
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_loopback_unless_allowed() {
        for url in ["http://127.0.0.1:8333", "http://[::1]:1/path", "http://localhost", "https://sts.example.com"] {
            assert!(Endpoint::parse(url, false).is_ok(), "{url}");
        }
        assert_eq!(Endpoint::parse("http://sts.svc:8333", false), Err(Error::Insecure));
        assert!(Endpoint::parse("http://sts.svc:8333", true).is_ok());
    }

    #[test]
    fn names_in_aws_domains_are_aws() {
        for (url, aws) in [
            ("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com", true),
            ("https://STS.cn-north-1.amazonaws.com.cn", true),
            ("https://sts.example.com", false),
            ("https://evilamazonaws.com", false),
            ("http://127.0.0.1:8333", false),
        ] {
            assert_eq!(Endpoint::parse(url, false).map(|endpoint| endpoint.is_aws()), Ok(aws), "{url}");
        }
    }

    #[test]
    fn debug_shows_no_password_of_the_proxy() {
        let url = "http://user:canary@proxy.example.com:3128".parse().expect("a URL");
        let shown = format!("{:?}", Proxy { url, no_proxy: ".svc".into() });
        assert!(shown.contains("proxy.example.com") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn what_is_no_absolute_url_is_refused() {
        for bad in ["", "sts.example.com", "/path", "ftp://x", "https://x?y", "https://user:pass@x", "https://"] {
            assert_eq!(Endpoint::parse(bad, true), Err(Error::Url), "{bad}");
        }
    }
}
