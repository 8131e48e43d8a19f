//! Hosts of STS, as the endpoint rule set of the service has them.

use super::*;

/// A region of each partition with its hosts: plain, FIPS, dual stack, both. FIPS in `GovCloud` is
/// the plain host.
///
/// Source: the rule set of STS (2011-06-15) and the partitions in botocore 1.44, evaluated.
const HOSTS: [(&str, [&str; 4]); 11] = [
    (
        "us-east-1",
        [
            "sts.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
            "sts.us-east-1.api.aws",
            "sts-fips.us-east-1.api.aws",
        ],
    ),
    (
        "eu-central-1",
        [
            "sts.eu-central-1.amazonaws.com",
            "sts-fips.eu-central-1.amazonaws.com",
            "sts.eu-central-1.api.aws",
            "sts-fips.eu-central-1.api.aws",
        ],
    ),
    (
        "cn-north-1",
        [
            "sts.cn-north-1.amazonaws.com.cn",
            "sts-fips.cn-north-1.amazonaws.com.cn",
            "sts.cn-north-1.api.amazonwebservices.com.cn",
            "sts-fips.cn-north-1.api.amazonwebservices.com.cn",
        ],
    ),
    (
        "us-gov-west-1",
        [
            "sts.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.api.aws",
            "sts-fips.us-gov-west-1.api.aws",
        ],
    ),
    (
        "us-gov-east-1",
        [
            "sts.us-gov-east-1.amazonaws.com",
            "sts.us-gov-east-1.amazonaws.com",
            "sts.us-gov-east-1.api.aws",
            "sts-fips.us-gov-east-1.api.aws",
        ],
    ),
    (
        "eusc-de-east-1",
        [
            "sts.eusc-de-east-1.amazonaws.eu",
            "sts-fips.eusc-de-east-1.amazonaws.eu",
            "sts.eusc-de-east-1.api.amazonwebservices.eu",
            "sts-fips.eusc-de-east-1.api.amazonwebservices.eu",
        ],
    ),
    (
        "us-iso-east-1",
        [
            "sts.us-iso-east-1.c2s.ic.gov",
            "sts-fips.us-iso-east-1.c2s.ic.gov",
            "sts.us-iso-east-1.api.aws.ic.gov",
            "sts-fips.us-iso-east-1.api.aws.ic.gov",
        ],
    ),
    (
        "us-isob-east-1",
        [
            "sts.us-isob-east-1.sc2s.sgov.gov",
            "sts-fips.us-isob-east-1.sc2s.sgov.gov",
            "sts.us-isob-east-1.api.aws.scloud",
            "sts-fips.us-isob-east-1.api.aws.scloud",
        ],
    ),
    (
        "eu-isoe-west-1",
        [
            "sts.eu-isoe-west-1.cloud.adc-e.uk",
            "sts-fips.eu-isoe-west-1.cloud.adc-e.uk",
            "sts.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
            "sts-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
        ],
    ),
    (
        "us-isof-south-1",
        [
            "sts.us-isof-south-1.csp.hci.ic.gov",
            "sts-fips.us-isof-south-1.csp.hci.ic.gov",
            "sts.us-isof-south-1.api.aws.hci.ic.gov",
            "sts-fips.us-isof-south-1.api.aws.hci.ic.gov",
        ],
    ),
    (
        "xx-new-1",
        [
            "sts.xx-new-1.amazonaws.com",
            "sts-fips.xx-new-1.amazonaws.com",
            "sts.xx-new-1.api.aws",
            "sts-fips.xx-new-1.api.aws",
        ],
    ),
];

#[test]
fn each_partition_has_the_hosts_of_the_services_rules() {
    for (region, hosts) in HOSTS {
        let variants = [(false, false), (true, false), (false, true), (true, true)];
        for ((fips, dualstack), meant) in variants.into_iter().zip(hosts) {
            let settings = ClientSettings {
                fips,
                dualstack,
                ..ClientSettings::default()
            };
            assert_eq!(
                host(&settings, region).expect(region),
                meant,
                "FIPS {fips}, dual stack {dualstack}"
            );
            let endpoint = Endpoint::parse(&format!("https://{meant}"), false).expect("a URL");
            assert!(endpoint.is_aws(), "{meant}");
        }
    }
}
