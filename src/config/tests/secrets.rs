//! No secret is shown, whatever is wrong around it; no document takes the process down.

use super::*;

#[test]
fn no_secret_is_in_debug_or_the_description() {
    let inline =
        r#"{"clients":[{"name":"app","authorizationToken":"canary-canary-canary-canary-canary"}]}"#;
    let config = Given::variables([REGION, ("STSIDECAR_CONFIG_INLINE", inline)])
        .loaded()
        .config;
    let token = config.clients[0]
        .authorization_token
        .as_ref()
        .expect("given");
    assert!(token.expose().starts_with("canary"));
    let document = file::Document::read("inline", inline.as_bytes()).expect("a document");
    let shown = format!("{config:?} {} {document:?}", config.describe());
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(
        config.describe()["clients"][0]["authorizationTokenGiven"],
        true
    );
}

#[test]
fn no_error_about_a_client_repeats_its_authorization_token() {
    for client in [
        "{name: app, authorizationToken: canary}",
        "{name: app, authorizationToken: [canary]}",
        "{name: app, authorizationToken: {canary: canary}}",
        "{name: app, authorizationToken: !!int canary}",
        "{name: app, authorizationToken: !canary canary}",
        "{name: app, authorizationToken: !!binary canary}",
        "{name: app, authorizationToken: *canary}",
        "{name: app, authorizationToken: 'canary}",
        "{name: app, authorizationToken: \"canary\\q\"}",
        "{name: app, authorizationToken:canary}",
        "{name: app, authorizationToken=canary}",
        "{name: app, authorizationToken: canary, x}",
    ] {
        let file = format!(
            "region: r\nprofiles: {{default: {{webIdentity: {{}}}}}}\nclients:\n  - {client}\n"
        );
        let error = Given::file(&file).error();
        assert!(!error.contains("canary"), "{client}: {error}");
        let inline = format!(r#"{{"clients":[{client}]}}"#).replace('\'', "\"");
        let error = Given::variables([REGION, ("STSIDECAR_CONFIG_INLINE", &inline)]).error();
        assert!(!error.contains("canary"), "{client}: {error}");
    }
    for token in ["5551234", "[\"5551234\"]", "true5551234", "\"5551234"] {
        let inline = format!(r#"{{"clients":[{{"name":"app","authorizationToken":{token}}}]}}"#);
        let error = Given::variables([REGION, ("STSIDECAR_CONFIG_INLINE", &inline)]).error();
        assert!(!error.contains("5551234"), "{token}: {error}");
    }
}

#[test]
fn nesting_without_end_is_refused_and_does_not_overflow_the_stack() {
    for open in ["[", "{a: "] {
        let deep = open.repeat(100_000);
        let file = format!("profiles: {{default: {{webIdentity: {{policy: {deep}");
        assert!(!Given::file(&file).error().is_empty());
        let inline = format!(r#"{{"profiles":{{"default":{{"webIdentity":{{"policy":{deep}"#)
            .replace("{a", "{\"a\"");
        assert!(
            !Given::variables([("STSIDECAR_CONFIG_INLINE", &inline)])
                .error()
                .is_empty()
        );
    }
}
