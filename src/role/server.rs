//! Whose STS it is: what AWS guarantees of names holds at AWS only.
//!
//! Owns the domains that AWS serves from. `sts` and `inject` ask it about an endpoint's host; `role`, `credentials`
//! and what reads them judge forms by it.

/// Whose STS, or whose Cognito: other servers follow AWS's protocol but not all of its forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Server {
    /// An endpoint of an AWS partition; what is asked where no endpoint is set.
    #[default]
    Aws,
    /// `SeaweedFS`, `MinIO`, Ceph RGW and the like.
    Other,
}

/// The DNS suffixes of AWS's partitions, of IPv4 and of dual stack (partition metadata of the SDKs, 2026-11:
/// <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>).
const DOMAINS: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
];

impl Server {
    /// Whose server has this host name: AWS's also when it is a VPC endpoint or another explicit name of AWS.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let is_below = |domain: &str| {
            host.strip_suffix(domain)
                .is_some_and(|name| name.ends_with('.'))
        };
        if DOMAINS.into_iter().any(is_below) {
            Self::Aws
        } else {
            Self::Other
        }
    }
}
