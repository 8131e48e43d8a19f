//! Which clients there are, and which profile each has.

use super::*;

#[test]
fn each_profile_is_a_client_of_its_name_unless_clients_are_listed() {
    let config = Given::file("region: r\nprofiles: {b: {webIdentity: {}}, a: {webIdentity: {}}}")
        .loaded()
        .config;
    let shown: Vec<_> = config
        .clients
        .iter()
        .map(|c| (c.name.as_str(), c.token_file.to_str().expect("UTF-8")))
        .collect();
    assert_eq!(
        shown[0],
        ("a", "/var/run/secrets/stsidecar.dev/endpoints/a/token")
    );
    assert_eq!(shown.len(), 2);
}

#[test]
fn a_client_without_a_profile_takes_the_one_of_its_name_else_default() {
    let file = "region: r\nprofiles: {default: {webIdentity: {}}, own: {webIdentity: {}}}";
    let mut given = Given::file(file);
    given.variables.insert(
        "STSIDECAR_CONFIG_INLINE",
        r#"{"clients":[{"name":"own"},{"name":"other"}]}"#,
    );
    let Loaded { config, warnings } = given.loaded();
    assert_eq!(warnings, [""; 0]);
    let profiles: Vec<_> = config
        .clients
        .iter()
        .map(|client| client.profile.as_str())
        .collect();
    assert_eq!(profiles, ["own", "default"]);
}

#[test]
fn the_inline_document_may_stand_beside_a_file_only_with_clients_alone() {
    let mut given =
        Given::file("region: r\nprofiles: {default: {webIdentity: {}}}\nclients: [{name: file}]");
    given.variables.insert(
        "STSIDECAR_CONFIG_INLINE",
        r#"{"clients":[{"name":"inline"}]}"#,
    );
    let Loaded { config, warnings } = given.loaded();
    assert_eq!(config.clients[0].name.as_str(), "inline");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for more in [
        r#"{"region":"x","clients":[]}"#,
        r#"{"profiles":{}}"#,
        r#"{"allowInsecureSts":false}"#,
    ] {
        given.variables.insert("STSIDECAR_CONFIG_INLINE", more);
        assert!(
            given.error().contains("may hold clients only"),
            "{more}: {}",
            given.error()
        );
    }
}

#[test]
fn listed_clients_without_profiles_share_the_profile_of_the_variables() {
    let mut given = Given::variables([
        REGION,
        ("STSIDECAR_CONFIG_INLINE", r#"{"clients":[{"name":"app"}]}"#),
        ("STSIDECAR_AUTHORIZATION_TOKEN_FILE", "/ignored"),
    ]);
    let Loaded { config, warnings } = given.loaded();
    assert_eq!(
        (config.clients[0].profile.as_str(), warnings.len()),
        ("default", 1)
    );
    given
        .flags
        .set("authorization-token-file", "/refused".to_owned());
    assert!(given.error().contains("lists clients"), "{}", given.error());
}
