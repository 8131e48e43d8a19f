//! What changes where the STS is not AWS's: the forms of key ids, regions and roles.

use super::*;

/// Endpoints of AWS: the region's own, and one by its name.
const AWS: [Option<&str>; 2] = [
    None,
    Some("https://vpce-1.sts.eu-central-1.vpce.amazonaws.com"),
];

/// What is said of a credentials file with this key id, where the STS is at `endpoint` or AWS's.
fn keys(endpoint: Option<&str>, id: &str) -> Result<(), String> {
    let file = format!(
        "{{region: eu-central-1, {} profiles: {{default: {{sessionToken: {{credentialsFile: /keys}}}}}}}}",
        endpoint
            .map(|url| format!("stsEndpoint: '{url}',"))
            .unwrap_or_default()
    );
    let profile = &Given::file(&file).loaded().config.profiles[0];
    let content = format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = x\n");
    profile
        .source_file()
        .1
        .parse(content.as_bytes())
        .map(|_| ())
        .map_err(|error| error.to_string())
}

#[test]
fn key_ids_that_an_administrator_chose_are_taken_where_the_sts_is_not_awss() {
    let ceph = Some("https://rgw.example.org");
    for id in [
        "loki-reader",
        "a.b@c",
        "AKIAIOSFODNN7EXAMPLE",
        "team:backup",
    ] {
        assert_eq!(keys(ceph, id), Ok(()), "{id}");
    }
    for endpoint in AWS {
        for id in ["loki-reader", "a.b@c"] {
            assert!(
                keys(endpoint, id).is_err_and(|said| said.contains("aws_access_key_id")),
                "{id} {endpoint:?}"
            );
        }
        assert_eq!(keys(endpoint, "AKIAIOSFODNN7EXAMPLE"), Ok(()));
    }
    for bad in ["a/b", "a,b", "a b", "a=b", "a\"b", "a\\b", "ä"] {
        let said = keys(ceph, bad).expect_err(bad);
        assert!(
            said.contains("aws_access_key_id") && !said.contains(bad),
            "{said}"
        );
    }
}

/// The region of this setting, where the STS is at `endpoint` or AWS's.
fn region_at(endpoint: Option<&str>, region: &str) -> Result<String, String> {
    let mut given = Given::variables([]);
    given.flags.set("region", region.to_owned());
    if let Some(url) = endpoint {
        given.flags.set("sts-endpoint", url.to_owned());
    }
    let config = given.load().map_err(|error| error.to_string())?.config;
    Ok(config.sts.region.expect("a region").as_str().to_owned())
}

#[test]
fn a_region_is_only_a_name_where_no_host_is_made_of_it() {
    let ceph = Some("https://rgw.example.org");
    for region in [
        "RegionOne",
        "default",
        "de_north.1",
        "us-east-1",
        "zone:a",
        "Region~1",
    ] {
        assert_eq!(region_at(ceph, region).as_deref(), Ok(region));
    }
    // What would end the scope of a signature, or the header that it is in.
    for bad in [
        "",
        "a/b",
        "a,b",
        "a=b",
        "a b",
        "a\"b",
        "a\\b",
        "ä",
        "a\n",
        &"x".repeat(129),
    ] {
        let said = region_at(ceph, bad).expect_err(bad);
        assert!(
            said.starts_with("--region: ") && said.contains("printable"),
            "{said}"
        );
    }
    for endpoint in AWS {
        assert_eq!(
            region_at(endpoint, "eu-central-1").as_deref(),
            Ok("eu-central-1")
        );
        for bad in ["RegionOne", "eu_central", "a.b"] {
            let said = region_at(endpoint, bad).expect_err(bad);
            assert!(
                said.contains("a region looks like eu-central-1") && said.contains("stsEndpoint"),
                "{said}"
            );
        }
    }
}

/// The role of each step of a profile with a source, two hops and an identity pool's role.
fn roles(endpoints: &str, role: &str) -> Result<Vec<String>, String> {
    let role = json!(role);
    let file = format!(
        "{{region: eu-central-1, {endpoints} profiles: {{
            a: {{webIdentity: {{roleArn: {role}}}, chain: [{{roleArn: {role}}}, {{roleArn: {role}}}]}},
            b: {{saml: {{roleArn: {role}, principalArn: 'arn:aws:iam::111122223333:saml-provider/x', assertionFile: /a}}}}}}}}"
    );
    let Loaded { config, .. } = Given::file(&file)
        .load()
        .map_err(|error| error.to_string())?;
    let steps = config.profiles.iter().flat_map(|profile| &profile.steps);
    Ok(steps
        .filter_map(|step| step.role_arn())
        .map(|role| role.as_str().to_owned())
        .collect())
}

#[test]
fn a_role_is_any_name_where_the_sts_is_not_awss() {
    let ecs = "stsEndpoint: 'https://ecs.example.org/sts',";
    let longest = format!("urn:{}", "x".repeat(2044));
    for role in [
        "urn:ecs:iam::ns1:role/reader",
        "acs:ram::1790295490126939:role/reader",
        "arn:aws:iam::role/S3Access1",
        "qcs::cam::uin/100000000001:roleName/reader",
        "projects/-/serviceAccounts/a",
        &longest,
    ] {
        assert_eq!(roles(ecs, role), Ok(vec![role.to_owned(); 4]), "{role}");
        let at_aws = roles("", role).expect_err(role);
        assert!(
            at_aws
                .contains("not a role ARN: it must look like arn:aws:iam::111122223333:role/NAME"),
            "{at_aws}"
        );
    }
    for bad in [
        "",
        "reader",
        "urn:ecs:iam::n:role",
        "urn:ecs:iam::ns1:role/a b",
        "urn:ecs:iam::ns1:role/a,b",
        "urn:ecs:iam::ns1:role/ä",
    ] {
        let said = roles(ecs, bad).expect_err(bad);
        assert!(
            said.starts_with("profiles.a.webIdentity.roleArn: ") && said.contains("20 to 2048"),
            "{said}"
        );
    }
    assert!(roles(ecs, &format!("{longest}x")).is_err());
}

#[test]
fn the_role_of_a_setting_and_of_an_identity_pool_follow_their_own_endpoints() {
    let urn = "urn:ecs:iam::ns1:role/reader";
    let mut given = Given::variables([
        ("AWS_ROLE_ARN", urn),
        ("AWS_ENDPOINT_URL_STS", "https://ecs.example.org"),
    ]);
    assert!(given.load().is_ok());
    given.variables.insert(
        "AWS_ENDPOINT_URL_STS",
        "https://vpce-1.sts.eu-central-1.vpce.amazonaws.com",
    );
    assert!(given.error().starts_with("AWS_ROLE_ARN: "));
    let pool = "identityPoolId: 'eu-central-1:12345678-1234-1234-1234-123456789012'";
    let mut given = Given::default();
    let file = format!(
        "{{region: eu-central-1, profiles: {{p: {{cognito: {{{pool}, customRoleArn: '{urn}'}}}}}}}}"
    );
    given.variables.insert("STSIDECAR_CONFIG_INLINE", &file);
    given
        .variables
        .insert("AWS_ENDPOINT_URL_STS", "https://ecs.example.org");
    if cfg!(feature = "cognito") {
        assert!(given.error().contains("customRoleArn"), "the pool is AWS's");
        given.variables.insert(
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
            "https://pool.example.org",
        );
        assert!(given.load().is_ok());
    }
}

#[test]
fn a_pool_at_an_endpoint_of_ones_own_has_no_variants() {
    if !cfg!(feature = "cognito") {
        return;
    }
    let pool = "identityPoolId: 'eu-central-1:12345678-1234-1234-1234-123456789012'";
    let file = format!("{{region: eu-central-1, profiles: {{p: {{cognito: {{{pool}}}}}}}}}");
    for variable in ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"] {
        let mut given = Given::default();
        given.variables.insert("STSIDECAR_CONFIG_INLINE", &file);
        given.variables.insert(variable, "true");
        assert!(given.load().is_ok());
        given.variables.insert(
            "AWS_ENDPOINT_URL_COGNITO_IDENTITY",
            "https://pool.example.org",
        );
        let said = given.error();
        assert!(
            said.starts_with(variable) && said.contains("https://pool.example.org"),
            "{said}"
        );
        // Without a pool that endpoint is never called.
        given.variables.remove("STSIDECAR_CONFIG_INLINE");
        given.variables.insert("AWS_REGION", "eu-central-1");
        assert!(given.load().is_ok());
    }
}

#[test]
fn names_of_policies_and_providers_are_taken_as_roles_are() {
    let with = |endpoint: &str, name: &str| {
        let file = format!(
            "{{region: eu-central-1, {endpoint} profiles: {{
                a: {{saml: {{roleArn: 'arn:aws:iam::111122223333:role/x', principalArn: '{name}', assertionFile: /a}}}},
                b: {{webIdentity: {{policyArns: ['{name}']}}}},
                c: {{webIdentity: {{}}, chain: [{{roleArn: 'arn:aws:iam::111122223333:role/x',
                     providedContexts: [{{providerArn: '{name}', contextAssertionFile: /c}}]}}]}}}}}}"
        );
        Given::file(&file)
            .load()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let ecs = "stsEndpoint: 'https://ecs.example.org/sts',";
    assert_eq!(with(ecs, "urn:ecs:iam:::policy/reader"), Ok(()));
    assert!(
        with("", "urn:ecs:iam:::policy/reader").is_err_and(|said| said.contains("principalArn"))
    );
    for bad in [
        "reader",
        "urn:ecs:iam:::policy/a b",
        "urn:ecs:iam:::policy/a,b",
    ] {
        assert!(
            with(ecs, bad).is_err_and(|said| said.contains("principalArn")),
            "{bad}"
        );
    }
}
