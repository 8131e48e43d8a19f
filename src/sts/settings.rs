//! Where STS is and how it is reached: values that `config` makes and `client.rs` is built from.
//!
//! Owns which servers are AWS's. What a URL may be is `url`'s; it reads no environment and opens no
//! file.

use std::fmt;
use std::path::PathBuf;

use http::Uri;

use crate::assume::{AttemptTimeout, Service};
use crate::role::{Region, Server};
use crate::url;

/// Everything `client.rs` needs to know.
#[derive(Clone, Debug, Default)]
pub struct ClientSettings {
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
    /// Whether the system's certificates are mounted ones (`SSL_CERT_FILE`, `SSL_CERT_DIR`), which
    /// may be replaced.
    pub has_mounted_roots: bool,
    /// How long one call of an operation may take.
    pub timeout: AttemptTimeout,
    /// For STS and Cognito only, and never where one of them is on loopback.
    pub proxy: Option<Proxy>,
}

impl ClientSettings {
    /// The endpoint of one's own that a service's operations go to; without one it is AWS's.
    #[must_use]
    pub fn endpoint_of(&self, service: Service) -> Option<&Endpoint> {
        match service {
            Service::Sts => self.endpoint.as_ref(),
            Service::Cognito => self.cognito_endpoint.as_ref(),
        }
    }

    /// Whether STS speaks TLS; a Cognito beside it may.
    #[must_use]
    pub fn is_over_tls(&self) -> bool {
        self.endpoint.as_ref().is_none_or(Endpoint::is_https)
    }
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
        formatter
            .debug_struct("Proxy")
            .field("host", &host)
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

/// The URL of a custom STS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint(Uri);

impl Endpoint {
    /// Reads a URL; `allow_insecure` lets `http://` go beyond loopback.
    ///
    /// # Errors
    /// When it is no absolute URL, holds what would be dropped, or would send the token in plain
    /// text.
    pub fn parse(text: &str, allow_insecure: bool) -> Result<Self, url::Error> {
        url::endpoint(text, allow_insecure).map(Self)
    }

    /// Whether it is on this machine, and so never behind a proxy.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host().is_some_and(url::is_loopback)
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
        if endpoint.is_none_or(Self::is_aws) {
            Server::Aws
        } else {
            Server::Other
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_aws_domains_are_aws() {
        for (url, aws) in [
            ("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com", true),
            ("https://STS.cn-north-1.amazonaws.com.cn", true),
            ("https://sts.example.com", false),
            ("https://evilamazonaws.com", false),
            ("http://127.0.0.1:8333", false),
        ] {
            assert_eq!(
                Endpoint::parse(url, false).map(|endpoint| endpoint.is_aws()),
                Ok(aws),
                "{url}"
            );
        }
    }

    #[test]
    fn debug_shows_no_password_of_the_proxy() {
        let url = "http://user:canary@proxy.example.com:3128"
            .parse()
            .expect("a URL");
        let shown = format!(
            "{:?}",
            Proxy {
                url,
                no_proxy: ".svc".into()
            }
        );
        assert!(
            shown.contains("proxy.example.com") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
