//! What changes where the STS is not AWS's: the forms of key ids, regions and roles.

use super::*;

/// Endpoints of AWS: the region's own, and one by its name.
const AWS: [Option<&str>; 2] = [None, Some("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com")];

/// What is said of a credentials file with this key id, where the STS is at `endpoint` or AWS's.
fn keys(endpoint: Option<&str>, id: &str) -> Result<(), String> {
    let file = format!(
        "{{region: eu-central-1, {} profiles: {{default: {{sessionToken: {{credentialsFile: /keys}}}}}}}}",
        endpoint.map(|url| format!("stsEndpoint: '{url}',")).unwrap_or_default()
    );
    let profile = &Given::file(&file).loaded().config.profiles[0];
    let content = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = x\n");
    profile.source_file().1.parse(content.as_bytes()).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn key_ids_that_an_administrator_chose_are_taken_where_the_sts_is_not_awss() {
    let ceph = Some("https://rgw.example.org");
    for id in ["loki-reader", "a.b@c", "AKIAIOSFODNN7EXAMPLE", "team:backup"] {
        assert_eq!(keys(ceph, id), Ok(()), "{id}");
    }
    for endpoint in AWS {
        for id in ["loki-reader", "a.b@c"] {
            assert!(keys(endpoint, id).is_err_and(|said| said.contains("aws_access_key_id")), "{id} {endpoint:?}");
        }
        assert_eq!(keys(endpoint, "AKIAIOSFODNN7EXAMPLE"), Ok(()));
    }
    for bad in ["a/b", "a,b", "a b", "a=b", "a\"b", "a\\b", "ä"] {
        let said = keys(ceph, bad).expect_err(bad);
        assert!(said.contains("aws_access_key_id") && !said.contains(bad), "{said}");
    }
}

#[test]
fn a_region_is_only_a_name_where_no_host_is_made_of_it() {
    let with = |region: &str, endpoint: Option<&str>| {
        let mut given = Given::variables([]);
        given.flags.set("region", region.to_owned());
        if let Some(url) = endpoint {
            given.flags.set("sts-endpoint", url.to_owned());
        }
        given.load().map(|loaded| loaded.config.sts.region.expect("a region").as_str().to_owned())
    };
    let ceph = Some("https://rgw.example.org");
    for region in ["RegionOne", "default", "de_north.1", "us-east-1", "zone:a", "Region~1"] {
        assert_eq!(with(region, ceph).expect(region), region);
    }
    // What would end the scope of a signature, or the header that it is in.
    for bad in ["", "a/b", "a,b", "a=b", "a b", "a\"b", "a\\b", "ä", "a\n", &"x".repeat(129)] {
        let said = with(bad, ceph).expect_err(bad).to_string();
        assert!(said.starts_with("--region: ") && said.contains("printable"), "{said}");
    }
    for endpoint in AWS {
        assert_eq!(with("eu-central-1", endpoint).expect("a region of AWS"), "eu-central-1");
        for bad in ["RegionOne", "eu_central", "a.b"] {
            let said = with(bad, endpoint).expect_err(bad).to_string();
            assert!(said.contains("a region looks like eu-central-1") && said.contains("stsEndpoint"), "{said}");
        }
    }
}
