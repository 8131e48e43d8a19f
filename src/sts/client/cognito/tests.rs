//! Hosts of identity pools, as the endpoint rule set of the service has them.

use super::*;
use crate::role::Region;

/// One region of each partition, four of the commercial one and an unknown one, each with its
/// hosts: plain, FIPS, dual stack, both.
///
/// Source: the rule set of `cognito-identity` (2014-06-30) and the partitions in botocore 1.44,
/// evaluated.
const HOSTS: [(&str, [&str; 4]); 13] = [
    (
        "us-east-1",
        [
            "cognito-identity.us-east-1.amazonaws.com",
            "cognito-identity-fips.us-east-1.amazonaws.com",
            "cognito-identity.us-east-1.amazonaws.com",
            "cognito-identity-fips.us-east-1.amazonaws.com",
        ],
    ),
    (
        "us-west-2",
        [
            "cognito-identity.us-west-2.amazonaws.com",
            "cognito-identity-fips.us-west-2.amazonaws.com",
            "cognito-identity.us-west-2.amazonaws.com",
            "cognito-identity-fips.us-west-2.amazonaws.com",
        ],
    ),
    (
        "eu-central-1",
        [
            "cognito-identity.eu-central-1.amazonaws.com",
            "cognito-identity-fips.eu-central-1.amazonaws.com",
            "cognito-identity.eu-central-1.amazonaws.com",
            "cognito-identity-fips.eu-central-1.api.aws",
        ],
    ),
    (
        "ap-northeast-1",
        [
            "cognito-identity.ap-northeast-1.amazonaws.com",
            "cognito-identity-fips.ap-northeast-1.amazonaws.com",
            "cognito-identity.ap-northeast-1.amazonaws.com",
            "cognito-identity-fips.ap-northeast-1.api.aws",
        ],
    ),
    (
        "cn-north-1",
        [
            "cognito-identity.cn-north-1.amazonaws.com.cn",
            "cognito-identity-fips.cn-north-1.amazonaws.com.cn",
            "cognito-identity.cn-north-1.api.amazonwebservices.com.cn",
            "cognito-identity-fips.cn-north-1.api.amazonwebservices.com.cn",
        ],
    ),
    (
        "us-gov-west-1",
        [
            "cognito-identity.us-gov-west-1.amazonaws.com",
            "cognito-identity-fips.us-gov-west-1.amazonaws.com",
            "cognito-identity.us-gov-west-1.api.aws",
            "cognito-identity-fips.us-gov-west-1.api.aws",
        ],
    ),
    (
        "us-gov-east-1",
        [
            "cognito-identity.us-gov-east-1.amazonaws.com",
            "cognito-identity-fips.us-gov-east-1.amazonaws.com",
            "cognito-identity.us-gov-east-1.api.aws",
            "cognito-identity-fips.us-gov-east-1.api.aws",
        ],
    ),
    (
        "eusc-de-east-1",
        [
            "cognito-identity.eusc-de-east-1.amazonaws.eu",
            "cognito-identity-fips.eusc-de-east-1.amazonaws.eu",
            "cognito-identity.eusc-de-east-1.api.amazonwebservices.eu",
            "cognito-identity-fips.eusc-de-east-1.api.amazonwebservices.eu",
        ],
    ),
    (
        "us-iso-east-1",
        [
            "cognito-identity.us-iso-east-1.c2s.ic.gov",
            "cognito-identity-fips.us-iso-east-1.c2s.ic.gov",
            "cognito-identity.us-iso-east-1.api.aws.ic.gov",
            "cognito-identity-fips.us-iso-east-1.api.aws.ic.gov",
        ],
    ),
    (
        "us-isob-east-1",
        [
            "cognito-identity.us-isob-east-1.sc2s.sgov.gov",
            "cognito-identity-fips.us-isob-east-1.sc2s.sgov.gov",
            "cognito-identity.us-isob-east-1.api.aws.scloud",
            "cognito-identity-fips.us-isob-east-1.api.aws.scloud",
        ],
    ),
    (
        "eu-isoe-west-1",
        [
            "cognito-identity.eu-isoe-west-1.cloud.adc-e.uk",
            "cognito-identity-fips.eu-isoe-west-1.cloud.adc-e.uk",
            "cognito-identity.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
            "cognito-identity-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
        ],
    ),
    (
        "us-isof-south-1",
        [
            "cognito-identity.us-isof-south-1.csp.hci.ic.gov",
            "cognito-identity-fips.us-isof-south-1.csp.hci.ic.gov",
            "cognito-identity.us-isof-south-1.api.aws.hci.ic.gov",
            "cognito-identity-fips.us-isof-south-1.api.aws.hci.ic.gov",
        ],
    ),
    (
        "xx-new-1",
        [
            "cognito-identity.xx-new-1.amazonaws.com",
            "cognito-identity-fips.xx-new-1.amazonaws.com",
            "cognito-identity.xx-new-1.amazonaws.com",
            "cognito-identity-fips.xx-new-1.api.aws",
        ],
    ),
];

fn pools(fips: bool, dualstack: bool) -> Pools {
    let region = Some(Region::parse("eu-north-1").expect("a region"));
    Pools::new(
        &ClientSettings {
            region,
            fips,
            dualstack,
            ..ClientSettings::default()
        },
        None,
    )
}

#[test]
fn each_partition_has_the_hosts_of_the_services_rules() {
    for (region, hosts) in HOSTS {
        let variants = [(false, false), (true, false), (false, true), (true, true)];
        for ((fips, dualstack), host) in variants.into_iter().zip(hosts) {
            let found = pools(fips, dualstack).host(region).expect(region);
            assert_eq!(found, host, "FIPS {fips}, dual stack {dualstack}");
            let endpoint = Endpoint::parse(&format!("https://{host}"), false).expect("a URL");
            assert!(endpoint.is_aws(), "{host}");
        }
    }
}

#[test]
fn an_endpoint_of_ones_own_is_the_host_whatever_the_region() {
    let endpoint = Endpoint::parse("https://sts.pools.example.org:8443/x", false).expect("a URL");
    let settings = ClientSettings {
        cognito_endpoint: Some(endpoint),
        ..ClientSettings::default()
    };
    assert_eq!(
        Pools::new(&settings, None)
            .host("eu-central-1")
            .expect("a host"),
        "sts.pools.example.org:8443"
    );
}
