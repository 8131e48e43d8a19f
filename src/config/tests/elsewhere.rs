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
